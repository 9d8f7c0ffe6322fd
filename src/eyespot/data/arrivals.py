"""The pictures that come into a folder while it is watched."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Generator
from typing import NamedTuple

from eyespot.data.sources.assembly import natural
from eyespot.data.sources.tree import hidden
from eyespot.errors import DataError, ImageError, count
from eyespot.images.decode import open_image
from eyespot.images.frames import Frame
from eyespot.values.arrays import Array

POLL_SECONDS = 0.2
PATIENCE = 5.0  # seconds without a change after which a file that is no picture is called so
_SHARE = 0.2  # of the time, at most, that looking through a large folder takes


class _State(NamedTuple):
    """What tells whether a file has changed, and which it is, whatever its name."""

    mtime: int
    size: int
    inode: int


class Arrivals:
    """Each picture that comes into a folder, once, when it is complete, in order of arrival: a
    source of frames.

    Complete is a file that has not changed between two looks and can be decoded. What is there at
    the beginning is left alone, and so are hidden files and folders in the folder. A file that is
    renamed or touched is no new picture; one whose pixels are replaced is. Files that are no
    pictures are told once.
    """

    live = False

    def __init__(
        self,
        folder: str,
        *,
        say: Callable[[str], None],
        pause: Callable[[float], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """pause: waits so many seconds and says whether to stop.

        Raises DataError for a folder that cannot be read.
        """
        self.title = f"the folder {folder}"
        self._folder, self._say, self._pause, self._clock = folder, say, pause, clock
        self._began = clock()
        there = self._files()
        self._done = set(there.values())
        self._waiting: dict[str, tuple[_State, float]] = {}
        self._digests: dict[str, bytes] = {}
        self._frames = self._arriving()
        alone = f"; {count(len(there), 'file')} there already left alone" if there else ""
        say(f"waiting for pictures in {folder}{alone}")

    def read(self) -> Frame | None:
        return next(self._frames, None)

    def close(self) -> None:
        self._frames.close()

    def _arriving(self) -> Generator[Frame, None, None]:
        while True:
            before = self._clock()
            present = self._files()
            took = self._clock() - before
            self._forget(present)
            for name in sorted(present, key=lambda name: (present[name].mtime, natural(name))):
                pixels = self._complete(name, present[name])
                if pixels is not None:
                    now = self._clock()
                    yield Frame(pixels=pixels, time=now - self._began, taken=now, name=name)
            if self._pause(max(POLL_SECONDS, took / _SHARE)):
                return

    def _complete(self, name: str, state: _State) -> Array | None:
        """The pixels of a new picture, if it is one and it is all there."""
        if state in self._done:
            return None
        seen, since = self._waiting.get(name, (None, 0.0))
        if seen != state:
            self._waiting[name] = (state, self._clock())
            return None
        try:
            pixels = open_image(os.path.join(self._folder, name)).pixels
        except ImageError as error:
            if self._clock() - since >= PATIENCE:  # somebody may be writing it slowly
                self._say(f"{name} {error}")
                self._finish(name, state)
            return None
        self._finish(name, state)
        digest = hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        if self._digests.get(name) == digest:
            return None
        self._digests[name] = digest
        return pixels

    def _finish(self, name: str, state: _State) -> None:
        del self._waiting[name]
        self._done.add(state)

    def _files(self) -> dict[str, _State]:
        """The state of each file that is in the folder now."""
        try:
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries if not hidden(entry.name)]
        except OSError as error:
            raise DataError(
                f"{self.title} cannot be read ({error.strerror}); name one that can"
            ) from error
        states = ((name, _state(os.path.join(self._folder, name))) for name in names)
        return {name: state for name, state in states if state}

    def _forget(self, present: dict[str, _State]) -> None:
        """Drops what is known about files that are gone: memory does not grow with the years."""
        self._done &= set(present.values())
        self._waiting = {name: one for name, one in self._waiting.items() if name in present}
        self._digests = {name: one for name, one in self._digests.items() if name in present}


def _state(path: str) -> _State | None:
    """None for what is no file, or has gone since."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return _State(status.st_mtime_ns, status.st_size, status.st_ino)
