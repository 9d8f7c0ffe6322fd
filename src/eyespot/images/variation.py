"""A random variation of one picture at its own size: turned, shifted, zoomed, relit, blurred.

For copies on disk; training has its own, on whole batches at the size of the net's input.
"""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from eyespot.errors import UsageError
from eyespot.values.arrays import Array

_MOST = {"rotate": 180.0, "shift": 0.5, "blur": 20.0, "colour": 1.0, "brightness": 1.0}


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """How far a variation may go, either way; 0 switches one off.

    rotate: degrees. shift: share of the side. zoom: 0.15 is from 1/1.15 to 1.15. flip: mirrored
    left to right, every second time. brightness, contrast, colour: 0.2 is from 0.8 to 1.2 times.
    blur: the radius of a Gaussian, in hundredths of the longer side, so that it looks the same at
    every size. Raises UsageError for a range that is none, and when all are off.
    """

    rotate: float = 12.0
    shift: float = 0.08
    zoom: float = 0.15
    flip: bool = False
    brightness: float = 0.2
    contrast: float = 0.2
    colour: float = 0.2
    blur: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), _MOST.get(field.name, 1.0)
            if not 0 <= value <= most:  # also when it is not a number
                raise UsageError(f"{field.name} wants a number from 0 to {most:g}, got {value}")
        if not any(getattr(self, field.name) for field in fields(self)):
            raise UsageError("every change is switched off, so that copies would be equal; set one")


class _Draw(NamedTuple):
    """Where in its range each change is, from -1 to 1; mirrored: yes below 0."""

    rotate: float
    right: float
    down: float
    zoom: float
    mirrored: float
    brightness: float
    contrast: float
    colour: float
    blur: float


def varied(pixels: Array, ranges: Ranges, generator: np.random.Generator) -> Array:
    """A new picture of the same shape, uint8 (H, W, C); its border is continued outwards.

    What is drawn for one change does not depend on which others are switched on.
    """
    # The net of all changes is one resampling, so that the copy is as sharp as can be.
    draw = _Draw(*generator.uniform(-1, 1, len(_Draw._fields)).tolist())
    if ranges.rotate or ranges.shift or ranges.zoom or (ranges.flip and draw.mirrored < 0):
        pixels = _moved(pixels, _inverse(pixels.shape[1], pixels.shape[0], ranges, draw))
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if ranges.contrast:
        image = ImageEnhance.Contrast(image).enhance(1 + ranges.contrast * draw.contrast)
    if ranges.brightness:
        image = ImageEnhance.Brightness(image).enhance(1 + ranges.brightness * draw.brightness)
    if ranges.colour and pixels.shape[2] == 3:
        image = ImageEnhance.Color(image).enhance(1 + ranges.colour * draw.colour)
    radius = ranges.blur / 100 * max(pixels.shape[:2]) * abs(draw.blur)
    if radius > 0.05:  # less is not seen
        image = image.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(image).reshape(pixels.shape)


def _inverse(width: int, height: int, ranges: Ranges, draw: _Draw) -> Array:
    """(2, 3): from a place in the new picture, in pixels, to the place that it comes from."""
    angle = math.radians(ranges.rotate * draw.rotate)
    scale = math.exp(math.log1p(ranges.zoom) * draw.zoom)
    mirror = -1.0 if ranges.flip and draw.mirrored < 0 else 1.0
    turn = scale * np.array(
        [
            [mirror * math.cos(angle), -mirror * math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
    )
    centre = np.array([width, height]) / 2
    moved = ranges.shift * np.array([width * draw.right, height * draw.down])
    return np.column_stack([turn, centre + moved - turn @ centre])


def _moved(pixels: Array, inverse_23: Array) -> Array:
    """The picture resampled; what lies outside of it continues its border."""
    height, width, num_channels = pixels.shape
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    reached = inverse_23 @ corners
    low = np.ceil(np.maximum(-reached.min(axis=1), 0)).astype(int) + 2
    high = np.ceil(np.maximum(reached.max(axis=1) - (width, height), 0)).astype(int) + 2
    padded = np.pad(pixels, ((low[1], high[1]), (low[0], high[0]), (0, 0)), mode="edge")
    inverse_23 = inverse_23.copy()
    inverse_23[:, 2] += low
    image = Image.fromarray(padded[..., 0] if num_channels == 1 else padded)
    moved = image.transform(
        (width, height),
        Image.Transform.AFFINE,
        tuple(inverse_23.ravel().tolist()),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(moved).reshape(pixels.shape)
