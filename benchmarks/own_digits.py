"""How well does a model read characters that people photographed, scanned or drew themselves?

    python benchmarks/own_digits.py FOLDER --run RUN [--table TABLE] [--classes 0123456789]

FOLDER holds pictures and labels.csv (file,label; any table that `eyespot train` reads does). Prints
the accuracy with its interval, unknown pictures counted by their nearest class, for the picture in
grey and resized; the same with light and dark exchanged where its border is lighter than the
model's; and the ink bridge; and the share that is called unknown. Where the classes hold letters
also with case ignored.
"""

import argparse
import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import eyespot
from eyespot.errors import ImageError
from eyespot.evaluation.intervals import wilson
from eyespot.images.decode import open_image
from eyespot.images.parallel import in_order
from eyespot.images.preparation import prepare
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.model import Model
from eyespot.values.preparation import Preparation

NAMES = ("labels.csv", "labels-from-names.csv", "english.csv")


def labelled(
    folder: Path, table: Path | None, classes: Sequence[str]
) -> tuple[list[Path], list[str]]:
    """The pictures of these classes and their labels."""
    tables = [table] if table else [folder / name for name in NAMES if (folder / name).exists()]
    if not tables:
        raise SystemExit(f"{folder} has no labels.csv (file,label)")
    with open(tables[0], newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        rows = [row for row in csv.reader(file) if len(row) >= 2][1:]
    chosen = [(folder / row[0], row[1].strip()) for row in rows if row[1].strip() in classes]
    if not chosen:
        raise SystemExit(f"{tables[0]} has no picture of {', '.join(classes)}")
    return [path for path, _ in chosen], [label for _, label in chosen]


def plain(path: Path, preparation: Preparation) -> Array:
    """In grey and resized, nothing else."""
    return prepared(path, preparation.model_copy(update={"ink": None}))


def inverted(path: Path, preparation: Preparation) -> Array:
    """The same, light and dark exchanged where its border is not the set's ground."""
    picture = prepare(
        open_image(path).pixels,
        size=preparation.size,
        channels=preparation.channels,
        fit=preparation.fit,
    )
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    bright = preparation.ink.bright if preparation.ink else preparation.mean[0] < 0.5
    return 255 - picture if (np.median(border) > 127) == bright else picture


def seen(
    paths: Sequence[Path], how: Callable[[Path, Preparation], Array], preparation: Preparation
) -> tuple[Array, Array]:
    """uint8 (N, S, S, C), and bool (N,): whether anything was found."""

    def one(path: Path) -> Array | None:
        try:
            return how(path, preparation)
        except ImageError:
            return None

    pictures = list(in_order(one, paths))
    nothing = np.zeros((preparation.size, preparation.size, preparation.channels), np.uint8)
    found = np.stack([nothing if picture is None else picture for picture in pictures])
    return found, np.array([picture is not None for picture in pictures])


def measure(model: Model, paths: Sequence[Path], labels: Sequence[str]) -> None:
    ways = {"grey and resized": plain, "and inverted": inverted, "the bridge": prepared}
    letters = any(name.isalpha() for name in model.classes)
    print(f"{len(paths):,} pictures of {len(set(labels))} classes")
    for name, how in ways.items():
        pictures, found = seen(paths, how, model.preparation)
        probs, refusal = model.examine(pictures)
        said = np.array(model.classes)[probs.argmax(axis=1)]
        right = (said == labels) & found
        unknown = ~found if refusal is None else ~found | (refusal > 1)
        line = f"{name:18} accuracy {wilson(int(right.sum()), len(right))}"
        if letters:
            alike = np.array(
                [a.casefold() == b.casefold() for a, b in zip(said, labels, strict=True)]
            )
            line += f", case ignored {wilson(int((alike & found).sum()), len(right))}"
        print(
            f"{line}; unknown {unknown.mean():.3f}, of the right ones {unknown[right].mean():.3f}; "
            f"nothing found {np.mean(~found):.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", required=True, help="a run or a model file")
    parser.add_argument("--table", type=Path, help="file,label; else labels.csv of the folder")
    parser.add_argument("--classes", help="only these, one letter each; else all of the model's")
    given = parser.parse_args()
    model = eyespot.load(os.path.expanduser(given.run))
    classes = list(given.classes or ()) or list(model.classes)
    measure(model, *labelled(given.folder, given.table, classes))


if __name__ == "__main__":
    main()
