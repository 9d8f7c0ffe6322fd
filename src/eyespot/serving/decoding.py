"""Bodies to prepared pictures, in threads beside the event loop.

What comes in one turn of the loop and is small goes to a thread together: waking a thread for every
picture of a few hundred bytes costs more than decoding it.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from eyespot.errors import ImageError
from eyespot.images.decode import num_cores
from eyespot.models.predict import prepared
from eyespot.values import Array, Preparation

_SMALL = 16 * 2**10  # bytes that a thread takes at once, but for a picture that is larger
_MOST_THREADS = 4  # each may need 300 MB for the largest picture


class _Waiting(NamedTuple):
    data: bytes
    shape: Preparation
    picture: "asyncio.Future[Array]"


class Decoders:
    """Threads that decode and prepare, as many as there are cores but at least two."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max(2, min(_MOST_THREADS, num_cores())), "decoder")
        self._waiting: list[_Waiting] = []

    async def prepared(self, data: bytes, shape: Preparation) -> Array:
        """The picture as the model sees it. Raises ImageError."""
        loop = asyncio.get_running_loop()
        one = _Waiting(data, shape, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._hand_over)
        self._waiting.append(one)
        return await one.picture

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hand_over(self) -> None:
        group: list[_Waiting] = []
        size = 0
        for one in self._waiting:
            if group and size + len(one.data) > _SMALL:
                self._start(group)
                group, size = [], 0
            group.append(one)
            size += len(one.data)
        self._start(group)
        self._waiting = []

    def _start(self, group: list[_Waiting]) -> None:
        done = asyncio.get_running_loop().run_in_executor(self._threads, _work, group)
        done.add_done_callback(lambda done: _tell(group, done))


def _work(group: list[_Waiting]) -> list[Array | Exception]:
    found: list[Array | Exception] = []
    for data, shape, _ in group:
        try:
            found.append(prepared(data, shape))
        except (ImageError, MemoryError) as error:
            found.append(error)
    return found


def _tell(group: list[_Waiting], done: "asyncio.Future[list[Array | Exception]]") -> None:
    """Gives each its result; those whose client has gone want none."""
    if done.cancelled():
        for one in group:
            one.picture.cancel()
        return
    failure = done.exception()
    results = [failure] * len(group) if failure else done.result()
    for one, result in zip(group, results, strict=True):
        if one.picture.done():
            continue
        if isinstance(result, BaseException):
            one.picture.set_exception(result)
        else:
            one.picture.set_result(result)
