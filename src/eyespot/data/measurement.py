"""One decoded picture in a few numbers, and a thumbnail to compare it by.

N images, H height, W width, C channels, S = THUMB the side of a thumbnail.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops

from eyespot.values.arrays import Array

THUMB = 16

# Larger pictures are shrunk by a whole factor first: finer detail is no net's business, and the
# sharpness of a photo of 12 megapixels is judged at the size at which a person looks at it.
LONGEST = 512
_STRIP_PIXELS = 2**22

# Whether every channel is flat is asked only where the grey picture nearly is.
_FLAT = 0.02
_BLANK_SPAN = 2

_LEVELS = np.arange(256)
_NOISE = 5  # fewer levels than these are no edge


class Measured(NamedTuple):
    """All in [0, 1], of the picture shrunk to fewer than 1,024 pixels.

    brightness, contrast: mean and deviation of the grey picture; a contrast of 0 is a picture in
    which no channel spans more than 2 of 255 levels. sharpness: how much of an edge's step over
    eight pixels is made by two of them: 1 for a drawn line, 0.25 for a ramp. saturation: mean
    difference of the largest and smallest channel. thumb: grey, uint8 (S, S).
    """

    brightness: float
    contrast: float
    sharpness: float
    saturation: float
    thumb: Array


def measure(pixels: Array) -> Measured:
    """The numbers of a decoded picture, uint8 (H, W, C), C 1 or 3."""
    grey = _grey(pixels)
    counts = np.array(grey.histogram(), np.int64)
    num = grey.width * grey.height
    mean = float(counts @ _LEVELS) / num
    contrast = float(counts @ (_LEVELS - mean) ** 2 / num) ** 0.5 / 255
    if contrast < _FLAT:
        contrast = 0.0 if _is_blank(pixels) else max(contrast, 1e-6)
    return Measured(mean / 255, contrast, _sharpness(grey), _saturation(pixels), _thumb(grey))


def pixel_digest(pixels: Array) -> bytes:
    """16 bytes, equal for pictures whose decoded pixels are equal."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def thumbnail(pixels: Array) -> Array:
    """The thumbnail alone of a decoded picture, uint8 (H, W, C), C 1 or 3."""
    return _thumb(_grey(pixels))


def _thumb(grey: Image.Image) -> Array:
    return np.array(grey.resize((THUMB, THUMB), Image.Resampling.BOX))


def _grey(pixels: Array) -> Image.Image:
    """The grey picture, shrunk; a large one strip by strip, which takes little memory."""
    height, width, channels = pixels.shape
    factor = max(1, max(height, width) // LONGEST)
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    strips = []
    for top in range(0, height, rows):
        strip = pixels[top : top + rows]
        grey = Image.fromarray(strip[..., 0] if channels == 1 else strip).convert("L")
        strips.append(grey.reduce(factor) if factor > 1 else grey)
    if len(strips) == 1:
        return strips[0]
    return Image.fromarray(np.concatenate([np.asarray(strip) for strip in strips]))


def _sharpness(grey: Image.Image) -> float:
    """The steepest steps over two pixels, over the steepest over eight.

    Over two: a step over one is mostly noise and the blocks of JPEG. Steepest: the hundredth of all
    pairs, but of a drawing of few lines only a tenth of the pairs that differ at all.
    """
    near, far = _steps(grey, 2), _steps(grey, 8)
    num = min(0.01 * far.sum(), 0.1 * far[_NOISE:].sum())
    if num < 1:
        return 0.0
    return min(1.0, _level_of(near, num) / _level_of(far, num))


def _steps(grey: Image.Image, distance: int) -> Array:
    """How often pixels at this distance, across and down, differ by 0 to 255 levels."""
    width, height = grey.size
    counts = np.zeros(256, np.int64)
    for x, y in ((distance, 0), (0, distance)):
        if width > x and height > y:
            first = grey.crop((0, 0, width - x, height - y))
            second = grey.crop((x, y, width, height))
            counts += np.array(ImageChops.difference(first, second).histogram())
    return counts


def _level_of(counts: Array, num: float) -> float:
    """The level that `num` of the counted differences exceed, between two levels by their shares.

    Whole levels would give all soft pictures the same few values.
    """
    above = np.cumsum(counts[::-1])[::-1]  # how many are of this level or more
    level = int(np.flatnonzero(above >= num)[-1])
    return max(0.0, level - 0.5 + float((above[level] - num) / counts[level]))


def _saturation(pixels: Array) -> float:
    if pixels.shape[2] == 1:
        return 0.0
    step = max(1, max(pixels.shape[:2]) // 64)
    few = pixels[::step, ::step]
    red, green, blue = few[..., 0], few[..., 1], few[..., 2]
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    return float((largest - smallest).mean()) / 255


def _is_blank(pixels: Array) -> bool:
    channels = pixels.reshape(-1, pixels.shape[2])
    span = channels.max(axis=0).astype(int) - channels.min(axis=0)
    return int(span.max()) <= _BLANK_SPAN


def _cosines(num: int, side: int) -> Array:
    """The first `num` rows of the discrete cosine transform of `side` values, float32."""
    angles = np.outer(np.arange(num), np.arange(side) + 0.5) * np.pi / side
    return np.cos(angles).astype(np.float32)


def fingerprints(thumbs: Array) -> Array:
    """A perceptual hash of each thumbnail, uint64 (N,), of uint8 (N, S, S).

    A bit says whether one of the 64 slowest waves of the picture, the constant left out, is
    stronger than their median; resizing and compression change few of them.
    Source: Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions.
    """
    waves = _cosines(9, THUMB)
    found = np.empty(len(thumbs), np.uint64)
    for start in range(0, len(thumbs), 65_536):
        part = thumbs[start : start + 65_536].astype(np.float32)
        strengths = (waves @ part @ waves.T).reshape(len(part), -1)[:, 1:65]
        bits = strengths > np.median(strengths, axis=1, keepdims=True)
        found[start : start + len(part)] = np.packbits(bits, axis=1).view(">u8")[:, 0]
    return found
