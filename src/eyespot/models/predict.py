"""From pictures of any form to Predictions or answers, with any Model."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from eyespot.errors import ImageError
from eyespot.images.decode import in_order, open_image
from eyespot.images.preparation import prepare
from eyespot.values import Array, ImageInput, Model, Prediction, Preparation


def batch_size(side: int) -> int:
    """How many images of this side go through a net at once: 256 of up to 90 pixels, then fewer.

    So that memory does not grow with the pictures: those of 128 pixels take 0.4 GB in float32.
    """
    return max(1, min(256, 2**21 // side**2))


def prepared(source: ImageInput, preparation: Preparation) -> Array:
    """One picture as the model sees it: uint8 (S, S, C). Raises ImageError."""
    pixels = open_image(source).pixels
    return prepare(
        pixels, size=preparation.size, channels=preparation.channels, fit=preparation.fit
    )


def answers(
    model: Model, images: Iterable[ImageInput], names: Iterable[str], *, top: int = 3
) -> Iterator[Prediction | tuple[str, ImageError]]:
    """A Prediction for each image, in order; a picture that cannot be decoded gives its error.

    top: how many classes are ranked. Decoded on all cores, in batches: memory does not grow with
    the number of images.
    """

    def load(source: ImageInput) -> Array | ImageError:
        try:
            return prepared(source, model.preparation)
        except ImageError as error:
            return error

    loaded = zip(names, _results(load, images), strict=True)
    while batch := list(islice(loaded, batch_size(model.preparation.size))):
        good = [array for _, array in batch if not isinstance(array, ImageError)]
        probs = iter(model.probabilities(np.stack(good)) if good else ())
        for name, array in batch:
            if isinstance(array, ImageError):
                yield name, array
            else:
                yield answer(name, next(probs), model.classes, top=top)


def answer(name: str, probs_K: Array, classes: tuple[str, ...], *, top: int) -> Prediction:
    """The likeliest classes of one image; of equally likely ones the first in the class list."""
    order = np.argsort(-probs_K, kind="stable")[: max(top, 1)]
    ranked = tuple((classes[i], float(probs_K[i])) for i in order)
    return Prediction(name=name, label=ranked[0][0], probability=ranked[0][1], ranked=ranked)


def _results(load: Callable[[Any], Any], images: Iterable[Any]) -> Iterator[Any]:
    # An array needs no decoding: handing its small images to threads costs more than it saves.
    return map(load, images) if isinstance(images, np.ndarray) else in_order(load, images)
