"""How long large sets take before the first step of a training, each on made-up data.

    python benchmarks/scale.py --repeats 3

Listing one folder of 100,000 files; loading 70,000 images of an array that has its shape already;
parting 30,000 images of 10,000 classes, and a million of 1,000. None of it should grow much faster
than the set: each is measured at half the size, too. Prints a line for each: the medians of both,
and their ratio.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from eyespot.data.duplicates import Duplicates
from eyespot.data.loading import load_images
from eyespot.data.sources.tree import scan
from eyespot.data.splits import split
from eyespot.values.dataset import Dataset

NONE = Duplicates(exact=(), near=())
Work = Callable[[], object]


def made(num: int, *, num_classes: int, side: int = 1) -> Dataset:
    """Noise, uint8 (num, side, side)."""
    return Dataset(
        name="noise",
        form="made up",
        images=np.random.default_rng(0).integers(0, 256, (num, side, side), np.uint8),
        names=tuple(f"{index:07}.png" for index in range(num)),
        labels=np.arange(num) % num_classes,
        classes=tuple(f"c{label}" for label in range(num_classes)),
    )


def listing(num: int, folder: Path) -> Work:
    root = folder / str(num)
    root.mkdir()
    for index in range(num):
        os.close(os.open(root / f"picture-{index:07}.png", os.O_CREAT))
    return lambda: scan(root)


def loading(num: int, folder: Path) -> Work:
    data = made(num, num_classes=10, side=8)
    return lambda: load_images(data, size=8, channels=1, fit="pad")


def many_classes(num: int, folder: Path) -> Work:
    data = made(num, num_classes=num // 3)
    return lambda: split(data, valid=0.1, test=0, duplicates=NONE)


def many_images(num: int, folder: Path) -> Work:
    data = made(num, num_classes=1000)
    return lambda: split(data, duplicates=NONE)


WORK: dict[str, tuple[int, Callable[[int, Path], Work]]] = {
    "files listed": (100_000, listing),
    "images of an array loaded": (70_000, loading),
    "images parted, a class for every three": (30_000, many_classes),
    "images parted, 1,000 classes": (1_000_000, many_images),
}


def median_seconds(work: Work, repeats: int) -> float:
    def seconds() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return statistics.median(seconds() for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    for what, (num, prepared) in WORK.items():
        with tempfile.TemporaryDirectory() as name:
            half, whole = (
                median_seconds(prepared(size, Path(name)), repeats) for size in (num // 2, num)
            )
        print(
            f"{num:,} {what}: {whole:.2f} s, {whole / half:.1f} times that of half ({half:.2f} s)"
        )


if __name__ == "__main__":
    main()
