"""How much of what is no digit does a model of MNIST's digits refuse?

    python benchmarks/unknown.py path/to/cats-dogs path/to/english.csv [--run RUN ...]

Trains the default recipe on mnist, or takes runs that are there; nothing of what is shown here is
known to the model or to its thresholds. For each kind: the share refused by the thresholds of the
model file; the share refused where exactly 2 % of the good test digits are; and the AUROC of kind
against good test digits. Several runs give the mean and the range of the second.
The kinds that are "photographed" go through the ink bridge of the first run.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

import eyespot
from eyespot.errors import ImageError
from eyespot.evaluation.metrics import judge
from eyespot.files.run import Run
from eyespot.images.decode import open_image
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

NUM = 1000
SIDE = 28
# Letters that a person could take for a digit as well: for 0, 1, 2, 4, 5, 6, 7, 8 and 9 in turn.
LIKE_DIGITS = set("OoDQIlijJZzYySsbGTtBgq")


def grey_crops(folder: Path, rng: np.random.Generator) -> Array:
    """Squares of 28 pixels of photos, in grey."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    if not photos:
        sys.exit(f"{folder} holds no photos (.jpg, .png)")
    crops = []
    for place in rng.integers(len(photos), size=NUM):
        pixels = open_image(photos[place]).pixels
        grey = np.asarray(Image.fromarray(pixels.squeeze()).convert("L"))
        top, left = (rng.integers(max(side - SIDE, 0) + 1) for side in grey.shape)
        crop = grey[top : top + SIDE, left : left + SIDE]
        if crop.shape == (SIDE, SIDE):
            crops.append(crop)
    return np.stack(crops)


def letters(table: Path, rng: np.random.Generator) -> Array:
    """Letters that look like no digit, inverted, cropped, thickened and centred as MNIST's are."""
    dataset = eyespot.read(table)
    names = [dataset.classes[label] for label in dataset.labels]
    chosen = [row for row, name in enumerate(names) if name.isalpha() and name not in LIKE_DIGITS]
    drawn = rng.permutation(chosen)[:NUM]
    return np.stack([like_mnist(open_image(dataset.images[row]).pixels) for row in drawn])


