"""Digits drawn by code, as a person draws them on a pad: no data set is needed for a 7."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from eyespot import train
from eyespot.values.arrays import Array

Stroke = tuple[tuple[float, float], ...]

# Points of one stroke each, in a box of 1 x 1, y downwards.
STROKES: dict[str, tuple[Stroke, ...]] = {
    "0": (tuple((0.5 + 0.3 * math.sin(t / 4), 0.5 - math.cos(t / 4) / 2) for t in range(26)),),
    "1": (((0.35, 0.2), (0.55, 0.0), (0.55, 1.0)),),
    "2": (((0.15, 0.2), (0.4, 0.0), (0.7, 0.1), (0.8, 0.3), (0.5, 0.65), (0.1, 1.0), (0.9, 1.0)),),
    "3": (((0.15, 0.1), (0.5, 0.0), (0.8, 0.2), (0.45, 0.5), (0.85, 0.7), (0.6, 1.0), (0.1, 0.9)),),
    "4": (((0.6, 0.0), (0.1, 0.65), (0.9, 0.65)), ((0.65, 0.35), (0.65, 1.0))),
    "7": (((0.1, 0.0), (0.9, 0.0), (0.65, 0.4), (0.45, 1.0)),),
}


def drawn_digit(digit: str, rng: np.random.Generator, *, side: int = 28) -> Array:
    """uint8 (side, side): white on black, in the middle, leaning and shaken a little."""
    lean, wide = rng.uniform(-0.25, 0.15), rng.uniform(0.6, 0.95)
    strokes = [
        [
            (wide * x + lean * (0.5 - y) + rng.normal(0, 0.02), y + rng.normal(0, 0.02))
            for x, y in stroke
        ]
        for stroke in STROKES[digit]
    ]
    points = np.array([point for stroke in strokes for point in stroke])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 4 * side * rng.uniform(0.62, 0.7) / (high - low).max()
    width = round(4 * side * rng.uniform(0.05, 0.11))
    image = Image.new("L", (4 * side, 4 * side))
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        placed = [tuple((np.array(p) - (low + high) / 2) * scale + 2 * side) for p in stroke]
        draw.line(placed, fill=255, width=width, joint="curve")
        for x, y in (placed[0], placed[-1]):
            draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    return np.asarray(image.reduce(4))


def write_drawn_digits(root: Path, *, num: int = 60, seed: int = 0) -> Path:
    """A folder per digit, with `num` pictures each."""
    rng = np.random.default_rng(seed)
    for digit in STROKES:
        (root / digit).mkdir(parents=True)
        for number in range(num):
            Image.fromarray(drawn_digit(digit, rng)).save(root / digit / f"{number}.png")
    return root


def train_drawn_digits(root: Path) -> Path:
    """The run of a model that knows them, trained in seconds; its data lie in `drawn` beside it."""
    data = write_drawn_digits(root / "drawn", num=40)
    settings = {"kind": "ink", "epochs": 5, "width": 16, "batch": 16, "rate": 0.01}
    return train(data, settings=settings, out=root / "run").run.path
