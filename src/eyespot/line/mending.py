"""Characters in pieces that lie too far apart to be joined before a model has seen them."""

from collections.abc import Iterator, Sequence

import numpy as np

from eyespot.images.page import together
from eyespot.line.readings import ReadBlobs, Reading

# Chosen on pages of MNIST's training digits; see docs/pages.md.
_LOW = 0.6  # heights; what is lower may be a part
_NEAR = 0.3  # heights between two parts, either way
_WIDEST, _TALLEST = 1.2, 1.5  # heights of both together
_MARGIN = 1.5  # by which the whole is to be better than its parts, in nats


def mended(readings: Sequence[Reading], read: ReadBlobs, height: float) -> list[Reading]:
    """The readings, two of them made one where that looks more like a character, and like one.

    height: that of a usual character, in pixels.
    """
    pairs = list(_pairs(readings, height))
    wholes = read([together(readings[one].blob, readings[other].blob) for one, other in pairs])
    gains = []
    for pair, whole in zip(pairs, wholes, strict=True):
        tall = whole.blob.ink.shape[0]
        apart = sum(readings[place].cost(tall, height) for place in pair)
        gains.append(apart - whole.cost(tall, height))
    found: list[Reading] = []
    used: set[int] = set()
    for place in np.argsort(gains, kind="stable")[::-1].tolist():
        better = gains[place] > _MARGIN and not wholes[place].is_odd()
        if better and used.isdisjoint(pairs[place]):
            used |= set(pairs[place])
            found.append(wholes[place])
    return found + [one for place, one in enumerate(readings) if place not in used]


def _pairs(readings: Sequence[Reading], height: float) -> Iterator[tuple[int, int]]:
    """Places of neighbours of which one is low or odd."""
    boxes = np.array([one.blob.box for one in readings], np.int64).reshape(-1, 4)
    for place, one in enumerate(readings):
        if one.blob.ink.shape[0] >= _LOW * height and not one.is_odd():
            continue
        starts, ends = boxes[:, :2], boxes[:, 2:]
        first, last = boxes[place, :2], boxes[place, 2:]
        gaps = np.maximum(starts, first) - np.minimum(ends, last)
        around = np.maximum(ends, last) - np.minimum(starts, first)
        near = gaps.max(axis=1) <= _NEAR * height
        near &= (around / np.array([_WIDEST, _TALLEST])).max(axis=1) <= height
        yield from ((place, int(other)) for other in np.flatnonzero(near) if other != place)
