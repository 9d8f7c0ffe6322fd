"""How much the server takes on, and how it says no."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one client, or all together, may ask of the server.

    idle_seconds: of a connection without a request. header_seconds, body_seconds: from the first
    byte of a request, or of its body, to the last. answer_seconds: from there until the client has
    taken the answer. linger_seconds: how long the rest of a refused body is thrown away. All are
    absolute: a byte now and then prolongs nothing. work_seconds: for what the server does, before
    it gives up. drain_seconds: for what is begun at the end.
    body_bytes: of one body. large_bytes: from which on a body is large, of which num_large are read
    and answered at a time; the next one waits for gate_seconds. held_bytes: of all others that are
    in memory. waiting: pictures that are being decoded or wait for the model. pictures: in one
    request. gather_seconds: how long a picture waits for others. watch_seconds: between two looks
    at the model file.
    """

    idle_seconds: float = 5.0
    header_seconds: float = 5.0
    body_seconds: float = 15.0
    work_seconds: float = 20.0
    answer_seconds: float = 30.0
    linger_seconds: float = 5.0
    gate_seconds: float = 5.0
    drain_seconds: float = 8.0
    body_bytes: int = 32 * MIB
    large_bytes: int = 1 * MIB
    num_large: int = 4
    held_bytes: int = 128 * MIB
    waiting: int = 256
    pictures: int = 64
    connections: int = 1000
    gather_seconds: float = 0.002
    watch_seconds: float = 1.0


class Refused(Exception):
    """A request that gets no answer but a status and a sentence."""

    def __init__(
        self, status: int, sentence: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})


def busy(seconds: float) -> Refused:
    """503 with the time, in seconds, after which it is worth trying again."""
    wait = str(max(1, math.ceil(seconds)))
    return Refused(503, f"the server is busy; try again in {wait} s", headers={"retry-after": wait})


@dataclass
class Load:
    """What is being worked on at this moment; used from the event loop alone."""

    limits: Limits
    held_bytes: int = 0
    waiting: int = 0
    seconds_each: float = field(default=0.0)  # that a picture has lately taken

    def __post_init__(self) -> None:
        self._gate = asyncio.Semaphore(self.limits.num_large)

    @contextmanager
    def bytes(self) -> Iterator[Callable[[int], None]]:
        """Counts the bytes that it is told of while it is open.

        What it gives raises Refused (503) when too many are in memory.
        """
        held = 0

        def hold(num: int) -> None:
            nonlocal held
            if self.held_bytes + num > self.limits.held_bytes:
                raise busy(1)
            self.held_bytes += num
            held += num

        try:
            yield hold
        finally:
            self.held_bytes -= held

    @asynccontextmanager
    async def large(self) -> AsyncIterator[None]:
        """The right to read a large body. Raises Refused (503) when others have it for too long."""
        try:
            await asyncio.wait_for(self._gate.acquire(), self.limits.gate_seconds)
        except TimeoutError as error:
            raise busy(self.limits.gate_seconds) from error
        try:
            yield
        finally:
            self._gate.release()

    @contextmanager
    def pictures(self, num: int) -> Iterator[None]:
        """Counts pictures while they are answered. Raises Refused (503) when too many wait."""
        if self.waiting + num > self.limits.waiting:
            raise busy(self.waiting * self.seconds_each)
        self.waiting += num
        try:
            yield
        finally:
            self.waiting -= num

    def took(self, seconds: float, num: int) -> None:
        """Remembers how long `num` pictures took."""
        self.seconds_each += 0.1 * (seconds / num - self.seconds_each)
