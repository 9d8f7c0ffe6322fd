"""What every loaded model does, whatever runs it: predict, check its input, temper its logits.

N images, S side, C channels, K classes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from eyespot.errors import DataError, ImageError, UsageError
from eyespot.models.predict import Asked, answers, batch_size
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageInput
from eyespot.values.model import Model
from eyespot.values.predictions import Prediction
from eyespot.values.preparation import Preparation


def predict_pictures(
    model: Model,
    images: Sequence[ImageInput] | Array,
    *,
    top: int = 3,
    accept_all: bool = False,
    coverage: float | None = None,
) -> list[Prediction]:
    """One Prediction for each path, PIL image, array or encoded bytes, in order.

    images: a list of pictures, or an array of them, (N, H, W) or (N, H, W, C). See Asked for the
    options.
    Raises UsageError for a single picture, which would be taken for a list of its letters or rows;
    ImageError, naming the picture, for the first that cannot be decoded.
    """
    if _is_single(images):
        raise UsageError("predict wants a list of pictures; write predict([picture])")
    images = images if isinstance(images, np.ndarray) else list(images)
    names = [
        str(image) if isinstance(image, str | Path) else f"image {number}"
        for number, image in enumerate(images)
    ]
    asked = Asked(top=top, accept_all=accept_all, coverage=coverage)
    found = []
    for result in answers(model, images, names, asked):
        if not isinstance(result, Prediction):
            name, error = result
            raise ImageError(f"{name} {error}")
        found.append(result)
    return found


def in_batches(images: Array, shape: Preparation) -> Iterator[Array]:
    """Prepared images, uint8 (N, S, S, C), so many at a time as go through a net at once.

    Raises DataError for images of another type or shape.
    """
    wanted = (shape.size, shape.size, shape.channels)
    if images.dtype != np.uint8 or images.shape[1:] != wanted:
        raise DataError(
            f"the model wants uint8 images of {' x '.join(map(str, wanted))}, got "
            f"{images.dtype} of {' x '.join(map(str, images.shape[1:]))}; prepare them first"
        )
    num = batch_size(shape.size)
    for start in range(0, len(images), num):
        yield images[start : start + num]


def tempered(logits_NK: Array, temperature: float) -> Array:
    """float32 (N, K): the softmax of the logits over the temperature; rows sum to 1."""
    scaled_NK = logits_NK.astype(np.float64) / temperature
    exps_NK = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    probs_NK: Array = (exps_NK / exps_NK.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs_NK


def _is_single(images: object) -> bool:
    """Whether this is one picture where a list of them is wanted."""
    if isinstance(images, np.ndarray):
        return images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))
    return isinstance(images, str | bytes | Path | Image.Image)
