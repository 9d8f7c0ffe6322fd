"""The ink bridge: a photo, scan or drawing of a character to what a net was trained on.

In an order that every other implementation must keep:

    resembles  a picture that, prepared, looks like those of the set passes as it is (inkstyle.py)
    read       what is written, with the longer side reduced to 640 (paper.py)
    find       the character (finding.py); where there is none, ImageError
    look       the same again in a cut-out around it, as large as its box and a half of its longer
               side to each side, its own longer side reduced to 320
    redraw     as the set shows its characters (redrawing.py)
    colour     the grey channel three times, when three are wanted
"""

from dataclasses import dataclass

import numpy as np

from eyespot.errors import ImageError
from eyespot.images.finding import Found, find_character
from eyespot.images.inkstyle import resembles
from eyespot.images.paper import Paper, read_paper
from eyespot.images.preparation import prepare
from eyespot.images.redrawing import redrawn
from eyespot.values import Array, InkStyle, Preparation

_LONGEST, _LONGEST_LOOK = 640, 320
_LEAST_CONTRAST = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Character:
    """What a picture shows. box: of the character, in its pixels: top, left, bottom, right, the
    latter two excluded. ink: uint8 (h, w), of the character alone, cut out. threshold: its lines
    are above."""

    box: tuple[int, int, int, int]
    ink: Array
    threshold: int


def bridged(pixels: Array, preparation: Preparation) -> Array:
    """uint8 (S, S, C): a decoded picture as the model's training set would show it.

    Raises ImageError where nothing is written.
    """
    size, channels = preparation.size, preparation.channels
    plain = prepare(pixels, size=size, channels=channels, fit=preparation.fit)
    style = preparation.ink
    if style is None or resembles(plain, style):
        return plain
    drawn = drawn_like(style, character_of(pixels), size)
    return drawn[..., np.newaxis].repeat(channels, axis=2)


def drawn_like(style: InkStyle, character: Character, size: int) -> Array:
    """uint8 (size, size)."""
    return redrawn(character.ink, character.threshold, style, size)


def character_of(pixels: Array) -> Character:
    """The character that a decoded picture, uint8 (H, W, C), shows. Raises ImageError."""
    paper, found = _found(pixels, _LONGEST)
    times = paper.reduction
    top, left, bottom, right = (place * times for place in found.box)
    margin = max(bottom - top, right - left) // 2 + 2
    up, before = max(top - margin, 0), max(left - margin, 0)
    part = pixels[up : bottom + margin, before : right + margin]
    if part.shape != pixels.shape or times > 1:
        paper, found = _found(part, _LONGEST_LOOK)
        times = paper.reduction
    top, left, bottom, right = found.box
    ink = np.where(found.mask, paper.ink, 0)[top:bottom, left:right]
    box = top * times + up, left * times + before, bottom * times + up, right * times + before
    return Character(box=box, ink=ink, threshold=found.threshold)


def _found(pixels: Array, longest: int) -> tuple[Paper, Found]:
    paper = read_paper(pixels, longest=longest)
    found = find_character(paper.ink, paper.threshold) if paper.contrast > _LEAST_CONTRAST else None
    if found is None:
        raise ImageError("shows nothing: no character is written on it")
    return paper, found
