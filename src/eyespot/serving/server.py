"""Runs the application on uvicorn until it is told to stop; what has begun is finished."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from eyespot.serving.answering import Answering
from eyespot.serving.application import Service, application
from eyespot.serving.batching import Batcher
from eyespot.serving.deadlines import MAX_HEADERS, connections
from eyespot.serving.limits import Limits, Load
from eyespot.serving.metrics import Metrics

if TYPE_CHECKING:
    from eyespot.serving.collecting import Collection
    from eyespot.serving.doorway import Access
    from eyespot.serving.swapping import Shelf

Say = Callable[[str], None]


class _Log(logging.Handler):
    """uvicorn's and asyncio's complaints, a line each; with the place where the code has failed."""

    def __init__(self, say: Say) -> None:
        super().__init__(logging.ERROR)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage().strip()
        if record.exc_info and (error := record.exc_info[1]):
            words += f": {type(error).__name__}: {error}"
            trace = error.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            if trace:
                words += f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        self._say(words)


class Server(uvicorn.Server):
    """uvicorn's server, which Ctrl-C and SIGTERM end and SIGHUP gives its model anew."""

    swap: Callable[[], object] = staticmethod(lambda: None)
    ready: Callable[[], object] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in uvicorn, but an end that was asked for is no death by a signal afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def renew(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.swap)

        handlers: dict[int, Callable[[int, FrameType | None], None]] = {
            signal.SIGINT: self.handle_exit,
            signal.SIGTERM: self.handle_exit,
        }
        if hasattr(signal, "SIGHUP"):  # not on Windows
            handlers[signal.SIGHUP] = renew
        before = {number: signal.signal(number, one) for number, one in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def run(
    server_socket: socket.socket,
    shelf: "Shelf",
    access: "Access",
    *,
    limits: Limits,
    metrics: Metrics,
    collection: "Collection | None",
    say: Say,
    started: Callable[[Server], None] = lambda server: None,
) -> None:
    """Answers until the server is told to stop. started: gets the server when it answers."""
    load = Load(limits)
    batcher = Batcher(load, count=metrics.batch)
    answering = Answering(load, shelf, batcher, metrics)
    service = Service(
        load=load,
        shelf=shelf,
        answering=answering,
        metrics=metrics,
        collection=collection,
        say=say,
        num_connections=lambda: len(server.server_state.connections),
    )
    server = Server(
        uvicorn.Config(
            application(service, access),
            http=connections(limits, say),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEADERS,
            timeout_keep_alive=max(1, round(2 * limits.idle_seconds)),  # ours comes before
            timeout_graceful_shutdown=max(1, round(limits.drain_seconds)),
        )
    )
    jobs = [
        asyncio.create_task(batcher.run()),
        asyncio.create_task(shelf.watch(limits.watch_seconds)),
    ]
    swaps: set[asyncio.Task[bool]] = set()

    def swap() -> None:
        task = asyncio.create_task(shelf.swap())
        swaps.add(task)  # asyncio itself holds tasks weakly
        task.add_done_callback(swaps.discard)

    server.swap = swap
    server.ready = lambda: started(server)
    with _logging_to(say):
        try:
            await server.serve(sockets=[server_socket])
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            answering.close()


@contextlib.contextmanager
def _logging_to(say: Say) -> Iterator[None]:
    handler = _Log(say)
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
