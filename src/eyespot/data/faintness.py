"""The cheap part of the check that every training runs: images without content.

N images, S side, C channels.
"""

import numpy as np

from eyespot.data.checks import faint_issues
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue

_SAMPLE_SIDE = 16
FAINT = 0.06  # contrast of the sample; thrice that of a picture that is told of
_AT_ONCE = 4096


def faint_images(dataset: Dataset, images: Array) -> list[Issue]:
    """Blank and nearly constant images, as the check tells them.

    images: those of the set as the net sees them, uint8 (N, S, S, C). Every picture is judged by a
    sample of its pixels, all of the pixels are looked at where that has hardly any contrast.
    """
    if not len(images):
        return []
    step = max(1, images.shape[1] // _SAMPLE_SIDE)
    few = images[:, step // 2 :: step, step // 2 :: step]
    parts = [_deviations(few[at : at + _AT_ONCE]) for at in range(0, len(few), _AT_ONCE)]
    contrast = np.concatenate(parts)
    brightness = np.zeros(len(images))
    for place in np.flatnonzero(contrast < FAINT).tolist():
        picture = images[place]
        spans = np.ptp(picture, axis=(0, 1))
        contrast[place] = 0 if spans.max() <= 2 else max(_deviations(picture[None])[0], 1e-6)
        brightness[place] = picture.mean() / 255
    return list(faint_issues(dataset, brightness, contrast))


def _deviations(images: Array) -> Array:
    """float32 (N,): the deviation of each picture's grey, in [0, 1]."""
    grey = images.mean(axis=3, dtype=np.float32) if images.shape[3] > 1 else images
    deviations: Array = grey.reshape(len(grey), -1).std(axis=1, dtype=np.float32) / 255
    return deviations
