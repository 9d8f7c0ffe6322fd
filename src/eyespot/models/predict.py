"""From pictures of any form to Predictions or answers, with any Model."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import chain, islice
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np

from eyespot.errors import ImageError
from eyespot.images.decode import open_raster
from eyespot.images.ink import bridged
from eyespot.images.inkstyle import resemble
from eyespot.images.parallel import in_order, num_cores
from eyespot.images.pixels import Raster, raster_pixels, raster_shape
from eyespot.models.conformal import prediction_sets, scores_for
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageInput
from eyespot.values.model import Model
from eyespot.values.predictions import Prediction
from eyespot.values.preparation import Preparation

_TOGETHER = 32  # pictures that a thread decodes and answers at once; see `together`


def batch_size(side: int) -> int:
    """How many images of this side go through a net at once: 256 of up to 90 pixels, then fewer.

    So that memory does not grow with the pictures: those of 128 pixels take 0.4 GB in float32.
    """
    return max(1, min(256, 2**21 // side**2))


def prepared(source: ImageInput, preparation: Preparation) -> Array:
    """One picture as the model sees it: uint8 (S, S, C).

    Raises ImageError for one that cannot be decoded and, where characters are wanted, for one on
    which nothing is written.
    """
    return _bridged(open_raster(source), preparation)


def prepared_each(
    sources: Iterable[Any],
    preparation: Preparation,
    fetch: Callable[[Any], ImageInput] = lambda source: source,
) -> list[Array | ImageError]:
    """`prepared` of each picture, or its error.

    fetch: what makes a picture of a source. Those of the model's own size, as the test part of
    such a set is, are asked all at once whether they pass as they are: one by one that takes as
    long as to decode them.
    """
    found: list[Array | ImageError] = []
    wanted = (preparation.size, preparation.size, preparation.channels)
    own: dict[int, Array] = {}
    for place, source in enumerate(sources):
        try:
            raster = open_raster(fetch(source))
            if preparation.ink is not None and raster_shape(raster) == wanted:
                own[place] = raster_pixels(raster)
                found.append(own[place])
            else:
                found.append(_bridged(raster, preparation))
        except ImageError as error:
            found.append(error)
    if own and preparation.ink is not None:
        alike = resemble(np.stack(list(own.values())), preparation.ink)
        for place in (place for place, passes in zip(own, alike, strict=True) if not passes):
            try:
                found[place] = _bridged(own[place], preparation)
            except ImageError as error:
                found[place] = error
    return found


def _bridged(raster: Raster, preparation: Preparation) -> Array:
    return bridged(
        raster,
        preparation.ink,
        size=preparation.size,
        channels=preparation.channels,
        fit=preparation.fit,
    )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How answers are wanted. top: how many classes are ranked.

    accept_all: nothing is unknown, whatever the picture. coverage: also the set of classes that
    holds the truth in at least this share of images, of those that are like the training's.
    """

    top: int = 3
    accept_all: bool = False
    coverage: float | None = None


def answers(
    model: Model,
    images: Iterable[Any],
    names: Iterable[str],
    asked: Asked = Asked(),
    *,
    fetch: Callable[[Any], ImageInput] = lambda source: source,
    part: int | None = None,
) -> Iterator[Prediction | tuple[str, ImageError]]:
    """A Prediction for each image, in order; a picture that cannot be decoded gives its error.

    Decoded on all cores, in batches: memory does not grow with the number of images. fetch: what
    makes an image of each of `images`, where they are something else, such as places to read from.
    part: how many are decoded and answered at once; `together` knows a good number.
    Raises UsageError for a coverage that is no share, or that the model keeps no scores for.
    """
    scores = None if asked.coverage is None else scores_for(model, asked.coverage)
    examine = _in_threads(model)

    def answered(pairs: Sequence[tuple[str, Any]]) -> list[Prediction | tuple[str, ImageError]]:
        sources = [source for _, source in pairs]
        arrays = prepared_each(sources, model.preparation, fetch)
        loaded = [(name, array) for (name, _), array in zip(pairs, arrays, strict=True)]
        good = [(name, array) for name, array in loaded if not isinstance(array, ImageError)]
        found: Iterator[Prediction] = iter(())
        if good:
            probs_NK, refusals = examine(np.stack([array for _, array in good]))
            known = [name for name, _ in good]
            found = iter(predictions_of(known, probs_NK, refusals, model.classes, asked, scores))
        return [
            (name, array) if isinstance(array, ImageError) else next(found)
            for name, array in loaded
        ]

    num = part or together(images, model.preparation.size)
    named = zip(names, images, strict=True)
    parts = iter(lambda: list(islice(named, num)), [])
    # An array needs no decoding: handing its small images to threads costs more than it saves.
    found = map(answered, parts) if isinstance(images, np.ndarray) else in_order(answered, parts)
    return chain.from_iterable(found)


def together(images: Iterable[Any], side: int) -> int:
    """How many pictures a thread decodes and answers at once; few where there are few."""
    if isinstance(images, np.ndarray):
        return batch_size(side)
    most = min(_TOGETHER, batch_size(side))
    return (
        max(1, min(most, len(images) // (2 * num_cores()))) if isinstance(images, Sized) else most
    )


def _in_threads(model: Model) -> Callable[[Array], tuple[Array, Array | None]]:
    """`examine` of a model that several threads ask: each works by itself where the model can, and
    else one after the other, since a net that takes all cores gains nothing from a second asker."""
    if isinstance(model, Threaded):
        return model.in_thread().examine
    lock = Lock()

    def examine(images: Array) -> tuple[Array, Array | None]:
        with lock:
            return model.examine(images)

    return examine


@runtime_checkable
class Threaded(Protocol):
    """A model that can work in the threads that ask it, as many at a time as there are."""

    def in_thread(self) -> Model: ...


def predictions_of(
    names: Sequence[str],
    probs_NK: Array,
    refusals: Array | None,
    classes: tuple[str, ...],
    asked: Asked,
    scores: Array | None = None,
) -> list[Prediction]:
    """What a model's numbers mean, in words, for each of N pictures.

    refusals: (N,), above 1 unknown; None of a model that cannot say. scores: the model's, if a
    coverage is asked for.
    """
    sets_NK = None
    if scores is not None and asked.coverage is not None:
        sets_NK = prediction_sets(probs_NK, scores, asked.coverage)
    # All rows at once, in Python's own numbers: row by row numpy takes longer than a small net.
    order_NK = np.argsort(-probs_NK, axis=1, kind="stable")
    num = max(asked.top, 1)
    best_NT = order_NK[:, :num].tolist()
    values_NT = np.take_along_axis(probs_NK, order_NK[:, :num], axis=1).tolist()
    unlike = [None] * len(names) if refusals is None else refusals.tolist()
    found = []
    for row, name in enumerate(names):
        ranked = tuple((classes[k], p) for k, p in zip(best_NT[row], values_NT[row], strict=True))
        refusal, possible = unlike[row], None
        if sets_NK is not None:
            possible = tuple(classes[k] for k in order_NK[row] if sets_NK[row, k])
        found.append(
            Prediction(
                name=name,
                label=ranked[0][0],
                probability=ranked[0][1],
                ranked=ranked,
                unknown=refusal is not None and refusal > 1 and not asked.accept_all,
                refusal=refusal,
                possible=possible,
            )
        )
    return found
