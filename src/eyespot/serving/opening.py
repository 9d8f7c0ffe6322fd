"""`serve()`: what is checked before the first request is answered."""

import asyncio
import contextlib
import errno
import importlib.util
import ipaddress
import secrets
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from eyespot.errors import MissingExtra, ResourceError, UsageError, count
from eyespot.serving.limits import Limits

if TYPE_CHECKING:
    from eyespot.serving.server import Server

_SHORTEST_TOKEN = 8
_LOCAL_NAMES = ("localhost",)
_ALL_ADDRESSES = ("0.0.0.0", "::")
_NOBODY = "192.0.2.1"  # an address for documentation, RFC 5737


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def serve(
    model: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    names: Iterable[str] = (),
    collect: str | Path | None = None,
    limits: Limits | None = None,
    say: Callable[[str], None] = _say,
    started: Callable[["Server"], None] = lambda server: None,
) -> None:
    """Answers over HTTP what the model says of pictures, until Ctrl-C or SIGTERM.

    port: 0 for a free one. token: what clients have to send; other machines are only let in with
    one. names: by which clients reach the server, besides its address. collect: a folder in which
    named pictures are kept. say: is told what happens. started: gets the server when it answers, to
    stop it from another thread by its `should_exit`.
    Raises UsageError, ResourceError (port in use, folder), ModelError, MissingExtra.
    """
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise MissingExtra("starlette and uvicorn", extra="serve", action="serving a model")
    from eyespot.serving.collecting import Collection
    from eyespot.serving.doorway import Access
    from eyespot.serving.metrics import Metrics
    from eyespot.serving.server import run
    from eyespot.serving.swapping import Shelf

    _check_token(host, token)
    metrics = Metrics()
    own = {*_LOCAL_NAMES, host.lower(), *_machine_names(), *(name.lower() for name in names)}
    collection = Collection(Path(collect), say=say) if collect is not None else None
    with _listening(host, port) as server_socket:
        shelf = Shelf(model, say=say, count=lambda outcome: metrics.swaps.update([outcome]))
        address = _address(host, server_socket, token)

        def ready(server: "Server") -> None:
            say(f"{shelf.current.path} answers at {address} until Ctrl-C")
            started(server)

        asyncio.run(
            run(
                server_socket,
                shelf,
                Access(frozenset(own), token),
                limits=limits or Limits(),
                metrics=metrics,
                collection=collection,
                say=say,
                started=ready,
            )
        )
    num = metrics.answers["answered"] + metrics.answers["unknown"]
    say(f"stopped after {count(num, 'answer')}")


def _check_token(host: str, token: str | None) -> None:
    """Raises UsageError for a token that protects nothing, or none where one is needed."""
    if token is None:
        if not _is_loopback(host):
            raise UsageError(
                f"--host {host} lets other machines in, which needs a token that they have to "
                f"send: add --token {secrets.token_urlsafe(12)}"
            )
        return
    if (
        len(token) < _SHORTEST_TOKEN
        or not token.isascii()
        or not token.isprintable()
        or " " in token
    ):
        raise UsageError(
            f"a token has {_SHORTEST_TOKEN} ASCII signs or more and no spaces; "
            f"take --token {secrets.token_urlsafe(12)}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _machine_names() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"} if name else set()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ResourceError, UsageError for a host that is none."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(place[:2], family=family, backlog=1024)
    except OSError as error:
        if isinstance(error, socket.gaierror):
            raise UsageError(f"--host {host} is no address of this machine") from error
        if error.errno == errno.EADDRINUSE:
            raise ResourceError(
                f"port {port} of {host} is in use by another program; name another with --port, "
                "or 0 for any that is free"
            ) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"--host {host} is no address of this machine") from error
        raise ResourceError(f"port {port} of {host} cannot be used: {error.strerror}") from error
    listening.setblocking(False)
    return listening


def _address(host: str, listening: socket.socket, token: str | None) -> str:
    """For a browser. What follows # stays in it: the token reaches no log on its way."""
    port = listening.getsockname()[1]
    shown = _own_address(listening.family) or host if host in _ALL_ADDRESSES else host
    shown = f"[{shown}]" if ":" in shown else shown
    if token and not sys.stderr.isatty():  # a log file is no place for it
        token = "TOKEN"
    return f"http://{shown}:{port}/" + (f"#token={token}" if token else "")


def _own_address(family: int) -> str | None:
    """The address by which other machines reach this one; nothing is sent to find it."""
    if family != socket.AF_INET:
        return None
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((_NOBODY, 9))
        return str(asking.getsockname()[0])
    return None
