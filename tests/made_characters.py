"""Characters with thick lines, as a set would show them and as a person would send them."""

import numpy as np
from PIL import Image, ImageDraw

from eyespot.values.arrays import Array

LINES = {
    "seven": [[(0, 0), (60, 0), (20, 100)]],
    "four": [[(45, 100), (45, 0), (0, 65), (65, 65)]],
    "zed": [[(0, 0), (70, 0), (0, 100), (70, 100)]],
    "bar": [[(0, 0), (0, 100)]],
    "i": [[(0, 40), (0, 100)], [(0, 0), (0, 6)]],
    "cross": [[(0, 50), (80, 50)], [(40, 0), (40, 100)]],
}


def character(name: str, *, height: int = 100, width: int = 12, slant: float = 0.0) -> Array:
    """uint8 (h, w): bright lines on black, cut out. height: between their ends."""
    scale = height / 100
    image = Image.new("L", (round(130 * scale) + 4 * width, height + 4 * width))
    draw = ImageDraw.Draw(image)
    for line in LINES[name]:
        points = [
            (2 * width + scale * (x + slant * (100 - y)), 2 * width + scale * y) for x, y in line
        ]
        draw.line(points, fill=255, width=width)
        for x, y in points:
            round_end = (x - width / 2, y - width / 2, x + width / 2, y + width / 2)
            draw.ellipse(round_end, fill=255)
    found: Array = np.asarray(image.crop(image.getbbox()))
    return found


def on_page(ink: Array, size: tuple[int, int], place: tuple[int, int]) -> Array:
    """uint8 (h, w): the ink on a page of (height, width), its upper left corner at (top, left)."""
    page = np.zeros(size, np.uint8)
    top, left = place
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page


def like_a_set(ink: Array, *, size: int = 28, side: int = 20) -> Array:
    """uint8 (size, size, 1): in the middle by its box, the longer side of `side` pixels."""
    image = Image.fromarray(ink)
    scale = side / max(image.size)
    wide, tall = (max(1, round(one * scale)) for one in image.size)
    small = np.asarray(image.resize((wide, tall), Image.Resampling.BOX))
    return on_page(small, (size, size), ((size - tall) // 2, (size - wide) // 2))[..., np.newaxis]


def a_set(num: int = 60) -> Array:
    """uint8 (num, 28, 28, 1): all characters, slanted and of several widths."""
    names = list(LINES)
    return np.stack(
        [
            like_a_set(character(names[i % len(names)], width=10 + i % 7, slant=(i % 5 - 2) / 10))
            for i in range(num)
        ]
    )
