"""From pictures of any form to Predictions or answers, with any Model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from eyespot.errors import ImageError
from eyespot.images.decode import in_order, open_image
from eyespot.images.ink import bridged
from eyespot.models.conformal import prediction_sets, scores_for
from eyespot.values import Array, ImageInput, Model, Prediction, Preparation


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
    return bridged(
        open_image(source).pixels,
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
    fetch: Callable[[Any], ImageInput] | None = None,
) -> Iterator[Prediction | tuple[str, ImageError]]:
    """A Prediction for each image, in order; a picture that cannot be decoded gives its error.

    Decoded on all cores, in batches: memory does not grow with the number of images. fetch: what
    makes an image of each of `images`, where they are something else, such as places to read from.
    Raises UsageError for a coverage that is no share, or that the model keeps no scores for.
    """
    scores = None if asked.coverage is None else scores_for(model, asked.coverage)

    def load(source: Any) -> Array | ImageError:
        try:
            return prepared(fetch(source) if fetch else source, model.preparation)
        except ImageError as error:
            return error

    def answered() -> Iterator[Prediction | tuple[str, ImageError]]:
        loaded = zip(names, _results(load, images), strict=True)
        while batch := list(islice(loaded, batch_size(model.preparation.size))):
            good = [(name, array) for name, array in batch if not isinstance(array, ImageError)]
            found = iter(_predictions(model, good, asked, scores))
            for name, array in batch:
                yield (name, array) if isinstance(array, ImageError) else next(found)

    return answered()


def _predictions(
    model: Model, pictures: Sequence[tuple[str, Array]], asked: Asked, scores: Array | None
) -> list[Prediction]:
    if not pictures:
        return []
    probs_NK, refusals = model.examine(np.stack([picture for _, picture in pictures]))
    names = [name for name, _ in pictures]
    return predictions_of(names, probs_NK, refusals, model.classes, asked, scores)


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
    found = []
    for row, name in enumerate(names):
        said = answer(name, probs_NK[row], classes, top=asked.top)
        if refusals is not None:
            refusal = float(refusals[row])
            unknown = refusal > 1 and not asked.accept_all
            said = replace(said, refusal=refusal, unknown=unknown)
        if sets_NK is not None:
            order = np.argsort(-probs_NK[row], kind="stable")
            inside = tuple(classes[k] for k in order if sets_NK[row, k])
            said = replace(said, possible=inside)
        found.append(said)
    return found


def answer(name: str, probs_K: Array, classes: tuple[str, ...], *, top: int) -> Prediction:
    """The likeliest classes of one image; of equally likely ones the first in the class list."""
    order = np.argsort(-probs_K, kind="stable")[: max(top, 1)]
    ranked = tuple((classes[i], float(probs_K[i])) for i in order)
    return Prediction(name=name, label=ranked[0][0], probability=ranked[0][1], ranked=ranked)


def _results(load: Callable[[Any], Any], images: Iterable[Any]) -> Iterator[Any]:
    # An array needs no decoding: handing its small images to threads costs more than it saves.
    return map(load, images) if isinstance(images, np.ndarray) else in_order(load, images)
