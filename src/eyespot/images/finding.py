"""Which ink of a picture is the character that it shows.

Whole numbers throughout, in an order that every other implementation must keep; parts are those of
components.py, of the ink above a threshold, and the long side of a part is that of its box:

    threshold  the paper's own; as long as a part is ruled paper (thin, across the picture), Otsu's
               level of the ink above the threshold before, up to three times
    edge       a part at the picture's border is an edge, a finger or a table if it lies there with
               half of its long side or more, is a blob: wider than a quarter of it, or is five
               times as wide as high, a line of the paper
    main       the part with the most ink; an edge only where all others are small beside it
    others     those near: no further from the box found so far than 2/5 of its long side, with 3 %
               of the main part's ink or more, and half as strong; from the upper left, until no
               more join
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from eyespot.images.components import Components, components
from eyespot.images.paper import otsu, slid
from eyespot.values.arrays import Array

_MOST_RAISES = 3
_LEAST_PIXELS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A character on an ink map. mask: bool (h, w), its pixels. box: top, left, bottom, right, the
    latter two excluded. threshold: its ink is above."""

    mask: Array
    box: tuple[int, int, int, int]
    threshold: int


def find_character(ink: Array, threshold: int) -> Found | None:
    """The character on an ink map, uint8 (h, w); None where there is none."""
    best, best_share = None, Fraction(-1)
    for _ in range(1 + _MOST_RAISES):
        parts = components(joined(ink > threshold))
        ruled = _ruled(parts)
        sums = parts.sums(np.where(ink > threshold, ink, 0))
        chosen, rest = _chosen(parts, np.where(ruled, 0, sums))
        if chosen.any():
            share = Fraction(int(sums[chosen].sum()), int(sums[chosen | rest | ruled].sum()))
            if share > best_share:
                best, best_share = (parts, chosen, threshold), share
        if best_share * 2 >= 1:
            break
        counts = np.bincount(ink[ink > threshold], minlength=256)
        higher = otsu(counts)
        if higher <= threshold:
            break
        threshold = higher
    if best is None:
        return None
    parts, chosen, threshold = best
    mask = parts.mask(chosen) & (ink > threshold)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    return Found(mask=mask, box=box, threshold=threshold)


def joined(mask: Array) -> Array:
    """The mask and the pixels around it, of which each has eight."""
    grown = np.pad(mask, 1)
    for axis in (0, 1):
        grown = slid(grown, 3, axis, np.logical_or)
    return grown


def _long_sides(boxes: Array) -> Array:
    longest: Array = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    return longest


def _ruled(parts: Components) -> Array:
    """bool (N,): the parts that are lines of the paper, or a net of them."""
    height, width = parts.shape
    boxes = parts.boxes
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    across = (20 * wide >= 19 * width) | (20 * tall >= 19 * height)
    longest = np.maximum(tall, wide)
    line = np.minimum(tall, wide) * 12 <= longest
    net = (20 * wide >= 19 * width) & (20 * tall >= 19 * height) & (parts.areas * 4 <= tall * wide)
    large = longest >= 24
    found: Array = across & large & (line | net)
    return found


def _edges(parts: Components) -> Array:
    """bool (N,): the parts that are no writing, as far as that can be told from the border."""
    contacts, longest = parts.contacts(), _long_sides(parts.boxes)
    # A blob has a lot of area for its runs: half of its mean run is wider than an eighth.
    runs = np.bincount(parts.numbers, minlength=len(parts))
    blob = parts.areas * 4 > runs * longest
    boxes = parts.boxes
    flat = 5 * (boxes[:, 2] - boxes[:, 0]) <= boxes[:, 3] - boxes[:, 1]
    found: Array = (contacts > 0) & ((2 * contacts >= longest) | blob | flat)
    return found


def _chosen(parts: Components, sums: Array) -> tuple[Array, Array]:
    """bool (N,) each: the main part with what belongs to it, and what else might be writing."""
    chosen = np.zeros(len(parts), bool)
    good = (sums > 0) & (parts.areas >= _LEAST_PIXELS)
    if not good.any():
        return chosen, chosen
    edges, longest = _edges(parts), _long_sides(parts.boxes)
    inner = good & ~edges
    if (good & edges).any():
        largest = int(longest[good & edges].max())
        inner &= (longest * 16 >= largest) & (longest >= 6)
    if inner.any():
        good &= ~edges
    main = int(np.where(good & (inner | ~inner.any()), sums, 0).argmax())
    chosen[main] = True
    strength = sums // np.maximum(parts.areas, 1)
    near = good & (sums * 33 >= sums[main]) & (2 * strength >= strength[main])
    box = parts.boxes[main].copy()
    while True:
        reach = 2 * int(max(box[2] - box[0], box[3] - box[1])) // 5
        gaps = np.maximum(
            np.maximum(parts.boxes[:, :2] - box[2:], box[:2] - parts.boxes[:, 2:]).max(axis=1), 0
        )
        more = near & ~chosen & (gaps <= reach)
        if not more.any():
            return chosen, good & ~chosen
        chosen |= more
        box[:2] = np.minimum(box[:2], parts.boxes[more, :2].min(axis=0))
        box[2:] = np.maximum(box[2:], parts.boxes[more, 2:].max(axis=0))
