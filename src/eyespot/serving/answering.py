"""From the bytes of a picture to the answer that a client gets, equal to what `predict` says."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from eyespot.errors import ImageError, UsageError
from eyespot.images.encode import encoded
from eyespot.models.conformal import scores_for
from eyespot.models.predict import Asked, predictions_of, prepared
from eyespot.models.showing import shown
from eyespot.serving.batching import Batcher, Examined
from eyespot.serving.decoding import Decoders
from eyespot.serving.limits import Load, Refused, busy
from eyespot.serving.metrics import Metrics
from eyespot.serving.swapping import Loaded, Shelf
from eyespot.values.arrays import Array
from eyespot.values.model import Model
from eyespot.values.predictions import Prediction
from eyespot.values.preparation import Preparation

_FLAGS = {"0": False, "false": False, "1": True, "true": True}


@dataclass(frozen=True)
class Wanted:
    """What is asked about a picture. show: also what the model saw. heat: also where it looked."""

    asked: Asked = field(default_factory=Asked)
    show: bool = False
    heat: bool = False


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """`top=5&accept_all=1&coverage=0.95&show=1&heat=1`. Raises Refused (400) for anything else."""
    values: dict[str, Any] = {}
    for name, text in query.items():
        try:
            values[name] = _READERS[name](text)
        except KeyError as error:
            known = ", ".join(_READERS)
            raise Refused(400, f"'{name}={text}' is not understood; there are {known}") from error
        except ValueError as error:
            raise Refused(400, f"'{name}={text}' is not understood") from error
    show, heat = values.pop("show", False), values.pop("heat", False)
    return Wanted(Asked(**values), show, heat)


def _flag(text: str) -> bool:
    if text not in _FLAGS:
        raise ValueError
    return _FLAGS[text]


def _num_classes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) and len(text) < 7):
        raise ValueError
    return int(text)


_READERS: dict[str, Callable[[str], object]] = {
    "top": _num_classes,
    "accept_all": _flag,
    "coverage": float,
    "show": _flag,
    "heat": _flag,
}


T = TypeVar("T")


class _Seen(NamedTuple):
    """A prepared picture, uint8 (S, S, C), and pictures for a person by their names."""

    picture: Array
    sights: dict[str, str]


class Answering:
    """Decodes in threads, asks the model in batches, and says it in JSON."""

    def __init__(self, load: Load, shelf: Shelf, batcher: Batcher, metrics: Metrics) -> None:
        self._load = load
        self._shelf = shelf
        self._batcher = batcher
        self._metrics = metrics
        self._decoders = Decoders()

    async def one(self, data: bytes, wanted: Wanted) -> dict[str, object]:
        """The answer about a picture. Raises Refused: 422 for what is none, 503, 400."""
        async with self._working(1):
            try:
                return await self._answer("picture", data, wanted, self._shelf.current)
            except ImageError as error:
                raise Refused(422, f"the body {error}") from error

    async def many(
        self, pictures: Sequence[tuple[str, bytes]], wanted: Wanted
    ) -> list[dict[str, object]]:
        """An answer about each picture by its name, or an error. Raises Refused: 503, 400."""
        loaded = self._shelf.current

        async def answer(name: str, data: bytes) -> dict[str, object]:
            try:
                return await self._answer(name, data, wanted, loaded)
            except ImageError as error:
                return {"name": name, "error": f"the picture {error}"}

        async with self._working(len(pictures)):
            return list(await asyncio.gather(*(answer(*picture) for picture in pictures)))

    async def checked(self, data: bytes) -> None:
        """Raises Refused (422) for bytes that are no picture which can be decoded, 503."""
        async with self._working(1):
            try:
                await self._decoded(data, self._shelf.current)
            except ImageError as error:
                raise Refused(422, f"the body {error}") from error

    async def read(self, work: Callable[[], T]) -> T:
        """What is read of a large body."""
        return await self._decoders.alone(work)

    def close(self) -> None:
        self._decoders.close()

    @asynccontextmanager
    async def _working(self, num: int) -> AsyncIterator[None]:
        """Counts pictures. Raises Refused (503) when there are too many, or they take too long."""
        seconds = self._load.limits.work_seconds
        with self._load.pictures(num):
            try:
                async with asyncio.timeout(seconds):
                    yield
            except TimeoutError as error:
                raise busy(seconds) from error

    async def _decoded(self, data: bytes, loaded: Loaded, *, show: bool = False) -> _Seen:
        shape = loaded.model.preparation
        try:
            return await self._decoders.decode(data, lambda data: _seen(data, shape, show=show))
        except ImageError:
            self._metrics.answers["unreadable"] += 1
            raise

    async def _answer(
        self, name: str, data: bytes, wanted: Wanted, loaded: Loaded
    ) -> dict[str, object]:
        model = loaded.model
        scores = _scores(model, wanted.asked)
        with self._batcher.coming():
            picture, sights = await self._decoded(data, loaded, show=wanted.show)
        examined = await self._batcher.examine(model, picture)
        said = _prediction(name, examined, model, wanted.asked, scores)
        self._metrics.answers["unknown" if said.unknown else "answered"] += 1
        answer = said.as_json() | sights
        if wanted.heat and can_explain(model):
            answer["heat"] = await self._batcher.run_beside(lambda: _heat(model, picture, said))
        return answer


def _seen(data: bytes, shape: Preparation, *, show: bool) -> _Seen:
    """As `prepared`, and what became of the picture on its way, if it is to be shown."""
    if not show:
        return _Seen(prepared(data, shape), {})
    way = shown(data, shape)
    sights = {"saw": _png_url(way.saw)}
    if way.found is not None:
        sights["found"] = _png_url(way.found)
    return _Seen(way.saw, sights)


def can_explain(model: Model) -> bool:
    """Whether it can be asked where it looked: only where its net is torch's."""
    return hasattr(model, "net")


def _scores(model: Model, asked: Asked) -> Array | None:
    if asked.coverage is None:
        return None
    try:
        return scores_for(model, asked.coverage)
    except UsageError as error:
        raise Refused(400, str(error)) from error


def _prediction(
    name: str, examined: Examined, model: Model, asked: Asked, scores: Array | None
) -> Prediction:
    refusals = None if examined.refusal is None else np.array([examined.refusal], np.float32)
    probs_NK = examined.probs[np.newaxis]
    return predictions_of([name], probs_NK, refusals, model.classes, asked, scores)[0]


def _heat(model: Model, picture: Array, said: Prediction) -> str:
    """What the model saw, and beside it where it looked."""
    from eyespot.evaluation.gradcam import heat_maps
    from eyespot.evaluation.heat import as_bytes, overlaid
    from eyespot.models.torch_model import TorchModel

    classes = np.array([model.classes.index(said.label)])
    heat = as_bytes(heat_maps(cast(TorchModel, model), picture[np.newaxis], classes))[0]
    return _png_url(overlaid(picture, heat))


def _png_url(pixels: Array) -> str:
    """uint8 (H, W, C) as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(encoded(pixels, ".png")).decode()
