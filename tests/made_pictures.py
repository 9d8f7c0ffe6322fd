"""Pictures made by code that are as hard to tell apart, and as sharp, as photos."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Part

DATA = Path(__file__).parents[2] / "shared" / "data"


def photo(seed: int, *, width: int = 160, height: int = 120) -> Array:
    """uint8 (H, W, 3): forty rectangles of random colours one over the other, and some noise."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), rng.integers(0, 256, 3), np.int64)
    for _ in range(40):
        top, left = rng.integers(-20, height), rng.integers(-20, width)
        tall, wide = rng.integers(8, height), rng.integers(8, width)
        pixels[max(0, top) : top + tall, max(0, left) : left + wide] = rng.integers(20, 236, 3)
    return (pixels + rng.integers(-6, 7, pixels.shape)).clip(0, 255).astype(np.uint8)


def copied(pixels: Array, *, scale: float = 0.6, quality: int = 60) -> bytes:
    """The picture, resized and saved as JPEG."""
    height, width = pixels.shape[:2]
    small = Image.fromarray(pixels).resize((round(width * scale), round(height * scale)))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality)
    return file.getvalue()


def fade(first: int, second: int, num: int) -> list[Array]:
    """`num` frames in which one photo becomes another: each looks like the next, few like all."""
    one, other = photo(first).astype(float), photo(second).astype(float)
    shares = np.linspace(0, 1, num)
    return [(one + share * (other - one)).astype(np.uint8) for share in shares]


def dataset(
    images: Any,
    *,
    labels: Sequence[int] | None = None,
    parts: Sequence[Part] | None = None,
    names: Sequence[str] | None = None,
) -> Dataset:
    """Two classes, in turn unless labels say otherwise."""
    num = len(images)
    return Dataset(
        name="pets",
        form="made up",
        images=images,
        names=tuple(names or (f"{index:05}" for index in range(num))),
        labels=np.array(labels if labels is not None else np.arange(num) % 2, np.int64),
        classes=("cat", "dog"),
        parts=None if parts is None else tuple(parts),
    )
