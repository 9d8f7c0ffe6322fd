"""Bodies to prepared pictures, in threads beside the event loop.

What comes in one turn of the loop and is small goes to a thread together: waking a thread for every
picture of a few hundred bytes costs more than decoding it. What is large is done by one thread, one
after the other: 50 megapixels take 300 MB for a while, and must not keep small ones waiting.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from eyespot.errors import ImageError
from eyespot.images.decode import image_size
from eyespot.images.parallel import num_cores

_SMALL = 16 * 2**10  # bytes that a thread takes at once, but for a picture that is larger
_LARGE = 6_000_000  # pixels
_MOST_THREADS = 4
# So many bytes of PNG cannot hold a large picture, as deflate makes a 1032nd of them at best; those
# of other formats can.
_PNG, _PNG_BYTES = b"\x89PNG", _LARGE // 1032

T = TypeVar("T")


class _TooLarge(Exception):
    """Is for the other thread."""


class _Waiting(NamedTuple):
    data: bytes
    work: Callable[[bytes], Any]
    result: "asyncio.Future[Any]"


class Decoders:
    """Threads for work on bytes: one for each core but at least two, and one for what is large."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max(2, min(_MOST_THREADS, num_cores())), "decoder")
        self._large = ThreadPoolExecutor(1, "large")
        self._waiting: list[_Waiting] = []

    async def decode(self, data: bytes, work: Callable[[bytes], T]) -> T:
        """What `work` makes of the bytes of a picture. Raises ImageError."""
        loop = asyncio.get_running_loop()
        one = _Waiting(data, work, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._hand_over)
        self._waiting.append(one)
        try:
            result: T = await one.result
            return result
        except _TooLarge:
            return await self.alone(lambda: work(data))
        finally:
            del one  # an error holds this frame: without it the body goes at once

    async def alone(self, work: Callable[[], T]) -> T:
        """Large work, after that which came before."""
        return await asyncio.get_running_loop().run_in_executor(self._large, work)

    def close(self) -> None:
        for pool in (self._threads, self._large):
            pool.shutdown(wait=False, cancel_futures=True)

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


def _work(group: list[_Waiting]) -> list[Any]:
    found: list[Any] = []
    for data, work, result in group:
        try:
            if result.done():  # nobody waits any more
                raise ImageError("came too late")
            if _is_large(data):
                raise _TooLarge
            found.append(work(data))
        except (ImageError, MemoryError, _TooLarge) as error:
            # A new one: what this one was raised through holds the body, until Python looks for
            # circles. Bodies of 31 MiB from 32 clients took 1.2 GB by that.
            found.append(type(error)(str(error)))
    return found


def _is_large(data: bytes) -> bool:
    if len(data) <= _PNG_BYTES and data.startswith(_PNG):
        return False
    width, height = image_size(data)
    return width * height > _LARGE


def _tell(group: list[_Waiting], done: "asyncio.Future[list[Any]]") -> None:
    """Gives each its result; those whose client has gone want none."""
    if done.cancelled():
        for one in group:
            one.result.cancel()
        return
    failure = done.exception()
    results = [failure] * len(group) if failure else done.result()
    for one, result in zip(group, results, strict=True):
        if one.result.done():
            continue
        if isinstance(result, BaseException):
            one.result.set_exception(result)
        else:
            one.result.set_result(result)
