"""Pieces of a page to whole characters: dirt and edges left out, the parts of one joined.

Boxes are int64 (N, 4): left, top, right, bottom. height: that of a usual character, in pixels.
"""

import numpy as np

from eyespot.images.pieces import Pieces
from eyespot.values import Array

_SPECK = 0.1  # heights: what is smaller both ways is dirt, even above an i
_ALONE = 0.3  # heights: what is smaller both ways and belongs to nothing is dirt
_PART = 0.6  # heights: what is lower may be a part of a character
_ABOVE = 0.5  # heights between a dot and its letter
_BESIDE = 0.08  # heights between a stroke that is broken and its rest
_TALLEST = 1.6  # heights of a character with its parts
_HUGE = 4.0  # heights: what is larger both ways is a frame, a shadow or a finger
_AT_EDGE = 1.8  # heights: what is larger one way and reaches the picture's edge is no character
_LEAST = 6  # pixels of a piece


def usual_height(pieces: Pieces, shape: tuple[int, int]) -> float | None:
    """The height of most of the ink that may be characters, in pixels; None if there is none."""
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
    return float(heights[able][order][middle])


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
    groups = {place: [place] for place in places.tolist()}
    owner = {place: place for place in places.tolist()}
    small = [place for place in places.tolist() if heights[place] < _PART * height]
    for place in sorted(small, key=lambda place: int(pieces.areas[place])):
        boxes = {root: _around(pieces.boxes[own]) for root, own in groups.items()}
        own = boxes.pop(owner[place])
        best = min(
            ((_distance(own, box, height), root) for root, box in boxes.items()),
            default=(np.inf, place),
        )
        if best[0] < 1:
            moved = groups.pop(owner[place])
            groups[best[1]] += moved
            owner.update(dict.fromkeys(moved, best[1]))
    return [own for own in groups.values() if _large(_around(pieces.boxes[own]), height)]


def _around(boxes: Array) -> Array:
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _large(box: Array, height: float) -> bool:
    return float((box[2:] - box[:2]).max()) >= _ALONE * height


def _distance(part: Array, rest: Array, height: float) -> float:
    """How far a part is from belonging to the rest: below 1 it does."""
    together = _around(np.stack([part, rest]))
    if together[3] - together[1] > _TALLEST * height:
        return np.inf
    overlap_x, overlap_y = np.minimum(part[2:], rest[2:]) - np.maximum(part[:2], rest[:2])
    narrower = min(part[2] - part[0], rest[2] - rest[0])
    if overlap_x >= 0.5 * narrower:
        return max(0.0, -float(overlap_y)) / (_ABOVE * height)
    if overlap_y > 0 and together[2] - together[0] <= height:
        return max(0.0, -float(overlap_x)) / (_BESIDE * height)
    return np.inf
