"""Heat maps as pictures: how one is laid over what it is of. N maps, S side.

The brightness of the picture stays, its colours give way to those of the heat: what is grey did not
count. From blue, a little, over yellow to vermilion, most: colours that the colour-blind tell apart
as well (Okabe and Ito 2008, Color Universal Design).
"""

import numpy as np

from eyespot.values.arrays import Array

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as in images/preparation.py
_COLOURS = np.array(
    [(0, 114, 178), (86, 180, 233), (240, 228, 66), (230, 159, 0), (213, 94, 0)], np.float32
)
_MOST_OPAQUE = 0.8  # so that the picture is seen through the hottest place
_DARKEST, _LIGHTEST = 24, 240  # what becomes of black and white, from which colours stand out less
_GAP = 8


def scaled(heats: Array) -> Array:
    """Each map with 1 at its hottest place, or as it is where all is 0. heats: (N, S, S), >= 0."""
    most = heats.max(axis=(1, 2), keepdims=True, initial=0)
    found: Array = heats / np.where(most > 0, most, np.float32(1))
    return found


def as_bytes(heats: Array) -> Array:
    """uint8 of heats in 0..1."""
    rounded: Array = np.rint(heats * 255).astype(np.uint8)
    return rounded


def spread(maps: Array, size: int, *, offset: float, stride: float) -> Array:
    """Small maps (N, S, S) over pictures (N, size, size), between their places linearly.

    Place i of a map stands for pixel offset + stride * i; beyond the outermost the map is flat.
    """
    side = maps.shape[1]
    at = np.clip((np.arange(size) - offset) / stride, 0, side - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, side - 1)
    share = (at - below).astype(np.float32)
    rows = maps[:, below] * (1 - share)[:, np.newaxis] + maps[:, above] * share[:, np.newaxis]
    spreaded: Array = rows[:, :, below] * (1 - share) + rows[:, :, above] * share
    return spreaded


def overlaid(picture: Array, heat: Array) -> Array:
    """The picture in grey with its heat in colours, uint8 (H, W, 3).

    picture: uint8 (H, W, C), C 1 or 3. heat: uint8 (H, W), 255 where the model looked most.
    """
    grey = picture[..., 0] if picture.shape[2] == 1 else picture @ _GREY
    grey = _DARKEST + grey * ((_LIGHTEST - _DARKEST) / 255)
    share = heat.astype(np.float32) / 255
    at = np.linspace(0, 1, len(_COLOURS))
    colours = np.stack([np.interp(share, at, channel) for channel in _COLOURS.T], axis=2)
    opacity = _MOST_OPAQUE * np.minimum(1, 2 * share)[..., np.newaxis]
    mixed = grey[..., np.newaxis] * (1 - opacity) + colours * opacity
    rounded: Array = np.rint(mixed).astype(np.uint8)
    return rounded


def side_by_side(picture: Array, heat: Array, *, least: int = 224) -> Array:
    """The picture, and beside it the same under its heat: uint8 (S, 2 S + a gap, 3).

    picture: uint8 (H, H, C). heat: uint8 (H, H). Both are enlarged to `least` pixels or more, every
    pixel of the picture to a square.
    """
    times = -(-least // len(picture))
    large = picture.repeat(times, axis=0).repeat(times, axis=1)
    if times > 1:
        of_pixels = heat[np.newaxis].astype(np.float32)
        fine = spread(of_pixels, len(large), offset=(times - 1) / 2, stride=times)
        heat = np.rint(fine[0]).astype(np.uint8)
    gap = np.full((len(large), _GAP, 3), 128, np.uint8)
    plain = np.broadcast_to(large, (*large.shape[:2], 3))
    return np.concatenate([plain, gap, overlaid(large, heat)], axis=1)
