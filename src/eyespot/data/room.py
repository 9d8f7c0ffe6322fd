"""Room for the pixels of a set: in memory, or in a file where memory would not hold them.

N images, H height, W width, C channels.
"""

import contextlib
import math
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from eyespot.errors import ResourceError, count
from eyespot.files.cache import cache_folder
from eyespot.values.arrays import Array

# The rest is for the training and for other programs. Memory that is taken stays taken; a file
# gives way, and training from one costs little time (benchmarks/memory.py).
MEMORY_SHARE = 0.5
SPARE = 2**30  # bytes that stay free on the disk, for the run folder and for others

# Where a container's limit stands, in versions 2 and 1 of control groups.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Room(Protocol):
    """Takes a set's pictures, one after the other."""

    def add(self, picture: Array) -> None:
        """picture: uint8 (H, W, C)."""

    def filled(self) -> Array:
        """uint8 (N, H, W, C): the pictures that were added, in order."""


@contextlib.contextmanager
def room_for(
    name: str,
    shape: tuple[int, int, int, int],
    *,
    taken: int = 0,
    say: Callable[[str], None] = lambda sentence: None,
) -> Iterator[Room]:
    """Room for the pictures of the set of this name. shape: (N, H, W, C), N the most there can be.

    What would take too much of the memory, besides the bytes that are `taken` of it, goes to a file
    in the cache folder, and `say` is told so. The file has no name: no other process finds it, and
    it is gone with the last array of its pixels, after `kill -9` too.
    Raises ResourceError when the disk has no room either.
    """
    array = _array(shape, taken)
    if array is not None:
        yield _InMemory(array)
        return
    folder = cache_folder() / "pixels"
    with _told(name, folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_disk(name, shape, folder)
        file = tempfile.TemporaryFile(dir=folder)
    say(
        f"pixels: {_size(math.prod(shape))} in a temporary file in {folder}; memory may hold "
        f"{_size(_share(taken))} of them"
    )
    try:
        yield _InFile(name, folder, file, shape[1:])
    finally:
        with contextlib.suppress(OSError):  # of what could not be written; that was told
            file.close()


def copied(name: str, images: Array, rows: Array) -> Array:
    """Some of the pictures, uint8 (N, H, W, C), where there is room for them besides the others."""
    taken = images.nbytes if _mapping(images) is None else 0
    _, height, width, channels = images.shape
    with room_for(name, (len(rows), height, width, channels), taken=taken) as room:
        for row in rows.tolist():
            room.add(images[row])
        return room.filled()


def expect(images: Array, places: Array) -> None:
    """Has the disk read the pictures at these places all at once, if they lie in a file.

    images: uint8 (N, H, W, C). Each page that is touched and not in memory would else be waited for
    alone: 128 pictures of 128 x 128 then took 0.4 s instead of 10 ms, from a virtual disk.
    """
    mapping = _mapping(images)
    if mapping is None or sys.platform == "win32":  # which knows no such advice
        return
    start = images.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    for place in places.tolist():
        first = start + place * images.strides[0]
        page = first - first % mmap.PAGESIZE
        with contextlib.suppress(OSError):  # it is read all the same, if slowly
            mapping.madvise(mmap.MADV_WILLNEED, page, first + images[0].nbytes - page)


class _InMemory:
    def __init__(self, array: Array) -> None:
        self._array, self._num = array, 0

    def add(self, picture: Array) -> None:
        self._array[self._num] = picture
        self._num += 1

    def filled(self) -> Array:
        return self._array[: self._num]


class _InFile:
    def __init__(self, name: str, folder: Path, file: IO[bytes], shape: tuple[int, ...]) -> None:
        self._name, self._folder, self._file, self._shape = name, folder, file, shape
        self._num = 0

    def add(self, picture: Array) -> None:
        # Written, not mapped yet: where a disk is full, a write fails and a mapping kills.
        with _told(self._name, self._folder):
            self._file.write(np.ascontiguousarray(picture).data)
        self._num += 1

    def filled(self) -> Array:
        if not self._num:  # an empty file cannot be mapped
            return np.empty((0, *self._shape), np.uint8)
        with _told(self._name, self._folder):
            self._file.flush()
            # Shared: Linux refuses a private copy that memory and swap would not hold.
            mapping = mmap.mmap(self._file.fileno(), 0)
        return np.frombuffer(mapping, np.uint8).reshape(self._num, *self._shape)


@contextlib.contextmanager
def _told(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"{name}: the pixels cannot be written to {folder}: {error.strerror or error}; make "
            "room there, or name a folder on another disk by EYESPOT_CACHE"
        ) from error


def _array(shape: tuple[int, ...], taken: int) -> Array | None:
    """An array of this shape, if memory may hold it."""
    if math.prod(shape) <= _share(taken):
        with contextlib.suppress(MemoryError):
            return np.empty(shape, np.uint8)
    return None


def _share(taken: int) -> float:
    """Bytes of memory that pixels may take, besides those that are taken."""
    return max(MEMORY_SHARE * _memory() - taken, 0)


def _check_disk(name: str, shape: tuple[int, ...], folder: Path) -> None:
    """Raises ResourceError where the disk would be full afterwards."""
    needed, free = math.prod(shape), shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise ResourceError(
            f"{name}: {count(shape[0], 'image')} of {shape[2]} x {shape[1]} pixels are "
            f"{_size(needed)}, too much for memory, and {folder} has room for "
            f"{_size(max(free - SPARE, 0))}; name a folder on another disk by EYESPOT_CACHE, or "
            "choose a smaller size, for instance --set size=32"
        )


def _size(num_bytes: float) -> str:
    return f"{num_bytes / 1e9:.1f} GB"


def _mapping(images: Array) -> mmap.mmap | None:
    """The file behind an array, if its pixels lie in one."""
    owner: Any = images
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return owner if isinstance(owner, mmap.mmap) else None


def _memory() -> float:
    """Bytes of memory that this process may have: the machine's, or its container's if less."""
    limits = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on every system
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        with contextlib.suppress(ValueError, OSError):  # "max" is no limit
            limits.append(int(Path(path).read_text()))
    return min(limits, default=math.inf)
