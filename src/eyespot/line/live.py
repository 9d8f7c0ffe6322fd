"""Where frames come from by the words of a command, and how watching them went in a sentence."""

import os
import statistics
import threading
from collections import deque
from collections.abc import Callable

from eyespot.data.arrivals import Arrivals
from eyespot.errors import count
from eyespot.images.camera import connection
from eyespot.images.frames import Reader
from eyespot.line.watching import Look

_REMEMBERED = 10_000  # looks whose lag is told


def reader_of(
    source: str, *, say: Callable[[str], None], idle: Callable[[], None] = lambda: None
) -> Reader:
    """Reads a camera (`0`), a video file, a stream (`rtsp://...`) or a folder that is being filled.

    say: is told of cuts and of files that are no pictures. idle: see Reader.
    Raises UsageError for what is none of them, MissingExtra without OpenCV, and, where it is a
    folder, DataError if it cannot be read; other sources raise with their first frame.
    """
    stop = threading.Event()
    if not os.path.isdir(source) or source.isdecimal():
        return Reader(connection(source), say=say, idle=idle, stop=stop)
    arrivals = Arrivals(source, say=say, pause=stop.wait)
    return Reader(lambda: arrivals, say=say, idle=idle, stop=stop)


class Tally:
    """Counts looks."""

    def __init__(self) -> None:
        self._num = 0
        self._first = self._last = 0.0
        self._lags: deque[float] = deque(maxlen=_REMEMBERED)

    def __len__(self) -> int:
        return self._num

    def add(self, look: Look) -> None:
        now = look.frame.taken + look.lag
        self._first = self._first if self._num else now
        self._last = now
        self._num += 1
        self._lags.append(look.lag)

    def sentence(self, *, left_out: int) -> str:
        """How many frames, how fast, and how late the answers came; of at least one."""
        words = count(self._num, "frame")
        if self._last > self._first:
            words += f", {(self._num - 1) / (self._last - self._first):.1f} a second"
        if left_out:
            words += f", {left_out:,} left out for newer ones"
        lags = sorted(self._lags)
        median, late = statistics.median(lags), lags[int(0.95 * (len(lags) - 1))]
        return (
            f"{words}; answered {1000 * median:.1f} ms after a frame was there (median; 95 of 100 "
            f"within {1000 * late:.1f} ms)"
        )
