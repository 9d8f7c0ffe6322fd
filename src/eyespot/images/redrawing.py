"""A character found on an ink map, redrawn as a set shows its characters.

Whole numbers throughout, in an order that every other implementation must keep. Fine pixels are
FINE to one of the picture; sizes in fine pixels, // rounds down:

    size     the longer side of the box becomes the style's middle side, less twice `grow`, at least
             a half of it; the other in proportion, rounded, at least FINE // 2
    resize   of the ink in the box, first the width, then the height, with Pillow's BILINEAR
    stroke   as inkstyle.py measures it, of what is above the threshold; `grow` is half of what it
             lacks to the style's usual range, measured after a first resizing with grow = 0
    line     what is above the threshold
    grow     outwards (inwards where it is below 0) by one pixel at a time, to the 4 neighbours and
             to the 8 in turn
    place    the centre, of box or mass, where the style has its middle
    reduce   with Pillow's BILINEAR, to the picture
    levels   ground + ink * full // 255, or ground - ink * full // 255, within 0..255
"""

import numpy as np
from PIL import Image

from eyespot.images.inkstyle import UNIT
from eyespot.images.paper import slid
from eyespot.values import Array, InkStyle

FINE = 8


def redrawn(ink: Array, threshold: int, style: InkStyle, size: int) -> Array:
    """uint8 (size, size): the ink of a box, uint8 (h, w), as the style shows it."""
    line = _line(ink, threshold, style.side.middle * FINE // UNIT)
    grow = _lacking(line, style)
    if grow:
        line = _line(ink, threshold, style.side.middle * FINE // UNIT, grow)
    fine = _placed(_grown(line, grow), style, size)
    image = Image.fromarray(fine.astype(np.uint8) * np.uint8(255))
    small = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).astype(np.int64)
    levels = small * style.full // 255
    drawn = style.ground + levels if style.bright else style.ground - levels
    found: Array = np.clip(drawn, 0, 255).astype(np.uint8)
    return found


def _line(ink: Array, threshold: int, side: int, grow: int = 0) -> Array:
    """bool: the ink above the threshold, its longer side `side` fine pixels less 2 * grow."""
    height, width = ink.shape
    longest = max(height, width)
    wanted = max(side - 2 * grow, side // 2)
    tall, wide = (
        max((2 * one * wanted + longest) // (2 * longest), FINE // 2) for one in (height, width)
    )
    image = Image.fromarray(ink).resize((wide, tall), Image.Resampling.BILINEAR)
    found: Array = np.asarray(image) > threshold
    return found


def _lacking(line: Array, style: InkStyle) -> int:
    """Fine pixels by which the line is too thin on each side; below 0 if it is too thick."""
    stroke = stroke_of(line)
    low, high = style.stroke.low, style.stroke.high
    lacks = max(low - stroke, 0) + min(high - stroke, 0)
    return lacks * FINE // (2 * UNIT)


def stroke_of(line: Array) -> int:
    """The width of a line of fine pixels, in UNITs of the picture."""
    page = np.pad(line, 1)
    steps = sum(int((page[1:] != page[:-1]).sum()) if axis == 0 else int((page[:, 1:] != page[:, :-1]).sum()) for axis in (0, 1))
    return 2 * UNIT * int(line.sum()) // max(FINE * steps, 1)


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
