"""Pictures of several clients go through the model together, a few milliseconds' worth at a time.

One thread runs the model, so that two batches do not fight for the cores; while it is busy the next
batch gathers. N pictures, K classes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np

from eyespot.models.predict import batch_size
from eyespot.serving.limits import Load
from eyespot.values.arrays import Array
from eyespot.values.model import Model

_LARGEST = 16  # more are no faster: what a net works on should fit into the caches

T = TypeVar("T")


class Examined(NamedTuple):
    """What a model says of one picture: float32 (K,), and how unlike all it knows, or None."""

    probs: Array
    refusal: float | None


class _Waiting(NamedTuple):
    model: Model
    picture: Array
    answer: "asyncio.Future[Examined]"


class Batcher:
    """A queue before the model. It is bounded by `Load.pictures`, which admits what comes here."""

    def __init__(self, load: Load, *, count: Callable[[int], None] = lambda num: None) -> None:
        """count: is told the size of each batch."""
        self._load = load
        self._count = count
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "model")
        self._num_coming = 0

    @contextmanager
    def coming(self) -> Iterator[None]:
        """While it is open a picture is on its way: a batch may wait for it a little."""
        self._num_coming += 1
        try:
            yield
        finally:
            self._num_coming -= 1

    async def examine(self, model: Model, picture: Array) -> Examined:
        """What the model says of a prepared picture, uint8 (S, S, C)."""
        answer: asyncio.Future[Examined] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(model, picture, answer))
        self._arrived.set()
        return await answer

    async def run_beside(self, work: Callable[[], T]) -> T:
        """Work of another kind for the model's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def run(self) -> None:
        """Answers until it is cancelled."""
        try:
            while True:
                await self._arrived.wait()
                if self._num_coming:
                    await asyncio.sleep(self._load.limits.gather_seconds)
                await self._answer(self._next_batch())
                if not self._waiting:
                    self._arrived.clear()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _next_batch(self) -> list[_Waiting]:
        """The first pictures that are for one model: it may have been swapped in between."""
        model = self._waiting[0].model
        most = min(_LARGEST, batch_size(model.preparation.size))
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < most and self._waiting[0].model is model:
            batch.append(self._waiting.popleft())
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        batch = [one for one in batch if not one.answer.done()]  # some clients have hung up
        if not batch:
            return
        pictures = np.stack([one.picture for one in batch])
        begin = time.perf_counter()
        try:
            probs_NK, refusals = await self.run_beside(lambda: batch[0].model.examine(pictures))
        except Exception as error:  # whatever it is, it is each client's answer and not the end
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        self._load.took(time.perf_counter() - begin, len(batch))
        self._count(len(batch))
        for row, one in enumerate(batch):
            if not one.answer.done():
                refusal = None if refusals is None else float(refusals[row])
                one.answer.set_result(Examined(probs_NK[row], refusal))
