"""How bright images are: the mean and deviation that a net's input is normalised by."""

import math
from collections.abc import Sequence

import numpy as np

from eyespot.values.arrays import Array

MIN_DEVIATION = 0.01  # a set of blank pictures has none, and is divided by it
_PIXELS_AT_ONCE = 2**20  # counting takes 8 bytes for each


def mean_and_deviation(
    images: Array, places: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per channel, in units of full brightness, of the images at these places, at least one.

    images: uint8 (N, H, W, C). Counted by level: exact, and without a copy of the images.
    """
    levels = np.arange(256) / 255
    counts_C256 = np.zeros((images.shape[3], 256), np.int64)
    step = max(1, _PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))
    for start in range(0, len(places), step):
        some = images[np.asarray(places[start : start + step])]
        for channel, counts in enumerate(counts_C256):
            counts += np.bincount(some[..., channel].ravel(), minlength=256)
    means, deviations = [], []
    for counts in counts_C256:
        mean = float(np.average(levels, weights=counts))
        variance = float(np.average((levels - mean) ** 2, weights=counts))
        means.append(mean)
        deviations.append(max(math.sqrt(variance), MIN_DEVIATION))
    return tuple(means), tuple(deviations)
