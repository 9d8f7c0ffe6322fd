"""Writing the pictures of the new set."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eyespot.copies.names import Copy
from eyespot.data.copying import draw
from eyespot.data.sources.tree import suffix
from eyespot.errors import DataError, ImageError
from eyespot.files.atomic import write_bytes
from eyespot.images.decode import open_image
from eyespot.images.encode import encoded
from eyespot.images.parallel import in_order
from eyespot.images.variation import Ranges, varied
from eyespot.line import Plan, Progress
from eyespot.values.dataset import Dataset, Part


def write_originals(folder: Path, dataset: Dataset, names: Sequence[str]) -> None:
    def write(index: int) -> None:
        path, image = folder / names[index], dataset.images[index]
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, str | Path):
            try:
                shutil.copyfile(image, path)
            except FileNotFoundError as error:
                raise DataError(f"{dataset.names[index]} has gone while it was copied") from error
        else:
            path.write_bytes(encoded(open_image(image).pixels, ".png"))

    for _ in in_order(write, range(len(names)), batch=16):
        pass


def write_copies(
    folder: Path, planned: Plan, ranges: Ranges, copies: Sequence[Copy], tell: Progress
) -> None:
    dataset, seed = planned.loaded.dataset, planned.recipe.seed

    def write(copy: Copy) -> None:
        name = dataset.names[copy.place]
        if planned.split.parts[copy.place] != "train":
            raise DataError(f"{name} is not of the training part and is not copied")
        try:
            pixels = open_image(dataset.images[copy.place]).pixels
        except ImageError as error:
            raise DataError(f"{name} {error}") from error
        path = folder / copy.name
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(draw(seed, name, copy.number))
        path.write_bytes(encoded(varied(pixels, ranges, generator), suffix(copy.name)))

    for done, _ in enumerate(in_order(write, copies, batch=4), start=1):
        tell.copy(done, len(copies))


def draw_classes(
    folder: Path,
    classes: Sequence[str],
    counts: Mapping[str, Mapping[Part, Sequence[int]]],
    tell: Progress,
) -> None:
    """classes-before.png and classes-after.png."""
    try:
        from eyespot.reports.charts import class_distribution
        from eyespot.reports.drawing import png, style
    except ModuleNotFoundError as error:
        tell.say(f"no pictures of the classes, because {error.name} is not installed")
        return
    with style():
        for when, sizes in counts.items():
            write_bytes(folder / f"classes-{when}.png", png(class_distribution(classes, sizes)))
