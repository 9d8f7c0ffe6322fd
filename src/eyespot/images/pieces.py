"""The connected pieces of a mask, without a loop over pixels. N pieces, R runs, H, W the mask.

A run is a stretch of pixels in one row; runs that touch, also by a corner, are of one piece.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.values import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """What hangs together. numbers: int32 (H, W), 0 where nothing is, else the piece's place + 1.

    boxes: int64 (N, 4), left, top, right and bottom, the latter two just outside. areas: int64
    (N,), pixels.
    """

    numbers: Array
    boxes: Array
    areas: Array

    def __len__(self) -> int:
        return len(self.areas)

    @property
    def sizes(self) -> Array:
        """int64 (N, 2): widths and heights."""
        sizes: Array = self.boxes[:, 2:] - self.boxes[:, :2]
        return sizes


def find_pieces(mask: Array) -> Pieces:
    """The pieces of a bool (H, W), in the order of their first pixels, row by row."""
    height, width = mask.shape
    row_length = width + 2  # a gap at either end keeps runs of neighbouring rows apart
    padded = np.zeros((height, row_length), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded.ravel(), prepend=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    roots = _roots(len(starts), *_touching(starts, ends, row_length))
    first, of_run = np.unique(roots, return_inverse=True)
    rows, lefts = starts // row_length, starts % row_length - 1
    lengths = ends - starts
    num = len(first)
    boxes = np.empty((num, 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], of_run, lefts)
    np.minimum.at(boxes[:, 1], of_run, rows)
    np.maximum.at(boxes[:, 2], of_run, lefts + lengths)
    np.maximum.at(boxes[:, 3], of_run, rows + 1)
    numbers = np.zeros(mask.shape, np.int32)
    numbers[mask] = np.repeat(of_run + 1, lengths)
    areas = np.bincount(of_run, weights=lengths, minlength=num).astype(np.int64)
    return Pieces(numbers=numbers, boxes=boxes, areas=areas)


def _touching(starts: Array, ends: Array, row_length: int) -> tuple[Array, Array]:
    """Pairs of runs, by their places: one and what it touches in the row below."""
    low = np.searchsorted(ends, starts + row_length, side="left")
    high = np.searchsorted(starts, ends + row_length, side="right")
    num = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(starts)), num)
    nth = np.arange(len(upper)) - np.repeat(np.cumsum(num) - num, num)
    return upper, np.repeat(low, num) + nth


def _roots(num: int, first: Array, second: Array) -> Array:
    """For each of `num` things the smallest that it hangs together with, by the pairs given.

    Both ends of a pair take the smaller root until no pair disagrees; the roots of roots are
    followed each time, so that rounds are few even for a long spiral.
    """
    roots = np.arange(num)
    while True:
        one, other = roots[first], roots[second]
        differ = one != other
        if not differ.any():
            return roots
        first, second = first[differ], second[differ]
        low = np.minimum(one[differ], other[differ])
        np.minimum.at(roots, np.maximum(one[differ], other[differ]), low)
        while not np.array_equal(above := roots[roots], roots):
            roots = above
