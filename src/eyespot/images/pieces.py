"""The connected pieces of a mask as a map of numbers. N pieces, H, W the mask."""

from dataclasses import dataclass

import numpy as np

from eyespot.images.components import components
from eyespot.values.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """What hangs together, also by a corner. numbers: int32 (H, W), 0 where nothing is, else the
    piece's place + 1.

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
    parts = components(mask)
    numbers = np.zeros(mask.shape, np.int32)
    numbers[mask] = np.repeat(parts.numbers + 1, parts.stops - parts.starts)
    return Pieces(numbers=numbers, boxes=parts.boxes[:, [1, 0, 3, 2]], areas=parts.areas)
