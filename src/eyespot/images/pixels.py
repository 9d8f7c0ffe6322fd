"""A decoded PIL image, or an array, to uint8 pixels (H, W, C), C 1 for grey and 3 for colour.

A raster is the same before it is an array: pixels, or an upright PIL image in mode L or RGB.
Whoever only shrinks it need not pay for an array of all of it.

The same rules for both:

    alpha               over white; over black where what is to be seen would not be, being nearly
                        white: sum(alpha * (255 - grey)) < 40 * sum(alpha)
    palette             colour, even if its entries are grey
    16 bits             v / 257; 32-bit integers within 0..65535 likewise
    floats              0..1 times 255, else 0..255 as they are, else 0..65535 / 257
    anything wider      its own smallest..largest value to 0..255
    EXIF orientation    applied; unreadable EXIF is no orientation

Colour profiles are not applied.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from eyespot.errors import ImageError
from eyespot.values.arrays import Array

Raster = Array | Image.Image

MAX_PIXELS = 50_000_000

_ORIENTATION_TAG = 0x0112
_LEAST_DARK = 40  # of 255, that ink has on average which is seen on white

# Converted a strip at a time, a large picture needs its memory twice and not four times. Strips of
# fewer than 128 kB come from memory that the process has already, which larger ones do not: those
# take four times as long.
_STRIP_PIXELS = 2**15

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_size(size: tuple[int, int]) -> None:
    """Raises ImageError unless width x height is between 1 and MAX_PIXELS."""
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"has no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"is too large ({width} x {height} pixels; at most {MAX_PIXELS:,} pixels are decoded)"
        )


def image_raster(image: Image.Image) -> Raster:
    """What a PIL image shows, decoded now if it is not yet."""
    image.load()
    orientation = orientation_of(image)
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image if orientation == 1 else image.transpose(_TURNS[orientation])
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _turned(_numbers_as_bytes(image), orientation)
    return _turned(_bands_as_bytes(image), orientation)


def raster_pixels(raster: Raster) -> Array:
    """All of it, uint8 (H, W, C)."""
    return raster if isinstance(raster, np.ndarray) else _bands_as_bytes(raster)


def raster_shape(raster: Raster) -> tuple[int, int, int]:
    """(H, W, C)."""
    if isinstance(raster, Image.Image):
        return raster.height, raster.width, len(raster.getbands())
    height, width, channels = raster.shape
    return height, width, channels


def _bands_as_bytes(image: Image.Image) -> Array:
    grey = image.mode in ("1", "L", "LA", "La")
    width, height = image.size
    pixels = np.empty((height, width, 1 if grey else 3), np.uint8)
    ground = _ground(image) if image.has_transparency_data else "white"
    for top, strip in _strips(image):
        flat = _over(ground, strip, grey=grey)
        pixels[top : top + strip.height] = np.asarray(flat).reshape(strip.height, width, -1)
    return pixels


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture from top to bottom, each part with the row that it begins at."""
    width, height = image.size
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        whole = step >= height
        yield top, image if whole else image.crop((0, top, width, min(top + step, height)))


def _ground(image: Image.Image) -> str:
    """What a picture with alpha is seen on."""
    seen = dark = 0
    for _, strip in _strips(image):
        layered = strip if strip.mode in ("LA", "La") else strip.convert("RGBA")
        layered = layered if layered.mode == "LA" else layered.convert("LA")
        grey, alpha = np.moveaxis(np.asarray(layered).astype(np.int64), 2, 0)
        seen += int(alpha.sum())
        dark += int((alpha * (255 - grey)).sum())
    return "black" if dark < _LEAST_DARK * seen else "white"


def _over(ground: str, image: Image.Image, *, grey: bool) -> Image.Image:
    """The picture in mode L or RGB."""
    opaque, layered = ("L", "LA") if grey else ("RGB", "RGBA")
    if not image.has_transparency_data:
        return image if image.mode == opaque else image.convert(opaque)
    if image.mode != layered:
        image = image.convert(layered)
    paper = Image.new(opaque, image.size, ground)
    paper.paste(image, mask=image)
    return paper


def _numbers_as_bytes(image: Image.Image) -> Array:
    """One 16 or 32-bit channel to bytes; Pillow's own conversion clips it to black and white."""
    values = np.asarray(image)[..., np.newaxis]
    if image.mode == "F":
        pixels = _floats_as_bytes(values)
    elif values.min() >= 0 and values.max() <= 65535:
        pixels = _words_as_bytes(values)
    else:
        pixels = _stretched(values)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        pixels[values == transparent] = 255
    return pixels


def _words_as_bytes(values: Array) -> Array:
    """0..65535 to 0..255: v * 255 / 65535, rounded; a tie cannot occur."""
    rounded: Array = (values.astype(np.uint32) + 128) // 257
    return rounded.astype(np.uint8)


def _floats_as_bytes(values: Array) -> Array:
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"holds values that are not finite numbers ({values.dtype.name})")
    if low < 0 or high > 65535:
        return _stretched(values)
    scale = 255 if high <= 1 else 1 if high <= 255 else 1 / 257
    scaled: Array = values.astype(np.result_type(values, np.float32))
    scaled *= scale
    return np.rint(scaled, out=scaled).astype(np.uint8)


def _stretched(values: Array) -> Array:
    """The smallest value becomes 0, the largest 255; a flat picture becomes 0."""
    halves = values.astype(np.float64) / 2  # the difference of two of them is always finite
    low: np.float64 = halves.min()
    span: np.float64 = halves.max() - low
    if span == 0:
        return np.zeros(values.shape, np.uint8)
    scaled: Array = (halves - low) / span * 255
    return np.rint(scaled, out=scaled).astype(np.uint8)


def array_pixels(array: Array) -> Array:
    """The pixels of a picture that came as an array; uint8 without alpha is not copied."""
    pixels = _array_as_bytes(np.asarray(array).reshape(array_shape(array)))
    return pixels if pixels.shape[2] in (1, 3) else _bands_as_bytes(Image.fromarray(pixels))


def array_shape(array: Array) -> tuple[int, int, int]:
    """(H, W, C) of an array that can be a picture, C 1 to 4. Raises ImageError for any other."""
    height, width, channels = (*array.shape, 1) if array.ndim == 2 else (*array.shape, 0, 0, 0)[:3]
    if array.ndim not in (2, 3) or not 1 <= channels <= 4:
        raise _unfit(array, "an image is (H, W) or (H, W, C) with C 1 to 4")
    check_size((width, height))
    return height, width, channels


def _array_as_bytes(values: Array) -> Array:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _words_as_bytes(values)
    if values.dtype.kind in "iu":
        if values.min() < 0 or values.max() > 255:
            raise _unfit(values, f"integers from {values.min()} to {values.max()} are not 0..255")
        return values.astype(np.uint8)
    if values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        return _floats_as_bytes(values)
    raise _unfit(values, "numbers are bool, integers or floats of at most 64 bits")


def _unfit(array: Array, reason: str) -> ImageError:
    return ImageError(f"is not an image (array of {array.dtype}, shape {array.shape}): {reason}")


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8."""
    if image.format == "TIFF":  # Pillow turns these itself, size and pixels
        return 1
    with contextlib.suppress(Exception):  # broken EXIF says nothing about the pixels
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        if orientation in range(2, 9):
            return int(orientation)
    return 1


def _turned(pixels: Array, orientation: int) -> Array:
    """The picture as its maker saw it."""
    if orientation == 1:
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
