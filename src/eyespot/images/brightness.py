"""How bright images are: the mean and deviation that a net's input is normalised by."""

import math

import numpy as np

from eyespot.values import Array

MIN_DEVIATION = 0.01  # a set of blank pictures has none, and is divided by it


def mean_and_deviation(images: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per channel, in units of full brightness, of uint8 (N, H, W, C) with N > 0.

    Counted by level: exact, and without a copy of the images as floats.
    """
    levels = np.arange(256) / 255
    means, deviations = [], []
    for channel in np.moveaxis(images, 3, 0):
        counts = np.bincount(channel.ravel(), minlength=256)
        mean = float(np.average(levels, weights=counts))
        variance = float(np.average((levels - mean) ** 2, weights=counts))
        means.append(mean)
        deviations.append(max(math.sqrt(variance), MIN_DEVIATION))
    return tuple(means), tuple(deviations)
