"""The body of a request, read under limits: a picture, or JSON with many."""

import asyncio
import binascii
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope

from eyespot.serving.limits import MIB, Limits, Load, Refused

_RAW = "send the picture's bytes as the body, as curl --data-binary @picture.png does"
_FORM = 'send {"images": [{"name": "a.png", "data": "its bytes in base64"}, ...]}'
_LONGEST_NAME = 255
# What a body of pictures has few of: base64 is free of them, and only names may hold some. A list
# of ten million empty lists is a body of 30 MB, and 700 MB of memory.
_MARKS = (b",", b"[", b"{")


@asynccontextmanager
async def body_of(request: Request, load: Load) -> AsyncIterator[bytes]:
    """The body, which counts as held while the context is open. Raises Refused."""
    async with contextlib.AsyncExitStack() as held:
        body = await _read(request, load, held)
        if not body:
            raise Refused(400, f"the body is empty (0 bytes); {_RAW}")
        yield body


async def _read(request: Request, load: Load, held: contextlib.AsyncExitStack) -> bytes:
    limits, body, more = load.limits, bytearray(), True
    with contextlib.ExitStack() as counted:
        hold = counted.enter_context(load.bytes())
        try:
            _check_headers(request, limits)
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the client hung up")  # the connection's line says so
                piece, more = message.get("body", b""), message.get("more_body", False)
                before, after = len(body), len(body) + len(piece)
                if after > limits.body_bytes:
                    raise _too_large(limits)
                if before <= limits.large_bytes < after:
                    await held.enter_async_context(load.large())
                    counted.close()
                elif after <= limits.large_bytes:
                    hold(len(piece))
                body += piece
        except Refused:
            if more:
                await discard(request.scope, request.receive, limits.linger_seconds)
            raise
        held.push(counted.pop_all())
    return bytes(body)


async def discard(scope: Scope, receive: Receive, seconds: float) -> None:
    """Reads what is left of a refused body, for so long: most clients send all before they listen.

    Not of a client that asks first (Expect: 100-continue), which sends nothing more.
    """
    if any(name == b"expect" for name, _ in scope["headers"]):
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive()).get("more_body"):
                pass


def is_json(request: Request) -> bool:
    return _content_type(request) == "application/json"


def pictures_in(body: bytes, limits: Limits) -> list[tuple[str, bytes]]:
    """The names and the bytes of the pictures in a JSON body. Raises Refused (400)."""
    if sum(body.count(mark) for mark in _MARKS) > limits.pictures * (_LONGEST_NAME + 8):
        raise Refused(400, f"the body is not the JSON that is wanted; {_FORM}")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON ({_reason(error)}); {_FORM}") from error
    if not isinstance(value, dict) or value.keys() != {"images"}:
        raise Refused(400, f"the JSON is not an object with 'images' and nothing else; {_FORM}")
    items = value["images"]
    if not isinstance(items, list) or not 1 <= len(items) <= limits.pictures:
        raise Refused(400, f"'images' is no list of 1 to {limits.pictures} pictures; {_FORM}")
    return [_picture(number, item) for number, item in enumerate(items, 1)]


def _picture(number: int, item: Any) -> tuple[str, bytes]:
    if isinstance(item, str):
        item = {"data": item}
    if not isinstance(item, dict) or not item.keys() <= {"name", "data"}:
        raise Refused(400, f"picture {number} is not a name with data; {_FORM}")
    name, data = item.get("name", f"picture {number}"), item.get("data")
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise Refused(400, f"the name of picture {number} is not {_LONGEST_NAME} letters or fewer")
    try:
        return name, binascii.a2b_base64(data, strict_mode=True)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise Refused(400, f"the data of picture {number} is not base64; {_FORM}") from error


def _check_headers(request: Request, limits: Limits) -> None:
    """Refuses what need not be read to be known as wrong."""
    headers = request.headers
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(415, "the body is compressed; send the picture's bytes as they are")
    if _content_type(request).startswith("multipart/"):
        raise Refused(415, f"forms are not read; {_RAW}")
    length = headers.get("content-length")
    if length is not None and "transfer-encoding" in headers:
        raise Refused(400, "the request has a length and says that it has none; send one of them")
    if length is not None and int(length) > limits.body_bytes:  # digits: the parser has seen to it
        raise _too_large(limits)


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_large(limits: Limits) -> Refused:
    return Refused(
        413, f"the body is larger than {limits.body_bytes / MIB:g} MiB; send a smaller picture"
    )


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
