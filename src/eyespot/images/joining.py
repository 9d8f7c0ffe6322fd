"""Pieces of a page to whole characters: dirt and edges left out, the parts of one joined.

Boxes are int64 (N, 4): left, top, right, bottom. height: that of a usual character, in pixels.
"""

import numpy as np

from eyespot.images.pieces import Pieces
from eyespot.values.arrays import Array

_SPECK = 0.1  # heights: what is smaller both ways is dirt, even above an i
_ALONE = 0.3  # heights: what is smaller both ways and belongs to nothing is dirt
_PART = 0.6  # heights: what is lower may be a part of a character
_ABOVE = 0.5  # heights between a dot and its letter
_BESIDE = 0.08  # heights between a stroke that is broken and its rest
_TALLEST = 1.6  # heights of a character with its parts
_HUGE = 4.0  # heights: what is larger both ways is a frame, a shadow or a finger
_AT_EDGE = 1.8  # heights: what is larger one way and reaches the picture's edge is no character
_LEAST = 6  # pixels of a piece
_LOWEST = 10.0  # pixels of a character that can be read
_NOWHERE = (-(10**7), -(10**7), -(10**7), -(10**7))  # where no box reaches


def usual_height(pieces: Pieces, shape: tuple[int, int]) -> float | None:
    """The height of most of the ink that may be characters, in pixels; None if none can be read."""
    widths, heights = pieces.sizes.T
    able = (pieces.areas >= 12) & (heights >= 6) & ~at_edge(pieces.boxes, shape)
    able &= (heights < 0.7 * shape[0]) | (len(pieces) < 4)
    able &= (widths < 0.5 * shape[1]) | (len(pieces) < 4)
    if not able.any():
        able = heights >= 6
    if not able.any():
        return None
    order = np.argsort(heights[able], kind="stable")
    weights = np.cumsum(np.minimum(pieces.areas[able], heights[able] ** 2)[order])
    middle = int(np.searchsorted(weights, weights[-1] / 2))
    height = float(heights[able][order][middle])
    return height if height >= _LOWEST else None


def at_edge(boxes: Array, shape: tuple[int, int]) -> Array:
    """bool (N,): what reaches the edge of a picture of this height and width."""
    left, top, right, bottom = boxes.T
    reaches: Array = (left <= 0) | (top <= 0) | (right >= shape[1]) | (bottom >= shape[0])
    return reaches


def joined(pieces: Pieces, height: float, shape: tuple[int, int]) -> list[list[int]]:
    """The places of the pieces that each character, or several that touch, consists of."""
    widths, heights = pieces.sizes.T
    largest = np.maximum(widths, heights)
    good = (largest >= _SPECK * height) & (pieces.areas >= _LEAST)
    good &= ~((widths > _HUGE * height) & (heights > _HUGE * height)) & (heights <= _HUGE * height)
    good &= ~(at_edge(pieces.boxes, shape) & (largest > _AT_EDGE * height))
    places = np.flatnonzero(good)
    boxes = pieces.boxes[places]
    owners = np.arange(len(places))
    small = np.flatnonzero(heights[places] < _PART * height)
    for part in small[np.argsort(pieces.areas[places[small]], kind="stable")].tolist():
        own = int(owners[part])
        distances = _distances(boxes[own], boxes, height)
        distances[own] = np.inf
        nearest = int(distances.argmin())
        if distances[nearest] < 1:
            boxes[nearest, :2] = np.minimum(boxes[nearest, :2], boxes[own, :2])
            boxes[nearest, 2:] = np.maximum(boxes[nearest, 2:], boxes[own, 2:])
            boxes[own] = _NOWHERE
            owners[owners == own] = nearest
    sizes = boxes[:, 2:] - boxes[:, :2]
    kept = np.flatnonzero(sizes.max(axis=1, initial=0) >= _ALONE * height)
    return [places[owners == own].tolist() for own in kept.tolist()]


def _distances(part: Array, boxes: Array, height: float) -> Array:
    """float64 (N,): how far a part is from belonging to each box: below 1 it does."""
    first, last = np.maximum(boxes[:, :2], part[:2]), np.minimum(boxes[:, 2:], part[2:])
    overlap_x, overlap_y = (last - first).T
    around = np.maximum(boxes[:, 2:], part[2:]) - np.minimum(boxes[:, :2], part[:2])
    narrower = np.minimum(boxes[:, 2] - boxes[:, 0], part[2] - part[0])
    above = overlap_x >= 0.5 * narrower
    beside = (overlap_y > 0) & (around[:, 0] <= height)
    gaps = np.where(above, overlap_y / _ABOVE, overlap_x / _BESIDE) / -height
    possible = (above | beside) & (around[:, 1] <= _TALLEST * height)
    return np.where(possible, np.maximum(gaps, 0), np.inf)
