"""How much the server takes on, and how it says no."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one client, or all together, may ask of the server.

    idle_seconds: of a connection without a request. header_seconds, body_seconds: from the first
    byte of a request, or of its body, to the last. answer_seconds: from there until the client has
    taken the answer. linger_seconds: how long the rest of a refused body is thrown away. All are
    absolute: a byte now and then prolongs nothing. drain_seconds: for what is begun at the end.
    body_bytes: of one body. held_bytes: of all bodies that are in memory. waiting: pictures that
    are being decoded or wait for the model. pictures: in one request. gather_seconds: how long a
    picture waits for others. watch_seconds: between two looks at the model file.
    """

    idle_seconds: float = 5.0
    header_seconds: float = 5.0
    body_seconds: float = 15.0
    answer_seconds: float = 30.0
    linger_seconds: float = 2.0
    drain_seconds: float = 8.0
    body_bytes: int = 32 * MIB
    held_bytes: int = 256 * MIB
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

    def hold(self, num_bytes: int) -> None:
        """Counts bytes of a body. Raises Refused (503) when there are too many in memory."""
        if self.held_bytes + num_bytes > self.limits.held_bytes:
            raise busy(1)
        self.held_bytes += num_bytes

    def release(self, num_bytes: int) -> None:
        self.held_bytes -= num_bytes

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
