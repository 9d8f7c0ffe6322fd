"""The connected parts of a mask, by runs of its rows; parts that touch at a corner are one.

Parts are numbered by their first pixel, row by row from the upper left.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.values.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """The N parts of a mask (h, w), and its M runs, row by row.

    rows, starts, stops: int64 (M,), a run goes from start to stop - 1. numbers: int64 (M,), the
    part of each run. boxes: int64 (N, 4), top, left, bottom, right, the latter two excluded.
    areas: int64 (N,), in pixels.
    """

    shape: tuple[int, int]
    rows: Array
    starts: Array
    stops: Array
    numbers: Array
    boxes: Array
    areas: Array

    def __len__(self) -> int:
        return len(self.boxes)

    def mask(self, chosen: Array) -> Array:
        """bool (h, w): the pixels of the parts that are chosen, bool (N,)."""
        height, width = self.shape
        runs = chosen[self.numbers]
        edges = np.zeros(height * (width + 1) + 1, np.int8)
        first = self.rows[runs] * (width + 1)
        edges[first + self.starts[runs]] += 1
        edges[first + self.stops[runs]] -= 1
        inside = np.cumsum(edges[:-1], dtype=np.int8).reshape(height, width + 1)
        found: Array = inside[:, :width] > 0
        return found

    def sums(self, values: Array) -> Array:
        """int64 (N,): the sum over each part of values, whole numbers (h, w)."""
        height, width = self.shape
        upto = np.zeros((height, width + 1), np.int64)
        np.cumsum(values, axis=1, dtype=np.int64, out=upto[:, 1:])
        of_runs = upto[self.rows, self.stops] - upto[self.rows, self.starts]
        found = np.zeros(len(self), np.int64)
        np.add.at(found, self.numbers, of_runs)
        return found

    def contacts(self) -> Array:
        """int64 (N,): how many pixels of each part lie on the picture's outermost rows and columns;
        a corner counts twice."""
        height, width = self.shape
        lengths = self.stops - self.starts
        edge = (self.rows == 0) * lengths + (self.rows == height - 1) * lengths
        edge = edge + (self.starts == 0) + (self.stops == width)
        found = np.zeros(len(self), np.int64)
        np.add.at(found, self.numbers, edge)
        return found


def components(mask: Array) -> Components:
    """The parts of a mask, bool (h, w)."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), bool)
    padded[:, 1:-1] = mask
    # Each row begins and ends outside, so that where it changes it goes in and out by turns.
    changes = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    rows, starts = np.divmod(changes[::2], width + 1)
    stops = changes[1::2] - rows * (width + 1)
    firsts = _joined(rows, starts, stops, width + 2)
    is_first = firsts == np.arange(len(firsts))
    numbers = (np.cumsum(is_first) - 1)[firsts]
    num = int(is_first.sum())
    boxes = np.empty((num, 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], numbers, rows)
    np.minimum.at(boxes[:, 1], numbers, starts)
    np.maximum.at(boxes[:, 2], numbers, rows + 1)
    np.maximum.at(boxes[:, 3], numbers, stops)
    areas = np.zeros(num, np.int64)
    np.add.at(areas, numbers, stops - starts)
    return Components(
        shape=(height, width),
        rows=rows,
        starts=starts,
        stops=stops,
        numbers=numbers,
        boxes=boxes,
        areas=areas,
    )


def _joined(rows: Array, starts: Array, stops: Array, stride: int) -> Array:
    """int64 (M,): for each run the first run of its part."""
    # A run touches those of the next row that start at its stop or before and stop at its start or
    # behind; they follow one another.
    starts_at, stops_at = rows * stride + starts, rows * stride + stops
    first = np.searchsorted(stops_at, (rows + 1) * stride + starts, side="left")
    last = np.searchsorted(starts_at, (rows + 1) * stride + stops, side="right")
    num = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(rows)), num)
    lower = np.arange(len(upper)) - np.repeat(np.cumsum(num) - num, num) + np.repeat(first, num)
    roots = np.arange(len(rows))
    while True:
        one, other = roots[upper], roots[lower]
        apart = one != other
        if not apart.any():
            return roots
        # Every root hangs itself below the smallest root that it touches; then chains are cut.
        np.minimum.at(roots, np.maximum(one, other)[apart], np.minimum(one, other)[apart])
        while not np.array_equal(jumped := roots[roots], roots):
            roots = jumped
