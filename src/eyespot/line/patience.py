"""Ctrl-C and SIGTERM, obeyed when the step has ended and its state is saved."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_Handler = Callable[[int, FrameType | None], Any] | int


class Patience:
    """Holds signals back, and knows which has come. A second one is obeyed at once."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, _Handler] = {}
        self._come: signal.Signals | None = None

    @property
    def over(self) -> bool:
        """Whether somebody wants this process to end."""
        return self._come is not None

    def hold(self) -> None:
        """Takes the signals. One that is ignored stays so, as under nohup.

        Raises ValueError in any thread but the main one.
        """
        for number in _SIGNALS:
            before = signal.getsignal(number)
            # None is a handler that was not set from Python, and could not be put back.
            if before is not None and before != signal.SIG_IGN:
                signal.signal(number, self._note)
                self._before[number] = before

    def release(self) -> None:
        """Puts the handlers back that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def obey(self) -> None:
        """Does what the signal would have done when it came, if one has."""
        if self._come is None:
            return
        come, self._come = self._come, None
        self.release()
        signal.raise_signal(come)
        self.hold()  # whoever handled it wants to go on

    def _note(self, number: int, frame: FrameType | None) -> None:
        second = self.over
        self._come = signal.Signals(number)
        if second:
            self.obey()


@contextlib.contextmanager
def patient() -> Iterator[Patience]:
    """Holds signals back until they are asked for. Only a process's main thread can do that."""
    patience = Patience()
    with contextlib.suppress(ValueError):  # signals go to the main thread, not to this one
        patience.hold()
    try:
        yield patience
    finally:
        patience.release()
