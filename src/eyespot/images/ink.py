"""The ink bridge: a photo, scan or drawing of a character to what a net was trained on.

In an order that every other implementation must keep:

    resembles  a picture that, prepared, looks like those of the set passes as it is (inkstyle.py)
    cut off    one of the set's own size on which what is away from the middle ends straight there
               passes as well: it is half of a character, and the net is to see that
    read       what is written, with the longer side reduced to 640 (paper.py)
    find       the character (finding.py); where there is none, ImageError
    look       the same again in a cut-out around it, as large as its box and a half of its longer
               side to each side, its own longer side reduced to 320
    redraw     as the set shows its characters (redrawing.py)
    colour     the grey channel three times, when three are wanted
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from eyespot.errors import ImageError
from eyespot.images.finding import Found, find_character
from eyespot.images.inkstyle import cut_off, resembles
from eyespot.images.paper import Paper, read_paper, slid
from eyespot.images.pixels import Raster, raster_pixels, raster_shape
from eyespot.images.preparation import prepare
from eyespot.images.redrawing import redrawn
from eyespot.values.arrays import Array
from eyespot.values.preparation import Fit, InkStyle

_LONGEST, _LONGEST_LOOK = 640, 320
_LEAST_CONTRAST = 10
_GRAINS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Character:
    """What a picture shows. box: of the character, in its pixels: top, left, bottom, right, the
    latter two excluded. ink: uint8 (h, w), of the character alone, cut out. threshold: its lines
    are above."""

    box: tuple[int, int, int, int]
    ink: Array
    threshold: int


def bridged(
    raster: Raster, style: InkStyle | None, *, size: int, channels: Literal[1, 3], fit: Fit
) -> Array:
    """uint8 (S, S, C): a decoded picture as the model's training set would show it.

    Raises ImageError where nothing is written.
    """
    return crossed(raster, style, size=size, channels=channels, fit=fit)[0]


def crossed(
    raster: Raster, style: InkStyle | None, *, size: int, channels: Literal[1, 3], fit: Fit
) -> tuple[Array, Character | None]:
    """The same, and the character that was redrawn; None if the picture passed as it is."""
    plain = prepare(raster, size=size, channels=channels, fit=fit)
    if style is None or resembles(plain, style):
        return plain, None
    if raster_shape(raster) == plain.shape and cut_off(plain, style):
        return plain, None
    character = character_of(raster_pixels(raster))
    drawn = redrawn(character.ink, character.threshold, style, size)
    return drawn[..., np.newaxis].repeat(channels, axis=2), character


def character_of(pixels: Array) -> Character:
    """The character that a decoded picture, uint8 (H, W, C), shows. Raises ImageError."""
    paper, found = _found(pixels, _LONGEST)
    times = paper.reduction
    top, left, bottom, right = (place * times for place in found.box)
    margin = max(bottom - top, right - left) // 2 + 2
    up, before = max(top - margin, 0), max(left - margin, 0)
    part = pixels[up : bottom + margin, before : right + margin]
    if part.shape != pixels.shape or times > 1:
        look = read_paper(part, longest=_LONGEST_LOOK)
        known = _around(found, max(found.box[2] - found.box[0], found.box[3] - found.box[1]) // 16)
        known = _seen_at(known, look, (up, before), times)
        again = find_character(np.where(known, look.ink, 0), look.threshold)
        if again is not None:
            paper, found, times = look, again, look.reduction
        else:
            up, before = 0, 0
    else:
        up, before = 0, 0
    top, left, bottom, right = found.box
    ink = np.where(found.mask, paper.ink, 0)[top:bottom, left:right]
    box = top * times + up, left * times + before, bottom * times + up, right * times + before
    return Character(box=box, ink=ink, threshold=found.threshold)


def _around(found: Found, reach: int) -> Array:
    """bool: the pixels of a character, and those less than `reach` + 3 away from them."""
    window = 2 * (reach + 2) + 1
    grown = np.pad(found.mask, window // 2)
    for axis in (0, 1):
        grown = slid(grown, window, axis, np.logical_or)
    return grown


def _seen_at(mask: Array, look: Paper, place: tuple[int, int], times: int) -> Array:
    """A mask of pixels `times` as large as the picture's, in those of a look at a part of it."""
    rows, columns = (
        np.minimum(
            (start + np.arange(num) * look.reduction + look.reduction // 2) // times, most - 1
        )
        for start, num, most in zip(place, look.ink.shape, mask.shape, strict=True)
    )
    found: Array = mask[rows[:, np.newaxis], columns]
    return found


def _found(pixels: Array, longest: int) -> tuple[Paper, Found]:
    for sides in (False, True):
        paper = read_paper(pixels, longest=longest, sides=sides)
        if paper.contrast < _LEAST_CONTRAST or paper.contrast <= _GRAINS * paper.grain:
            continue
        found = find_character(paper.ink, paper.threshold)
        if found and (not sides or _sharp(paper.ink)):
            return paper, found
    raise ImageError("shows nothing: no character is written on it")


def _sharp(ink: Array) -> bool:
    """Whether more of it is full ink than halfway: light that fades at a border is no stroke."""
    counts = np.bincount(ink.ravel(), minlength=256)
    return int(counts[64:192].sum()) < int(counts[192:].sum())
