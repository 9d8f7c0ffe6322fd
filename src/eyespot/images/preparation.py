"""Decoded pixels to the square that a net sees; one rule for training, prediction and exports.

The steps, in an order that every other implementation must keep, because each rounds to 8 bits:

    crop   the centre square, for `crop`
    grey   (19595 R + 38470 G + 7471 B + 32768) >> 16, ITU-R 601, when one channel is wanted
    resize first the width, then the height, with Pillow's antialiased BILINEAR
    place  centred on the median colour of the picture's border, for `pad`
    colour the grey channel three times, when three are wanted

BILINEAR is a triangle as wide as the reduction, in fixed point with 22 bits: it has no negative
weights that ring and clip, is a few lines in any language, and the fastest filter without aliasing
but for BOX, which makes blocks of pictures that have to grow.
"""

from typing import Literal, assert_never

import numpy as np
from PIL import Image

from eyespot.values.arrays import Array
from eyespot.values.preparation import Fit


def prepare(pixels: Array, *, size: int, channels: Literal[1, 3], fit: Fit) -> Array:
    """uint8 (size, size, channels) of a decoded picture, uint8 (H, W, 1) or (H, W, 3).

    A picture that has this shape already comes back as it is, not copied.
    """
    if pixels.shape == (size, size, channels):
        return pixels
    if fit == "crop":
        pixels = _centre_square(pixels)
    if channels == 1 and pixels.shape[2] == 3:
        pixels = _grey(pixels)
    if fit == "pad":
        prepared = _padded(pixels, size)
    elif fit == "stretch" or fit == "crop":
        prepared = resized(pixels, size, size)
    else:
        assert_never(fit)
    return prepared if prepared.shape[2] == channels else prepared.repeat(channels, axis=2)


def _centre_square(pixels: Array) -> Array:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def _grey(pixels: Array) -> Array:
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., np.newaxis]


def _padded(pixels: Array, size: int) -> Array:
    """The whole picture in the middle of a square; a side keeps at least one pixel."""
    height, width = pixels.shape[:2]
    if height == width:
        return resized(pixels, size, size)
    longest = max(height, width)
    new_height = max(1, (2 * height * size + longest) // (2 * longest))
    new_width = max(1, (2 * width * size + longest) // (2 * longest))
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square = np.empty((size, size, pixels.shape[2]), np.uint8)
    square[:] = _border_colour(pixels)
    square[top : top + new_height, left : left + new_width] = resized(pixels, new_width, new_height)
    return square


def _border_colour(pixels: Array) -> Array:
    """Median per channel of the outermost pixels; of two middle values the larger."""
    rows = pixels[[0, -1]].reshape(-1, pixels.shape[2])
    columns = pixels[1:-1, [0, -1]].reshape(-1, pixels.shape[2])
    border = np.concatenate([rows, columns])
    middle = len(border) // 2
    median: Array = np.partition(border, middle, axis=0)[middle]
    return median


def resized(pixels: Array, width: int, height: int) -> Array:
    """uint8 (height, width, C) of uint8 (H, W, C)."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    # One after the other: Pillow 13 itself would begin with the height where it shrinks more.
    wide = image.resize((width, image.height), Image.Resampling.BILINEAR)
    both = wide.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(both).reshape(height, width, -1)
