"""Printed lines of ruled and squared paper, table borders and underlines, taken out of a mask."""

import numpy as np
from PIL import Image

from eyespot.values.arrays import Array

_DEGREES = np.arange(-12, 12.1, 0.5)  # how far a page may be turned
_NEAR = (-0.3, 0.0, 0.3)  # paper is not quite flat
_SEARCH_SIDE = 1000  # of the smaller copy on which the angle is looked for
_LENGTH = 1 / 8  # of a page's longer side: no stroke is as long and as thin as a printed line
_THICKNESS = 1 / 200  # of that side, at most
_LEAST = 40  # pixels of a line
_FULL = 0.8  # of a line's pixels are there, over its length
_THROUGH = 0.55  # of the page's height that an upright line has, unlike the 1s of a large hand
_BAND = 3  # rows between two lines
_LEAST_SHARE = 0.15  # of the page's width or height is covered by lines, if it has any


def without_rules(mask: Array) -> Array:
    """The mask, bool (H, W), without long straight lines, level or upright, up to 12 degrees off.

    What crosses them stays, as far as it is thicker there than the line.
    """
    longer = max(mask.shape)
    length = max(_LEAST, round(_LENGTH * longer))
    found = mask.copy()
    for axis in (0, 1):
        own = mask if axis == 0 else np.ascontiguousarray(mask.T)
        rules = _rules(own, length, through=0.0 if axis == 0 else _THROUGH)
        if rules is None or not rules[0].any():
            continue
        thickness = _thickness(own)
        usual = float(np.median(thickness[rules[0]]))
        if usual <= max(2.0, _THICKNESS * longer):
            thin = rules[1] & (thickness <= int(1.5 * usual) + 1)
            found &= ~(thin if axis == 0 else thin.T)
    return found


def _rules(mask: Array, length: int, *, through: float) -> tuple[Array, Array] | None:
    """The pixels on lines that are about level, and also on shorter ones beside them, as those that
    a page's corner cuts off; None if the page has too few.

    through: the share of the page's width that a line has, at least.
    """
    factor = max(1, -(-max(mask.shape) // _SEARCH_SIDE))
    small = mask
    if factor > 1:
        small = np.asarray(Image.fromarray(255 * mask.view(np.uint8)).reduce(factor)) > 60
    lengths = max(8, length // factor)
    sums = [int(_long(small, degrees, lengths, through).sum()) for degrees in _DEGREES]
    best = int(np.argmax(sums))
    if sums[best] < _LEAST_SHARE * small.shape[1]:
        return None
    angles = [float(_DEGREES[best]) + near for near in _NEAR]
    whole, short = (
        np.any([_long(mask, angle, length // part, through / part) for angle in angles], axis=0)
        for part in (1, 2)
    )
    return whole, short


def _long(mask: Array, degrees: float, length: int, through: float) -> Array:
    """The pixels of the mask in whose direction nearly all of `length` pixels around are set."""
    height, width = mask.shape
    if width <= length:
        return np.zeros(mask.shape, np.bool_)
    shifts = np.rint(np.tan(np.radians(degrees)) * (np.arange(width) - width / 2)).astype(np.int64)
    margin = int(np.abs(shifts).max())
    level = np.zeros((height + 2 * margin, width), np.uint8)
    for left, right, shift in _equal(shifts):
        level[margin - shift : margin - shift + height, left:right] = mask[:, left:right]
    sums = np.zeros((level.shape[0], width + 1), np.int32)
    np.cumsum(level, axis=1, out=sums[:, 1:])
    full = sums[:, length:] - sums[:, :-length] >= _FULL * length
    # A pixel is of a line if any window that holds it is full, or ends not far from it.
    num, beyond = full.shape[1], length // 4
    starts = np.zeros((level.shape[0], width + 1 + 2 * beyond), np.int32)
    starts[:, :num] += full
    starts[:, length + 2 * beyond :] -= full
    covered = np.cumsum(starts, axis=1)[:, beyond : beyond + width] > 0
    if through:
        _drop_short(covered, round(through * width))
    found = np.empty(mask.shape, np.bool_)
    for left, right, shift in _equal(shifts):
        found[:, left:right] = covered[margin - shift : margin - shift + height, left:right]
    return found & mask


def _drop_short(covered: Array, least: int) -> None:
    """Clears the bands of rows that have something in fewer than so many columns."""
    rows = np.flatnonzero(covered.any(axis=1))
    for band in np.split(rows, np.flatnonzero(np.diff(rows) > _BAND) + 1) if len(rows) else []:
        area = covered[band[0] : band[-1] + 1]
        if area.any(axis=0).sum() < least:
            area[:] = False


def _equal(shifts: Array) -> list[tuple[int, int, int]]:
    """Where stretches of equal shifts begin and end, and the shift."""
    ends = [*(np.flatnonzero(np.diff(shifts)) + 1).tolist(), len(shifts)]
    starts = [0, *ends[:-1]]
    return [(left, right, int(shifts[left])) for left, right in zip(starts, ends, strict=True)]


def _thickness(mask: Array) -> Array:
    """int32 (H, W): how many pixels above and below hang together with each pixel of the mask."""
    turned = np.zeros((mask.shape[1], mask.shape[0] + 2), np.int8)
    turned[:, 1:-1] = mask.T
    steps = np.diff(turned.ravel(), prepend=0)
    lengths = np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1)
    thickness = np.zeros((mask.shape[1], mask.shape[0]), np.int32)
    thickness[mask.T] = np.repeat(lengths, lengths)
    return thickness.T
