"""How often a portion was begun, and what is done about one that kills whoever works on it.

Ray gives the work of a lost worker to another one, for ever. So the third one looks, in a child
process, which picture it is that kills, and puts that one aside.
"""

import contextlib
import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from eyespot.cluster.portions import Portion
from eyespot.errors import EyespotError, ImageError
from eyespot.images.decode import open_image

Begun = Callable[[int], int]
"""Notes that somebody begins a portion; how often that was, now."""

_CAREFUL = 3  # from this attempt on each picture is tried by a child
_MOST = 6  # attempts, after which it is not the pictures


class _Tally:
    """An actor that counts."""

    def __init__(self) -> None:
        self._num = Counter[int]()

    def begin(self, number: int) -> int:
        self._num[number] += 1
        return self._num[number]


def tally_here() -> Begun:
    """Counts on this machine, for workers on all of them. Can be pickled by Ray."""
    import ray

    from eyespot.cluster.connection import on_this_machine

    tally = ray.remote(_Tally).options(num_cpus=0, scheduling_strategy=on_this_machine()).remote()

    def begun(number: int) -> int:
        num: int = ray.get(tally.begin.remote(number))
        return num

    return begun


def safe_images(portion: Portion, attempt: int) -> Callable[[int], Any]:
    """What opens the picture at a place; from the third attempt on it raises ImageError for one
    that kills.

    Raises EyespotError for a portion that goes on to kill without such pictures.
    """
    images, names = portion.images, portion.names
    if attempt > _MOST:
        raise EyespotError(
            f"{attempt - 1} workers were lost one after the other at portion {portion.number} "
            f"({names[0]} to {names[-1]}), and no picture of it kills by itself; look at the "
            "memory of the machines, use fewer --workers"
        )
    deadly = deadly_places(images) if attempt >= _CAREFUL else set[int]()

    def opened(place: int) -> Any:
        if place in deadly:
            raise ImageError("kills the process that decodes it")
        return images[place]

    return opened


def deadly_places(images: Sequence[Any]) -> set[int]:
    """Which images kill the process that decodes them: a child tries them one after the other."""
    found, start = set[int](), 0
    while start < len(images):
        reached = _reached(images, start)
        if reached is None or reached == len(images):
            break
        found.add(reached)
        start = reached + 1
    return found


def _reached(images: Sequence[Any], start: int) -> int | None:
    """The place at which a child that begins at `start` died, their number if it did not.

    None where it did not even begin.
    """
    context = multiprocessing.get_context(
        "spawn"
    )  # a fork of a worker has the locks of its threads
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_try, args=(images, start, theirs), daemon=True)
    child.start()
    theirs.close()
    reached = None
    with ours, contextlib.suppress(EOFError):
        while True:
            reached = ours.recv()
    child.join()
    return reached


def _try(images: Sequence[Any], start: int, tell: Connection) -> None:
    """In the child: decodes, and says first what comes now."""
    for place in range(start, len(images)):
        tell.send(place)
        with contextlib.suppress(Exception):  # what is raised, the worker will meet by itself
            open_image(images[place])
    tell.send(len(images))
