"""A connection that ends in time, whatever the client does or does not do.

uvicorn has a limit for idle connections alone: a client that sends a byte now and then, or reads no
answer, keeps its connection for ever, and a few hundred of them keep out everybody else.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from eyespot.serving.limits import Limits

MAX_HEADERS = 32 * 2**10  # bytes
_FULL_BODY = b'{"error": "too many connections are open; try again in 1 s"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_FULL_BODY), _FULL_BODY)
)
_FLUSH_SECONDS = 1.0  # for a last word to a client that may not read it


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "a request"
    HEADERS = "the rest of its headers"
    BODY = "the rest of its body"
    REST = "the rest of a body that was refused"
    ANSWER = "its answer to be taken"


@dataclass(frozen=True)
class Rules:
    """What all connections of a server share."""

    limits: Limits
    say: Callable[[str], None]

    def seconds(self, phase: Phase) -> float:
        limits = self.limits
        return {
            Phase.IDLE: limits.idle_seconds,
            Phase.HEADERS: limits.header_seconds,
            Phase.BODY: limits.body_seconds,
            Phase.REST: limits.linger_seconds,
            Phase.ANSWER: limits.answer_seconds,
        }[phase]


class Connection(H11Protocol):
    """uvicorn's connection, with an absolute deadline for each phase of a request."""

    rules: Rules  # of the subclass that `connections` makes; uvicorn makes the instances
    _timer: asyncio.TimerHandle | None = None
    _waits_for: tuple[Phase, RequestResponseCycle | None] | None = None
    _begun = False  # some of a request's headers have come
    _ended = False  # by the server

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.rules.limits.connections:
            self._ended = True
            transport.write(_FULL)
            self._close()
        else:
            self._set_deadline()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        cycle = self.cycle
        super().data_received(data)
        self._begun = self.cycle is cycle and self.conn.their_state is h11.IDLE
        self._set_deadline()

    def on_response_complete(self) -> None:
        self._begun = False
        super().on_response_complete()
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        if self.cycle and not self.cycle.response_complete and not self._ended:
            stage = "in the middle of its body" if self.cycle.more_body else "before its answer"
            self.rules.say(f"{self._who} hung up {stage}")
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says to what is no HTTP; as JSON, as all that the server says."""
        self._refuse(400, "the request is not HTTP as this server understands it")

    @property
    def _who(self) -> str:
        return self.client[0] if self.client else "a client"

    @property
    def _phase(self) -> Phase:
        in_body = self.conn.their_state is h11.SEND_BODY
        if self.cycle is not None and not self.cycle.response_complete:
            return Phase.BODY if in_body else Phase.ANSWER
        if in_body:
            return Phase.REST
        return Phase.HEADERS if self._begun else Phase.IDLE

    def _set_deadline(self) -> None:
        """Starts the clock of a phase with the phase, and never again while it lasts."""
        phase = self._phase
        if self._waits_for == (phase, self.cycle):
            return
        self._waits_for = phase, self.cycle
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.rules.seconds(phase), self._expire, phase)

    def _expire(self, phase: Phase) -> None:
        if self._ended:
            return
        if phase in (Phase.HEADERS, Phase.BODY):
            seconds = self.rules.seconds(phase)
            self.rules.say(f"{self._who} was cut off: {seconds:g} s went by without {phase.value}")
            self._refuse(408, f"{phase.value} did not come within {seconds:g} s")
        elif phase is Phase.ANSWER:
            self.rules.say(f"{self._who} was cut off: it did not take its answer")
            self._ended = True
            self.transport.abort()
        else:
            self._ended = True
            self._close()

    def _refuse(self, status: int, sentence: str) -> None:
        """Says so, if nothing has been said yet, and closes."""
        self._ended = True
        body = json.dumps({"error": sentence}).encode()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        try:
            head = self.conn.send(h11.Response(status_code=status, headers=headers))
            self.transport.write(head + body)
        except h11.LocalProtocolError:  # in the middle of another answer
            pass
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self.loop.call_later(_FLUSH_SECONDS, self.transport.abort)


def connections(limits: Limits, say: Callable[[str], None]) -> type[Connection]:
    """The class of a server's connections."""
    return type("Connection", (Connection,), {"rules": Rules(limits, say)})
