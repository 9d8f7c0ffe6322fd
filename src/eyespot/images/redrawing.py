"""A character found on an ink map, redrawn as a set shows its characters.

Whole numbers throughout, in an order that every other implementation must keep. Fine pixels are
FINE to one of the picture; sizes in fine pixels, // rounds down:

    size     the longer side of the box becomes the style's middle side, less twice `grow`, at least
             a half of it; the other in proportion, rounded, at least FINE // 2
    resize   of the ink in the box, first the width, then the height, with Pillow's BILINEAR
    line     what is above the threshold
    grow     outwards (inwards where it is below 0) by one pixel at a time, to the 4 neighbours and
             to the 8 in turn
    place    the centre, of box or mass, where the style has its middle
    reduce   with Pillow's BILINEAR, to the picture
    stroke   as inkstyle.py measures it. Where it is outside of the style's usual range, `grow`,
             which is 0 at first, changes by FINE // 2 for each pixel that it lacks, up to a quarter
             of the middle side either way (a blot has no stroke, and would be drawn larger and
             larger), and all of this is done again, three times at most
    levels   ground + ink * full // 255, or ground - ink * full // 255, within 0..255
"""

import numpy as np

from eyespot.images.inkstyle import UNIT
from eyespot.images.paper import slid
from eyespot.images.preparation import resized
from eyespot.values.arrays import Array
from eyespot.values.preparation import InkStyle

FINE = 8
_MOST_ROUNDS = 4


def redrawn(ink: Array, threshold: int, style: InkStyle, size: int) -> Array:
    """uint8 (size, size): the ink of a box, uint8 (h, w), as the style shows it."""
    side = min(style.side.middle * FINE // UNIT, 2 * size * FINE)
    grow = 0
    for _ in range(_MOST_ROUNDS):
        small = _drawn(ink, threshold, style, size, side=side, grow=grow)
        stroke = stroke_of(small)
        lacks = max(style.stroke.low - stroke, 0) + min(style.stroke.high - stroke, 0)
        more = abs(lacks) * FINE // (2 * UNIT)
        if more == 0:
            break
        grow = min(max(grow + (more if lacks > 0 else -more), -(side // 4)), side // 4)
    levels = small * style.full // 255
    drawn = style.ground + levels if style.bright else style.ground - levels
    found: Array = np.clip(drawn, 0, 255).astype(np.uint8)
    return found


def _drawn(
    ink: Array, threshold: int, style: InkStyle, size: int, *, side: int, grow: int
) -> Array:
    """int64 (size, size), 0..255: the line, grown by so many fine pixels to each side."""
    line = _grown(_line(ink, threshold, side, grow), grow)
    fine = _placed(line, style, size).astype(np.uint8) * np.uint8(255)
    return resized(fine[..., np.newaxis], size, size)[..., 0].astype(np.int64)


def _line(ink: Array, threshold: int, side: int, grow: int) -> Array:
    """bool: the ink above the threshold, its longer side `side` fine pixels less 2 * grow."""
    height, width = ink.shape
    longest = max(height, width)
    wanted = max(side - 2 * grow, side // 2)
    tall, wide = (
        max((2 * one * wanted + longest) // (2 * longest), FINE // 2) for one in (height, width)
    )
    found: Array = resized(ink[..., np.newaxis], wide, tall)[..., 0] > threshold
    return found


def stroke_of(ink: Array) -> int:
    """As inkstyle.py measures it, of ink 0..255."""
    steps = sum(int(np.abs(np.diff(ink, axis=axis)).sum()) for axis in (0, 1))
    return 2 * UNIT * int((ink * ink).sum()) // max(255 * steps, 1)


def _grown(line: Array, grow: int) -> Array:
    if grow > 0:
        page = np.pad(line, grow)
        for step in range(grow):
            page = _wider(page, square=step % 2 == 1)
        return page
    page = ~np.pad(line, 1)
    for step in range(-grow):
        page = _wider(page, square=step % 2 == 1)
    return ~page[1:-1, 1:-1]


def _wider(page: Array, *, square: bool) -> Array:
    if square:
        for axis in (0, 1):
            padded = np.pad(page, [(1, 1) if own == axis else (0, 0) for own in (0, 1)])
            page = slid(padded, 3, axis, np.logical_or)
        return page
    found = page.copy()
    found[1:] |= page[:-1]
    found[:-1] |= page[1:]
    found[:, 1:] |= page[:, :-1]
    found[:, :-1] |= page[:, 1:]
    return found


def _placed(line: Array, style: InkStyle, size: int) -> Array:
    """bool (size * FINE, size * FINE); what lies beyond is cut off."""
    side = size * FINE
    page = np.zeros((side, side), bool)
    places = []
    for axis, middle in ((0, style.down.middle), (1, style.right.middle)):
        length = line.shape[axis]
        centre = length  # twice, from the line's own beginning
        if style.by_mass and line.any():
            of_line = line.sum(axis=1 - axis)
            centre = int((of_line * (2 * np.arange(length) + 1)).sum()) // int(of_line.sum())
        start = (side + 2 * middle * FINE // UNIT - centre) // 2
        # A character that would lie across the edge is moved inside, if it has room there.
        start = min(max(start, 0), side - length) if length <= side else (side - length) // 2
        places.append(start)
    top, left = places
    inner = line[max(-top, 0) : side - top, max(-left, 0) : side - left]
    top, left = max(top, 0), max(left, 0)
    page[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return page
