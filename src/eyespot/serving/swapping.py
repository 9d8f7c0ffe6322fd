"""The model that answers, and another in its place when the file is replaced, without a pause."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from eyespot.errors import EyespotError, ModelError
from eyespot.models.card import ModelCard
from eyespot.models.facts import page_facts
from eyespot.models.loading import load, model_path
from eyespot.models.predict import Threaded
from eyespot.values.model import Model

_QUICK_SECONDS, _TRIALS = 0.002, 3
_Stamp = tuple[int, int, int]  # what changes when a file is replaced


class ServedModel(Model, Protocol):
    """A model with the card of its file."""

    @property
    def card(self) -> ModelCard: ...


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model that has proved that it answers."""

    model: ServedModel
    path: Path

    def facts(self, *, collect: bool) -> dict[str, Any]:
        """What a page has to know about it."""
        name = self.path.parent.name if self.path.stem == "model" else self.path.stem
        return page_facts(self.model.card, name=name, collect=collect)


class Shelf:
    """Holds the current model. Requests that have begun keep theirs."""

    def __init__(
        self,
        source: str | Path,
        *,
        say: Callable[[str], None],
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        """Raises ModelError for a file that is no sound model. count: is told `done`, `refused`."""
        self._source = source
        self._say = say
        self._count = count
        self._lock = asyncio.Lock()
        self._path = model_path(source)
        self._seen = _stamp(self._path)
        self.current = _loaded(self._path)

    async def watch(self, seconds: float) -> None:
        """Looks at the file that often, and takes a new one, until it is cancelled.

        A file is new when it has changed and, from one look to the next, changes no more.
        """
        before = self._seen
        while True:
            await asyncio.sleep(seconds)
            now = await asyncio.to_thread(_stamp, self._path)
            if now is not None and now == before and now != self._seen:
                await self.swap()
            before = now

    async def swap(self) -> bool:
        """Reads the file again; whether it took its place. The old model goes on if it did not."""
        async with self._lock:
            self._seen = await asyncio.to_thread(_stamp, self._path)
            try:
                fresh = await asyncio.to_thread(_loaded, self._path)
            except (EyespotError, OSError, MemoryError) as error:
                self._say(f"the model stays as it is, because the new one cannot be used: {error}")
                self._count("refused")
                return False
            old, self.current = self.current, fresh
            self._count("done")
            self._say(f"the model of {self._path} was replaced{_changes(old, fresh)}")
            return True


def _loaded(path: Path) -> Loaded:
    """The model in a file, once it has answered. Raises ModelError."""
    model = _without_threads(load(path))
    probs_NK, _ = model.examine(_blank(model))
    if probs_NK.shape != (1, len(model.classes)) or not np.isfinite(probs_NK).all():
        raise ModelError(f"{path} does not answer as its classes want; train or export it again")
    return Loaded(model, path)


def _without_threads(model: ServedModel) -> ServedModel:
    """The same for one core, if it is so quick that connections and decoding need the others more.

    A net of MNIST took 0.32 ms of one core for a picture, of two that wait for each other 0.38 ms
    in all, and HTTP 0.4 ms.
    """
    if not isinstance(model, Threaded):
        return model
    alone, blank = cast(ServedModel, model.in_thread()), _blank(model)
    seconds = []
    for _ in range(_TRIALS):
        begin = time.perf_counter()
        alone.examine(blank)
        seconds.append(time.perf_counter() - begin)
    return alone if min(seconds) < _QUICK_SECONDS else model


def _blank(model: Model) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    shape = model.preparation
    return np.zeros((1, shape.size, shape.size, shape.channels), np.uint8)


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _changes(old: Loaded, new: Loaded) -> str:
    gone = [name for name in old.model.classes if name not in new.model.classes]
    fresh = [name for name in new.model.classes if name not in old.model.classes]
    words = [f"without {', '.join(gone)}"] if gone else []
    words += [f"with {', '.join(fresh)}"] if fresh else []
    return f", {' and '.join(words)}" if words else ""
