"""The web application: each path, and what it answers."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from eyespot.serving.answering import Answering, wanted_of
from eyespot.serving.bodies import body_of, is_json, pictures_in
from eyespot.serving.collecting import Collection
from eyespot.serving.doorway import Access, Doorway, told
from eyespot.serving.limits import Load, Refused
from eyespot.serving.metrics import Metrics
from eyespot.serving.openapi import description
from eyespot.serving.page import File, page_files
from eyespot.serving.swapping import Shelf


@dataclass(frozen=True)
class Service:
    """What requests are answered with."""

    load: Load
    shelf: Shelf
    answering: Answering
    metrics: Metrics
    collection: Collection | None
    say: Callable[[str], None]
    num_connections: Callable[[], int] = lambda: 0
    collecting: asyncio.Lock = field(default_factory=asyncio.Lock)


def application(service: Service, access: Access) -> ASGIApp:
    """All paths, behind the checks of `access`."""
    pages = _Pages(page_files())
    app = Starlette(
        routes=[
            Route("/", pages.index),
            Route("/page/{path:path}", pages.file),
            Route("/predict", predict, methods=["POST"]),
            Route("/collect", collect, methods=["POST"]),
            Route("/model", model),
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
        ],
        exception_handlers={
            Refused: _refused,
            HTTPException: _not_there,
            Exception: _failed,
        },
    )
    app.state.service = service
    return Doorway(
        app,
        access,
        count=service.metrics.request,
        linger_seconds=service.load.limits.linger_seconds,
    )


async def predict(request: Request) -> Response:
    """What is on a picture, the body; or on many, in JSON."""
    service = _service(request)
    wanted = wanted_of(request.query_params)
    async with body_of(request, service.load) as body:
        if not is_json(request):
            return _json(await service.answering.one(body, wanted))
        pictures = await service.answering.read(lambda: pictures_in(body, service.load.limits))
        return _json({"predictions": await service.answering.many(pictures, wanted)})


async def collect(request: Request) -> Response:
    """Keeps a picture, the body, under the class that a person has named."""
    service = _service(request)
    if service.collection is None:
        raise Refused(403, "this server collects nothing; start it with --collect FOLDER")
    label = request.query_params.get("label", "")
    async with body_of(request, service.load) as body:
        await service.answering.checked(body)
        classes = service.shelf.current.model.classes
        async with service.collecting:
            count = await asyncio.to_thread(service.collection.add, label, body, classes=classes)
    service.metrics.num_collected += 1
    return _json({"label": label, "count": count})


async def model(request: Request) -> Response:
    service = _service(request)
    return _json(service.shelf.current.facts(collect=service.collection is not None))


async def health(request: Request) -> Response:
    return _json({"status": "ok"})


async def metrics(request: Request) -> Response:
    service = _service(request)
    text = service.metrics.text(service.load, connections=service.num_connections())
    return Response(text, media_type="text/plain; version=0.0.4")


async def openapi(request: Request) -> Response:
    return _json(description(_service(request).load.limits))


class _Pages:
    def __init__(self, files: dict[str, File]) -> None:
        self._files = files

    async def index(self, request: Request) -> Response:
        return self._answer("index.html")

    async def file(self, request: Request) -> Response:
        return self._answer(request.path_params["path"])

    def _answer(self, path: str) -> Response:
        file = self._files.get(path)
        if file is None:
            raise HTTPException(404)
        headers = {"content-type": file.kind, "cache-control": "no-cache"}
        return Response(file.data, headers=headers)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return told(error)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        sentence = f"{request.method} is not for this path; see /openapi.json"
    else:
        sentence = "there is nothing under this path; see /openapi.json"
    return told(Refused(error.status_code, sentence, headers=error.headers))


async def _failed(request: Request, error: Exception) -> Response:
    """For what nobody has foreseen; Starlette hands the error on, and the log tells of it."""
    if isinstance(error, MemoryError):
        return told(Refused(503, "there is not enough memory", headers={"retry-after": "1"}))
    return told(Refused(500, "the server failed; its log says why"))
