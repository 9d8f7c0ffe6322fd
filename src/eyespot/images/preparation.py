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

from eyespot.images.pixels import Raster, raster_pixels, raster_shape
from eyespot.values.arrays import Array
from eyespot.values.preparation import Fit


def prepare(raster: Raster, *, size: int, channels: Literal[1, 3], fit: Fit) -> Array:
    """uint8 (size, size, channels) of a decoded picture, uint8 (H, W, 1) or (H, W, 3).

    Pixels that have this shape already come back as they are, not copied.
    """
    if raster_shape(raster) == (size, size, channels):
        return raster_pixels(raster)
    image = _image(raster)
    if fit == "crop":
        image = _centre_square(image)
    if channels == 1 and image.mode == "RGB":
        image = image.convert("L")
    if fit == "pad":
        prepared = _padded(image, size)
    elif fit == "stretch" or fit == "crop":
        prepared = resized(image, size, size)
    else:
        assert_never(fit)
    return prepared if prepared.shape[2] == channels else prepared.repeat(channels, axis=2)


def _image(raster: Raster) -> Image.Image:
    if isinstance(raster, Image.Image):
        return raster
    return Image.fromarray(raster[..., 0] if raster.shape[2] == 1 else raster)


def _centre_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _padded(image: Image.Image, size: int) -> Array:
    """The whole picture in the middle of a square; a side keeps at least one pixel."""
    width, height = image.size
    if height == width:
        return resized(image, size, size)
    longest = max(height, width)
    new_height = max(1, (2 * height * size + longest) // (2 * longest))
    new_width = max(1, (2 * width * size + longest) // (2 * longest))
    top, left = (size - new_height) // 2, (size - new_width) // 2
    small = resized(image, new_width, new_height)
    square = np.empty((size, size, small.shape[2]), np.uint8)
    square[:] = _border_colour(image)
    square[top : top + new_height, left : left + new_width] = small
    return square


def _border_colour(image: Image.Image) -> Array:
    """Median per channel of the outermost pixels; of two middle values the larger."""
    width, height = image.size
    lines = [(0, 0, width, 1), (0, height - 1, width, height)]
    lines += [(left, 1, left + 1, max(1, height - 1)) for left in (0, width - 1)]
    data = b"".join(image.crop(line).tobytes() for line in lines)
    border = np.frombuffer(data, np.uint8).reshape(-1, len(image.getbands()))
    middle = len(border) // 2
    median: Array = np.partition(border, middle, axis=0)[middle]
    return median


def resized(raster: Raster, width: int, height: int) -> Array:
    """uint8 (height, width, C) of uint8 (H, W, C)."""
    image = _image(raster)
    # One after the other: Pillow 13 itself would begin with the height where it shrinks more.
    wide = image.resize((width, image.height), Image.Resampling.BILINEAR)
    both = wide.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(both).reshape(height, width, -1)
