"""Pictures that come one after another: from a camera, a stream, a film or a folder.

A source stands behind four names, so that OpenCV, a folder and a ten-line fake are all one.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from eyespot.errors import EyespotError
from eyespot.values.arrays import Array

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between two attempts to reach what was cut off
_WAKE_SECONDS = 0.1  # a wait without an end cannot be interrupted on every system
_LEAVE_SECONDS = 1.0  # that a source which hangs is waited for at the end


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One of the pictures. pixels: uint8 (H, W, C), C 1 or 3.

    time: seconds since the source began, on its own clock: a film's are those of the film.
    taken: `time.monotonic()` when it was there. name: of a picture that stands for itself, as in a
    folder; empty for one of a row that goes on. rate: how many a second the source gives.
    """

    pixels: Array
    time: float
    taken: float
    name: str = ""
    rate: float = 30.0


class Source(Protocol):
    """What frames come from. title: as sentences call it.

    live: whether it goes on while nobody looks, as a camera does and a film does not. Then only the
    newest frame counts, and an end is a cut.
    """

    @property
    def title(self) -> str: ...

    @property
    def live(self) -> bool: ...

    def read(self) -> Frame | None:
        """The next frame, waited for; None when it is over or cut off."""
        ...

    def close(self) -> None: ...


class Reader:
    """The frames of a source, read by a thread of their own. A context, and an iterator.

    Of a live source each frame is the newest there is, those before it are left out: whoever is
    slow sees fewer, but no older ones. What is cut off is tried again, with growing pauses, for
    ever. Of any other source every frame comes, in order, and the end is the end.
    """

    def __init__(
        self,
        connect: Callable[[], Source],
        *,
        say: Callable[[str], None],
        idle: Callable[[], None] = lambda: None,
        stop: threading.Event | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """connect: opens the source, or raises an EyespotError with the reason, which the first
        time ends it all. say: is told of cuts. idle: is called now and then while no frame comes.
        stop: is set at the end. pause: waits so many seconds, or until the end."""
        self._connect, self._say, self._idle = connect, say, idle
        self._stop = stop or threading.Event()
        self._pause = pause or self._stop.wait
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._failure: BaseException | None = None
        self._over = False
        self.num_read = 0
        self.num_given = 0
        self._thread = threading.Thread(target=self._work, name="frames", daemon=True)

    @property
    def num_left_out(self) -> int:
        """Frames that a newer one has replaced."""
        return self.num_read - self.num_given - (self._frame is not None)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(_LEAVE_SECONDS)

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        while not self._ready():
            self._idle()
        with self._changed:
            if self._frame is None:
                if self._failure is not None:
                    raise self._failure
                raise StopIteration
            frame, self._frame = self._frame, None
            self.num_given += 1
            self._changed.notify_all()
            return frame

    def _ready(self) -> bool:
        """Waits a little for a frame, or for the end; whether one of them is there."""
        with self._changed:
            if self._frame is None and not self._over:
                self._changed.wait(_WAKE_SECONDS)
            return self._frame is not None or self._over

    def _work(self) -> None:
        try:
            source = self._connect()
            while self._read_all(source):
                source = self._again(source.title)
        except _Stopped:
            pass
        except BaseException as failure:  # the thread has nobody to tell: the reader has
            self._failure = failure
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _read_all(self, source: Source) -> bool:
        """Hands over its frames until it ends; whether it is to be opened again."""
        try:
            while not self._stop.is_set():
                frame = source.read()
                if frame is None:
                    return source.live
                self._hand_over(frame, wait=not source.live)
            return False
        finally:
            source.close()

    def _hand_over(self, frame: Frame, *, wait: bool) -> None:
        with self._changed:
            while wait and self._frame is not None and not self._stop.is_set():
                self._changed.wait(_WAKE_SECONDS)
            self._frame = frame
            self.num_read += 1
            self._changed.notify_all()

    def _again(self, title: str) -> Source:
        """The source that was cut off, opened again."""
        cut, seconds, said = time.monotonic(), FIRST_PAUSE, 0.0
        while True:
            if seconds > said:  # not every half minute for a whole night
                self._say(f"{title} gives no more pictures; trying again in {seconds:.0f} s")
                said = seconds
            self._pause(seconds)
            if self._stop.is_set():
                raise _Stopped
            seconds = min(2 * seconds, LONGEST_PAUSE)
            try:
                source = self._connect()
            except EyespotError:  # the reason was told when it was cut; it may take hours to mend
                continue
            self._say(f"{title} is back after {time.monotonic() - cut:.0f} s")
            return source


class _Stopped(Exception):
    """Nobody wants frames any more."""
