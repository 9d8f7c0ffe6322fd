"""Pictures for a person: what was found on one, and several side by side with words."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eyespot.images.ink import Character
from eyespot.values.arrays import Array

_INK = (213, 94, 0)  # vermilion, as in evaluation/heat.py
_BOX = (0, 158, 115)
_GROUND, _TEXT = (250, 250, 250), (20, 20, 20)
_GAP = 8


def marked(pixels: Array, character: Character, *, longest: int = 480) -> Array:
    """uint8 (h, w, 3): a picture, its longer side `longest` or less, with the box of the character
    and its ink in colour. pixels: uint8 (H, W, C)."""
    found = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy()
    top, left, bottom, right = character.box
    inked = Image.fromarray(character.ink).resize((right - left, bottom - top))
    part = found[top:bottom, left:right]
    is_ink = np.asarray(inked)[: part.shape[0], : part.shape[1]] > character.threshold
    part[is_ink] = (part[is_ink].astype(np.uint16) + 2 * np.array(_INK, np.uint16)) // 3
    image = fitted(found, longest)
    scale = max(image.size) / max(found.shape[:2])
    box = [scale * edge for edge in (left, top, right, bottom)]
    wide = max(1, max(image.size) // 160)
    outer = (box[0] - 2 * wide, box[1] - 2 * wide, box[2] + 2 * wide, box[3] + 2 * wide)
    ImageDraw.Draw(image).rectangle(outer, outline=_BOX, width=wide)
    return np.asarray(image)


def fitted(pixels: Array, longest: int) -> Image.Image:
    """In colour, its longer side `longest`, or less for a picture that is smaller."""
    image = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy())
    image.thumbnail((longest, longest), Image.Resampling.BOX)
    return image


def strip(pictures: Sequence[Array], words: Sequence[str], *, side: int = 224) -> Array:
    """uint8 (H, W, 3): pictures, uint8 (h, w, C), in squares of `side`, each with words below it;
    words that have no picture stand in a square of their own, the first line large."""
    line = side // 10
    font = ImageFont.load_default(line * 3 // 4)
    width = len(words) * (side + _GAP) - _GAP
    page = Image.new("RGB", (width, side + line + _GAP), _GROUND)
    draw = ImageDraw.Draw(page)
    for place, text in enumerate(words):
        left = place * (side + _GAP)
        if place < len(pictures):
            image = fitted(_enlarged(pictures[place], side), side)
            page.paste(image, (left + (side - image.width) // 2, (side - image.height) // 2))
            draw.text((left + side // 2, side + _GAP // 2), text, _TEXT, font, anchor="ma")
        else:
            first, _, rest = text.partition("\n")
            draw.text((left + _GAP, side // 5), first, _TEXT, ImageFont.load_default(2 * line))
            draw.multiline_text((left + _GAP, side // 2), rest, _TEXT, font, spacing=_GAP)
    return np.asarray(page)


def _enlarged(pixels: Array, side: int) -> Array:
    """Every pixel of a small picture as a square, as large as fits."""
    times = max(1, side // max(pixels.shape[:2]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
