"""What all forms of data set share: class numbers, parts, stable names, the last checks."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eyespot.errors import DataError, count
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue, Part

FORMS = (
    "give a folder per class, a labels table (.csv) with its images, IDX files, a table of pixels, "
    "an .npz or a .zip of these, or a named set; see eyespot train --help"
)
# A file called so says nothing about the set; its folder does.
_PLAIN_STEMS = set("labels label updated_labels train data dataset images index metadata".split())
_PART_WORDS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}


def part_of(word: str) -> Part | None:
    """The part that a folder, a cell or a key is called after, as `Val` is valid; else None."""
    return _PART_WORDS.get(word.strip().lower())


def encode(labels: Iterable[str]) -> tuple[Array, tuple[str, ...]]:
    """int64 class numbers (N,) and the class names in natural order; keeps no label twice."""
    seen: dict[str, int] = {}
    codes = np.fromiter((seen.setdefault(label, len(seen)) for label in labels), dtype=np.int64)
    classes = sorted(seen, key=natural)
    rank = np.empty(len(classes), dtype=np.int64)
    rank[[seen[name] for name in classes]] = np.arange(len(classes))
    return rank[codes], tuple(classes)


def natural(text: str) -> tuple[list[str | tuple[int, str]], str]:
    """A sort key with 2 before 10, the same in every locale."""
    # Numbers compare by length, then digits: int() refuses more than 4,300 digits.
    pieces: list[str | tuple[int, str]] = []
    for position, piece in enumerate(re.split(r"([0-9]+)", text)):
        bare = piece.lstrip("0")
        pieces.append((len(bare), bare) if position % 2 else piece)
    return pieces, text


def index_names(num: int, prefix: str = "") -> list[str]:
    """Names for images that have none: `00017`, or `train/00017` under the prefix `train/`."""
    width = max(5, len(str(num - 1)))
    return [f"{prefix}{index:0{width}}" for index in range(num)]


def slug(path: Path) -> str:
    """A short name for files and folders: `Cats & Dogs.zip` is `Cats-Dogs`."""
    path = path.absolute()
    stem = path.name if path.is_dir() else path.name.split(".")[0]
    if not path.is_dir() and stem.lower() in _PLAIN_STEMS:
        stem = path.parent.name
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.]+", "-", plain).strip("-.")[:40] or "data"


class Piece(NamedTuple):
    """Images of one part as an array; labels are integers or strings. part: None leaves it free."""

    part: Part | None
    images: Array
    labels: Array


def stacked(
    pieces: Sequence[Piece], *, name: str, form: str, classes: Sequence[str] | None = None
) -> Dataset:
    """The pieces as one data set.

    classes: the names that integer labels point at; None takes the labels themselves as the names.
    Raises DataError when shapes or lengths differ or a label is not in 0..len(classes)-1.
    """
    for piece in pieces:
        if len(piece.images) != len(piece.labels):
            raise DataError(
                f"{name} holds {count(len(piece.labels), 'label')} for "
                f"{count(len(piece.images), 'image')}; give one label for each image"
            )
    shapes = {piece.images.shape[1:] for piece in pieces}
    if len(shapes) > 1:
        sizes = " and ".join(sorted(" x ".join(map(str, shape)) for shape in shapes))
        raise DataError(f"{name} holds images of {sizes}; bring its parts to one shape")
    labels, names = _numbered(np.concatenate([piece.labels for piece in pieces]), name, classes)
    prefixes = [f"{piece.part}/" if piece.part and len(pieces) > 1 else "" for piece in pieces]
    lengths = [len(piece.labels) for piece in pieces]
    return Dataset(
        name=name,
        form=form,
        images=pieces[0].images
        if len(pieces) == 1
        else np.concatenate([piece.images for piece in pieces]),
        names=tuple(
            index
            for num, prefix in zip(lengths, prefixes, strict=True)
            for index in index_names(num, prefix)
        ),
        labels=labels,
        classes=names,
        parts=tuple(
            piece.part for piece, num in zip(pieces, lengths, strict=True) for _ in range(num)
        ),
    )


def _numbered(
    labels: Array, name: str, classes: Sequence[str] | None
) -> tuple[Array, tuple[str, ...]]:
    if labels.dtype.kind == "U":
        return encode(label.strip() for label in labels.tolist())
    if classes is None:
        values, numbers = np.unique(labels, return_inverse=True)
        return numbers.astype(np.int64), tuple(map(str, values.tolist()))
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise DataError(
            f"{name} holds labels from {labels.min()} to {labels.max()} for "
            f"{count(len(classes), 'class', 'classes')}; labels count from 0"
        )
    return labels.astype(np.int64), tuple(classes)


def quoted(names: Sequence[str]) -> str:
    """`'a', 'b', 'c' and 4 more`: the first names of a list, for a sentence."""
    return shortened([f"'{name}'" for name in names[:3]] + list(names[3:]), most=3)


def shortened(words: Sequence[str], *, most: int = 8) -> str:
    """`a, b and 4 more`: the first words of a list, for a sentence."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most:,} more" if len(words) > most else shown


def checked(dataset: Dataset) -> Dataset:
    """The data set as it is handed out: parts only where there are two, twin classes noted.

    Raises DataError when there is no image.
    """
    if not len(dataset):
        raise DataError(f"{dataset.name} holds no labelled image; {FORMS}")
    parts = dataset.parts
    if parts is not None and len(set(parts)) < 2:
        parts = None
    issues = dataset.issues + tuple(_similar(dataset.classes))
    return replace(dataset, parts=parts, issues=issues)


def _similar(classes: Sequence[str]) -> Iterable[Issue]:
    """One issue for each class that differs from an earlier one by case, spaces or Unicode form."""
    first: dict[str, str] = {}
    for name in classes:
        if len(name) == 1:  # the letters a and A are two classes on purpose
            continue
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        twin = first.setdefault(key, name)
        if twin != name:
            yield Issue(
                kind="similar-class",
                name=name,
                detail=f"the class '{name}' looks like the class '{twin}'; "
                "give them one name if they are one class",
            )
