"""What a model's answer hangs on, found without looking into it: parts of the picture are covered.

N images, S side, C channels, K classes, M places of the patch.
"""

import numpy as np

from eyespot.evaluation.heat import scaled
from eyespot.models.predict import batch_size
from eyespot.values.arrays import Array
from eyespot.values.model import Model

_SHARE = 5  # a patch's side is a fifth of the picture's
_LEAST_DROP = 1e-6  # what is less is the rounding of a float32


def occlusion_maps(model: Model, images: Array, classes: Array | None = None) -> Array:
    """How much less likely a class is where the picture is covered: float32 (N, S, S) in 0..1.

    images: prepared, uint8 (N, S, S, C). classes: (N,) in 0..K-1; what the model says, if not
    given. A patch of the mean colour slides over the picture, and over its border, by half its own
    side: at most 169 probes a picture. A pixel has the mean drop of all patches that cover it,
    drops below 0 counting as 0, and the largest is 1; where nothing drops all is 0.
    Source: Zeiler and Fergus 2013, arXiv 1311.2901, section 4.2.
    """
    if not len(images):
        return np.empty(images.shape[:3], np.float32)
    probs = model.probabilities(images)
    said = probs.argmax(axis=1) if classes is None else np.asarray(classes)
    wanted = zip(images, said, probs[np.arange(len(images)), said], strict=True)
    return scaled(np.stack([_map(model, image, one, prob) for image, one, prob in wanted]))


def _map(model: Model, image: Array, said: int, prob: float) -> Array:
    """The mean drop at each pixel, float32 (S, S)."""
    covers = _covers(len(image))
    drops = np.maximum(prob - _covered_probs(model, image, covers)[:, said], 0)
    drops[drops < _LEAST_DROP] = 0
    mean: Array = np.tensordot(drops, covers, axes=1) / covers.sum(axis=0)
    return mean.astype(np.float32)


def _covers(size: int) -> Array:
    """Every place of the patch, bool (M, S, S)."""
    side = max(1, round(size / _SHARE))
    step = (side + 1) // 2
    starts = np.arange(step - side, size, step)[:, np.newaxis]
    lines = (starts <= np.arange(size)) & (np.arange(size) < starts + side)
    return (lines[:, np.newaxis, :, np.newaxis] & lines[:, np.newaxis, :]).reshape(-1, size, size)


def _covered_probs(model: Model, image: Array, covers: Array) -> Array:
    """What the model says of the picture under each cover, (M, K)."""
    mean = np.rint(255 * np.array(model.preparation.mean)).astype(np.uint8)
    num = batch_size(len(image))
    probs = [
        model.probabilities(np.where(some[..., np.newaxis], mean, image))
        for some in (covers[start : start + num] for start in range(0, len(covers), num))
    ]
    return np.concatenate(probs)
