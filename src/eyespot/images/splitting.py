"""Where characters that touch could be parted: paths from top to bottom that cross little ink.

H rows, S windows around places where a path could run, W their width. height: that of a usual
character, in pixels. Costs are in pixels of full ink, while a path is looked for.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.images.page import Blob, cut_out
from eyespot.values import Array

_STEP = 0.05  # heights between two places that are tried
_REACH = 0.3  # heights that a path may leave its place by, to either side
_SIDEWAYS = 0.04  # the cost of a step to the side
_OFF = 0.06  # the cost of a pixel that is as far from the place as the reach allows
_SHARE = 0.05  # of a blob's ink that two paths must have between them
_MOST = 9  # paths through one blob
_LEAST = 0.08  # heights of a part's width
_WIDEST = 1.5  # heights of a part's width


@dataclass(frozen=True, kw_only=True, eq=False)
class Seam:
    """One path. columns: int64 (H,), in each row the first pixel on its right. cost: the ink that
    it crosses, in heights."""

    columns: Array
    cost: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What lies between two seams, which are counted from the blob's left end, 0, to its right.

    cost: of the seams at its ends that cross ink, half of each, in heights.
    """

    start: int
    end: int
    blob: Blob
    cost: float


def seams(blob: Blob, height: float) -> list[Seam]:
    """The cheapest paths through a blob, from left to right, each with ink on both sides."""
    ink = blob.ink.astype(np.float32) / 255
    wide = ink.shape[1]
    reach = max(2, round(_REACH * height))
    places = np.arange(_LEAST * height, wide - _LEAST * height, max(1.0, _STEP * height))
    if not len(places):
        return []
    centres = np.unique(places.astype(np.int64))
    padded = np.pad(ink, ((0, 0), (reach, reach)))
    windows_HSW = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=1)
    paths = _cheapest(windows_HSW[:, centres])
    columns = (paths - reach + centres[:, np.newaxis]).clip(0, wide)
    before = np.pad(np.cumsum(ink, axis=1), ((0, 0), (1, 0)))
    left_of = np.take_along_axis(before, columns.T, axis=1).sum(axis=0) / max(ink.sum(), 1e-6)
    rows = np.arange(len(ink))
    costs = [float(ink[rows, own.clip(None, wide - 1)].sum()) / height for own in columns]
    found: list[int] = []
    for place in np.argsort(costs, kind="stable").tolist():
        shares = [0.0, 1.0, *left_of[found].tolist()]
        if min(abs(share - left_of[place]) for share in shares) >= _SHARE and len(found) < _MOST:
            found.append(place)
    found.sort(key=lambda place: float(left_of[place]))
    return [Seam(columns=columns[place], cost=costs[place]) for place in found]


def _cheapest(windows_HSW: Array) -> Array:
    """For each window its cheapest path, int64 (S, H)."""
    tall, num, wide = windows_HSW.shape
    off = np.abs(np.arange(wide, dtype=np.float32) - wide // 2) * (_OFF / (wide // 2))
    total = windows_HSW[0] + off
    came = np.zeros((tall, num, wide), np.int8)
    for row in range(1, tall):
        choices = np.full((3, num, wide), np.inf, np.float32)
        choices[0, :, 1:] = total[:, :-1] + _SIDEWAYS
        choices[1] = total
        choices[2, :, :-1] = total[:, 1:] + _SIDEWAYS
        best = choices.argmin(axis=0)
        came[row] = best - 1
        total = np.take_along_axis(choices, best[np.newaxis], axis=0)[0] + windows_HSW[row] + off
    paths = np.empty((num, tall), np.int64)
    paths[:, -1] = total.argmin(axis=1)
    everyone = np.arange(num)
    for row in range(tall - 1, 0, -1):
        paths[:, row - 1] = paths[:, row] + came[row, everyone, paths[:, row]]
    return paths


def parts(blob: Blob, height: float) -> list[Part]:
    """All that may be a character of a blob that is cut along some of its seams; not all of it."""
    cuts = seams(blob, height)
    ends: list[Seam | None] = [None, *cuts, None]
    found = []
    for start in range(len(ends) - 1):
        for end in range(start + 1, len(ends)):
            if (start, end) == (0, len(ends) - 1):
                continue
            own = _between(blob, ends[start], ends[end])
            if own and _LEAST * height <= own.width <= _WIDEST * height:
                cost = sum(one.cost for one in (ends[start], ends[end]) if one) / 2
                found.append(Part(start=start, end=end, blob=own, cost=cost))
    return found


def _between(blob: Blob, left: Seam | None, right: Seam | None) -> Blob | None:
    columns = np.arange(blob.ink.shape[1])
    keep = np.ones(blob.ink.shape, np.bool_)
    if left is not None:
        keep &= columns >= left.columns[:, np.newaxis]
    if right is not None:
        keep &= columns < right.columns[:, np.newaxis]
    return cut_out(blob, keep)
