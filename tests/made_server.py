"""A server in a thread, with a model that needs no training, and clients that behave badly."""

import contextlib
import http.client
import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyespot.serving import serve, swapping
from eyespot.serving.limits import Limits
from eyespot.serving.server import Server
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

PATIENCE = 60.0  # seconds after which a test gives up, on however slow a machine


class Levels:
    """A model that reads a digit from a picture's grey level: 60 is 0, 70 is 1, and so on.

    Above 200 it is unlike all that it knows. hold: what it waits for before it answers.
    """

    preparation = Preparation(size=8, channels=1, fit="pad", mean=(0.5,), std=(0.5,))
    scores = np.linspace(0, 1, 64, dtype=np.float32)

    def __init__(self, classes: str = "0123456789", preparation: Preparation | None = None) -> None:
        self.preparation = preparation or self.preparation
        self.classes = tuple(classes)
        self.card = SimpleNamespace(
            preparation=self.preparation, classes=self.classes, score=None, refuses=True
        )
        self.hold = threading.Event()
        self.hold.set()
        self.batches: list[int] = []

    def probabilities(self, images: Array) -> Array:
        return self.examine(images)[0]

    def examine(self, images: Array) -> tuple[Array, Array]:
        assert self.hold.wait(PATIENCE)
        self.batches.append(len(images))
        level = images.mean(axis=(1, 2, 3))
        num = len(self.classes)
        probs = np.full((len(images), num), 0.1 / (num - 1), np.float32)
        said = np.rint((level - 60) / 10).astype(int).clip(0, num - 1)
        probs[np.arange(len(images)), said] = 0.9
        return probs, np.where(level > 200, 2.0, 0.5).astype(np.float32)


def picture(level: int, side: int = 8) -> bytes:
    """A PNG of one grey."""
    file = io.BytesIO()
    Image.fromarray(np.full((side, side), level, np.uint8)).save(file, "PNG")
    return file.getvalue()


THREE = picture(90)


@dataclass
class Reply:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass
class Running:
    """A server that runs. said: the lines of its log."""

    port: int
    said: list[str] = field(default_factory=list)
    server: Server | None = None
    model: Any = None
    host: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self.ask("POST", path, body, headers)

    def send(self, data: bytes) -> socket.socket:
        """A connection on which these bytes were sent, and nothing was read."""
        client = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        client.sendall(data)
        return client

    def log_with(self, words: str) -> str:
        """The first line of the log with these words, which may still have to come."""
        eventually(lambda: any(words in line for line in self.said))
        return next(line for line in self.said if words in line)


def eventually(fact: Callable[[], bool]) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)


def everything_from(client: socket.socket) -> bytes:
    """All that comes until the server closes; a reset is a close, too."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


@contextlib.contextmanager
def levels_in(folder: Path, model: Levels) -> Iterator[Path]:
    """A file which, while the context is open, is taken for this model."""
    path = folder / "levels.onnx"
    path.write_bytes(b"a model")
    real = swapping.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swapping, "load", lambda one: model if one == path else real(one))
        yield path


@contextlib.contextmanager
def serving_levels(
    folder: Path, *, model: Levels | None = None, **options: Any
) -> Iterator[Running]:
    """A server of `Levels`, new ones if none are given; as `running` for the rest."""
    model = model or Levels()
    with levels_in(folder, model) as path, running(path, **options) as server:
        server.model = model
        yield server


@contextlib.contextmanager
def running(model: Path, *, limits: Limits | None = None, **options: Any) -> Iterator[Running]:
    """`serve` on a free port, in a thread, until the context ends."""
    said: list[str] = []
    servers: list[Server] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            serve(model, port=0, limits=limits, say=said.append, started=servers.append, **options)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()

    def stop() -> None:
        for server in servers:
            server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()

    try:
        eventually(lambda: bool(failures) or (bool(servers) and servers[0].started))
        if failures:
            raise failures[0]
        port = int(re.search(r":(\d+)/", said[0])[1])  # type: ignore[index]
        yield Running(port, said, servers[0])
    finally:
        stop()
    assert not failures
