"""Where characters that touch could be parted: straight cuts that cross little ink.

H rows, S cuts. height: that of a usual character, in pixels.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.images.page import Blob, cut_out
from eyespot.values.arrays import Array

_STEP = 0.05  # heights between two places that are tried
_LEANS = np.tan(np.radians((-30, -20, -10, 0, 10, 20, 30)))  # pixels to the left for each row down
_SHARE = 0.06  # of a blob's ink that two cuts must have between them
_PER_HEIGHT = 7  # cuts through a blob for each height of its width, and ...
_AT_LEAST = 1  # ... so many more
_NARROWEST, _WIDEST = 0.08, 1.5  # heights of a part's width
_LOWEST = 0.4  # of its blob's height


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """columns: int64 (H,), in each row the first pixel on its right. cost: the ink that it
    crosses, in heights."""

    columns: Array
    cost: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What lies between two cuts, which are counted from the blob's left end, 0, to its right.

    cost: of the cuts at its ends that cross ink, half of each, in heights.
    """

    start: int
    end: int
    blob: Blob
    cost: float


def cuts(blob: Blob, height: float) -> list[Cut]:
    """The cheapest cuts through a blob, from left to right by the ink that is left of them."""
    ink = blob.ink.astype(np.float32) / 255
    columns_SH = _tried(ink.shape, height)
    rows = np.arange(len(ink))
    costs_S = np.pad(ink, ((0, 0), (0, 1)))[rows, columns_SH].sum(axis=1)
    before = np.pad(np.cumsum(ink, axis=1), ((0, 0), (1, 0)))
    shares_S = before[rows, columns_SH].sum(axis=1) / max(float(ink.sum()), 1e-6)
    most = _AT_LEAST + round(_PER_HEIGHT * ink.shape[1] / height)
    found: list[int] = []
    taken = [0.0, 1.0]
    for place in np.argsort(costs_S, kind="stable").tolist():
        if len(found) == most:
            break
        share = float(shares_S[place])
        if min(abs(share - other) for other in taken) >= _SHARE:
            taken.append(share)
            found.append(place)
    found.sort(key=lambda place: float(shares_S[place]))
    return [Cut(columns=columns_SH[at], cost=float(costs_S[at]) / height) for at in found]


def _tried(shape: tuple[int, int], height: float) -> Array:
    """int64 (S, H): at every place along a blob, cuts that lean to either side."""
    tall, wide = shape
    step = max(1.0, _STEP * height)
    middles = np.arange(_NARROWEST * height, wide - _NARROWEST * height, step)
    down = tall / 2 - np.arange(tall)
    tried: Array = middles[:, np.newaxis, np.newaxis] + np.outer(_LEANS, down)
    return np.rint(tried.reshape(-1, tall)).astype(np.int64).clip(0, wide)


def parts(blob: Blob, height: float) -> list[Part]:
    """All that may be a character of a blob that is cut somewhere; not the whole of it."""
    ends: list[Cut | None] = [None, *cuts(blob, height), None]
    found = []
    for start in range(len(ends) - 1):
        for end in range(start + 1, len(ends)):
            left, right = ends[start], ends[end]
            own = _between(blob, left, right) if left or right else None
            if own and _able(own, blob, height):
                cost = sum(one.cost for one in (left, right) if one) / 2
                found.append(Part(start=start, end=end, blob=own, cost=cost))
    return found


def _able(part: Blob, blob: Blob, height: float) -> bool:
    high_enough = part.ink.shape[0] >= _LOWEST * blob.ink.shape[0]
    return high_enough and _NARROWEST * height <= part.width <= _WIDEST * height


def _between(blob: Blob, left: Cut | None, right: Cut | None) -> Blob | None:
    columns = np.arange(blob.width)
    keep = np.ones(blob.ink.shape, np.bool_)
    if left is not None:
        keep &= columns >= left.columns[:, np.newaxis]
    if right is not None:
        keep &= columns < right.columns[:, np.newaxis]
    return cut_out(blob, keep)