def like_mnist(pixels: Array) -> Array:
    """Dark ink on light paper as MNIST shows it: the longest side 20 of 28, centred by mass."""
    ink = ImageOps.invert(Image.fromarray(pixels.squeeze()).convert("L"))
    box = ink.point(lambda level: 255 * (level > 60)).getbbox()
    if box is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    ink = ink.crop(box)
    scale = 80 / max(ink.size)
    ink = ink.resize([max(1, round(side * scale)) for side in ink.size], Image.Resampling.BOX)
    page = Image.new("L", (4 * SIDE, 4 * SIDE))
    page.paste(ink, ((4 * SIDE - ink.width) // 2, (4 * SIDE - ink.height) // 2))
    page = page.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.GaussianBlur(1.5))
    small = np.asarray(page.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(float)
    small *= 255 / max(small.max(), 1)
    places = np.arange(SIDE)
    shift = [
        round((SIDE - 1) / 2 - float((small.sum(axis=1 - axis) * places).sum() / small.sum()))
        for axis in (0, 1)
    ]
    centred: Array = np.roll(small, shift, axis=(0, 1)).astype(np.uint8)
    return centred


def stripes(rng: np.random.Generator) -> Array:
    """Waves and bars of every direction, 2 to 14 pixels long."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle, length, phase = rng.uniform([0, 2, 0], [np.pi, 14, 2 * np.pi], (NUM, 3)).T[
        ..., None, None
    ]
    wave = np.sin(2 * np.pi * (np.cos(angle) * columns + np.sin(angle) * rows) / length + phase)
    bars = rng.random((NUM, 1, 1)) < 0.5
    return np.where(bars, 255 * (wave > 0), 127.5 * (wave + 1)).astype(np.uint8)


def noise(rng: np.random.Generator) -> Array:
    """Even, normal, and single bright pixels, a third of each."""
    third = (NUM // 3, SIDE, SIDE)
    even = rng.integers(0, 256, third)
    normal = rng.normal(33, 79, third).clip(0, 255)  # the mean and deviation of MNIST
    dots = 255 * (rng.random(third) < rng.uniform(0.05, 0.5, (NUM // 3, 1, 1)))
    return np.concatenate([even, normal, dots]).astype(np.uint8)


def half_erased(digits: Array, rng: np.random.Generator) -> Array:
    """Digits without their left, right, upper or lower half."""
    found: Array = digits[rng.permutation(len(digits))[:NUM]].copy()
    half = SIDE // 2
    for row, picture in enumerate(found):
        side = (np.s_[:, :half], np.s_[:, half:], np.s_[:half], np.s_[half:])[row % 4]
        picture[side] = 0
    return found


def blank(rng: np.random.Generator) -> Array:
    """One grey all over, from black to white."""
    return np.repeat(np.arange(256, dtype=np.uint8), SIDE * SIDE).reshape(-1, SIDE, SIDE)


def on_a_page(pictures: Array, preparation: Preparation, rng: np.random.Generator) -> Array:
    """What the model sees of each as dark ink on a photo of a page.

    A page on which nothing is found stays black, which the model refuses as well.
    """
    found = np.zeros((*pictures.shape, 1), np.uint8)
    for row, picture in enumerate(pictures):
        ink = np.asarray(Image.fromarray(picture).resize((84, 84), Image.Resampling.BILINEAR))
        page = np.full((160, 220), 215.0)
        page[40:124, 60:144] -= ink * (170 / 255)
        page = page * np.linspace(0.7, 1, 220) + rng.normal(0, 2, page.shape)
        with contextlib.suppress(ImageError):
            found[row] = prepared(np.clip(page, 0, 255).astype(np.uint8), preparation)
    return found[..., 0]


def through_the_bridge(kinds: dict[str, Array], digits: Array, preparation: Preparation) -> None:
    """Adds what the model sees of photos of the kinds, and of good digits, to the kinds."""
    rng = np.random.default_rng(1)
    names = ("grey crops of photos", "noise", "stripes", "blank", "half-erased digits")
    for name in names:
        kinds[f"{name}, photographed"] = on_a_page(kinds[name], preparation, rng)
    kinds["good digits, photographed"] = on_a_page(digits[:NUM], preparation, rng)


def auroc(good: Array, other: Array) -> float:
    """The probability that another picture gets a higher refusal than a good one."""
    order = np.argsort(np.concatenate([good, other]), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    wins = ranks[len(good) :].sum() - len(other) * (len(other) + 1) / 2
    return float(wins / (len(good) * len(other)))


def trained(folder: Path) -> Path:
    """A run of the default recipe."""
    command = [sys.executable, "-m", "eyespot", "train", "mnist", "--out", str(folder / "run")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "run"


def measure(run: Path, kinds: dict[str, Array]) -> dict[str, tuple[float, float, float]]:
    """For each kind: refused as the file says, refused at 2 % of good test digits, AUROC."""
    model, test = eyespot.load(run), Run(run).read_predictions("test")
    assert test.refusal is not None, "the model was trained with refuse = 0"
    score = judge(test)
    right = test.predicted == test.labels
    print(
        f"{run}: accuracy {score.accuracy}; calibration error {score.calibration_error}; refused "
        f"{np.mean(test.refusal > 1):.4f} of the test digits, "
        f"{np.mean(test.refusal[~right] > 1):.2f} of the wrong answers"
    )
    limit = np.quantile(test.refusal, 0.98)
    found = {}
    for name, pictures in kinds.items():
        _, refusal = model.examine(pictures[..., None])
        assert refusal is not None
        shares = [float(np.mean(refusal > level)) for level in (1, limit)]
        found[name] = (shares[0], shares[1], auroc(test.refusal, refusal))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("letters", type=Path)
    parser.add_argument("--run", type=Path, action="append", help="a run on mnist, repeatable")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    dataset = eyespot.read("mnist")
    digits = np.asarray(dataset.images)[[part == "test" for part in dataset.parts or ()]]
    kinds = {
        "grey crops of photos": grey_crops(given.photos, rng),
        "noise": noise(rng),
        "stripes": stripes(rng),
        "blank": blank(rng),
        "half-erased digits": half_erased(digits, rng),
    }
    kinds["these five together"] = np.concatenate(list(kinds.values()))
    kinds["letters"] = letters(given.letters, rng)
    kinds["inverted digits"] = 255 - digits[:NUM]
    kinds["digits turned by 90 degrees"] = np.rot90(digits[:NUM], axes=(1, 2))
    kinds["two digits in one"] = np.maximum(digits[:NUM], digits[NUM : 2 * NUM])
    with tempfile.TemporaryDirectory() as folder:
        runs = given.run or [trained(Path(folder))]
        preparation = eyespot.load(runs[0]).preparation
        if preparation.ink:
            through_the_bridge(kinds, digits, preparation)
        found = [measure(run, kinds) for run in runs]
    print(f"\n{'':34} pictures  refused  at 2 % (range)          AUROC")
    for name, pictures in kinds.items():
        own, at_2, area = np.array([one[name] for one in found]).T
        print(
            f"{name:34} {len(pictures):8,}  {own.mean():7.3f}  {at_2.mean():.3f} "
            f"({at_2.min():.3f} to {at_2.max():.3f})  {area.mean():.4f}"
        )


if __name__ == "__main__":
    main()
