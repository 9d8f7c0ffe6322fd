"""Pieces of work at the same time, each on its own share of the cores.

Most operations of a small net are too short to be shared by two cores; two halves of a batch are
not.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

MOST = 2  # at the same time

Result = TypeVar("Result")


def together(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """What each task gives, in their order; when one raises, so does this, after all are over.

    Each has the same number of threads whether the caller has 1, 2 or 3, so that those give equal
    bits. A task finds torch's modes, such as no_grad, as they are at the start of a thread.
    """
    futures = [_pool(torch.get_num_threads()).submit(task) for task in tasks]
    wait(futures)
    return [future.result() for future in futures]


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Workers that share this number of threads; they wait for work until the process ends."""
    num = min(MOST, threads)
    pool = ThreadPoolExecutor(num, "eyespot", initializer=_take_threads, initargs=(threads // num,))
    everyone = Barrier(num)
    wait([pool.submit(everyone.wait) for _ in range(num)])
    torch.set_num_threads(threads)
    return pool


def _take_threads(num: int) -> None:
    # A thread takes, at its first call, the number that was set last by any; only then its own.
    torch.get_num_threads()
    torch.set_num_threads(num)
