"""Pictures made by drawing, for a model whose own cannot be read. N images, S side, C channels."""

import numpy as np
from PIL import Image, ImageDraw

from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation


def made_up(shape: Preparation, num: int, *, seed: int = 0) -> Array:
    """Prepared pictures, uint8 (N, S, S, C): lines, arcs and spots, smooth and noisy grounds.

    Half of them bright on dark and half dark on bright.
    """
    random = np.random.default_rng(seed)
    return np.stack([_one(random, shape, number) for number in range(num)])


def _one(random: np.random.Generator, shape: Preparation, number: int) -> Array:
    size, channels = shape.size, shape.channels
    # A few colours drawn large are a smooth ground, and many of them a noisy one.
    coarse = random.integers(0, 256, (int(random.integers(2, 9)),) * 2 + (3,), np.uint8)
    ground = Image.fromarray(coarse).resize((4 * size,) * 2, Image.Resampling.BICUBIC)
    picture = Image.blend(Image.new("RGB", ground.size), ground, float(random.uniform(0, 0.6)))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, 5))):
        colour = tuple(random.integers(150, 256, 3).tolist())
        places = random.integers(0, 4 * size, (2, 2))
        box = [*places.min(axis=0).tolist(), *(places.max(axis=0) + 1).tolist()]
        width = int(random.integers(2, 2 + size // 2))
        match int(random.integers(3)):
            case 0:
                draw.line([tuple(place) for place in places.tolist()], fill=colour, width=width)
            case 1:
                start = float(random.uniform(0, 360))
                draw.arc(box, start, start + float(random.uniform(90, 360)), colour, width)
            case _:
                draw.ellipse(box, fill=colour)
    pixels = np.asarray(picture.resize((size, size)).convert("L" if channels == 1 else "RGB"))
    pixels = pixels.reshape(size, size, channels)
    return 255 - pixels if number % 2 else pixels
