"""Work on many pictures at once, by a thread per core."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")
# How many batches may wait for the caller, per thread.
_AHEAD = 4


def in_order(function: Callable[[S], T], items: Iterable[S], *, batch: int = 1) -> Iterator[T]:
    """`function` of every item, in order, worked out ahead by a thread per core.

    For work that releases Python's lock, as decoding does. Results that wait are few, whatever
    the number of items; closing the iterator drops what has not begun. A thread takes `batch`
    items at a time: with small items and results, 16 saves a fifth of the time.
    """

    def work(part: list[S]) -> list[T]:
        return [function(item) for item in part]

    num = num_cores()
    remaining = iter(items)
    parts = iter(lambda: list(islice(remaining, batch)), [])
    pool, wait = ThreadPoolExecutor(num), True
    try:
        ahead = deque(pool.submit(work, part) for part in islice(parts, num * _AHEAD))
        while ahead:
            results = ahead.popleft().result()
            ahead.extend(pool.submit(work, part) for part in islice(parts, 1))
            yield from results
    except GeneratorExit:
        # Nothing is waited for: the garbage collector may close this inside a thread's start, and
        # the threads of this pool want the lock that is held there in order to end.
        wait = False
        raise
    finally:
        pool.shutdown(wait, cancel_futures=True)


def num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
