"""Pictures, labelled or not, and what is wrong with them.

Shapes: N images, H height, W width, C channels (1 or 3), K classes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from eyespot.errors import DataError, count
from eyespot.values.arrays import Array

ImageInput = Array | Path | str | bytes | Image.Image
Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One thing that is wrong with one image or table row, in words.

    name: the image's name, or the table and its row. left_out: the image or row is not used.
    score: how bad, in [0, 1]; 1 for a certainty.
    """

    kind: str
    name: str
    detail: str
    left_out: bool = False
    score: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labelled images with stable names: the first waist.

    images: N of them, not decoded yet: paths, bytes, or an array (N, H, W) or (N, H, W, C).
    names: unique; the path below the data's root, or the index for arrays.
    labels: int64 (N,), in 0..K-1. form: what was recognised, in words, for one line of talk.
    parts: the part each image came in, where the set has parts of its own; None leaves it free.
    groups: one word per image; images of one group never lie in two parts.
    columns: the other columns of a labels table, by name, one cell per image.
    issues: what reading found that is not an image here (rows without image, files left out).
    """

    name: str
    form: str
    images: Sequence[Any] | Array
    names: tuple[str, ...]
    labels: Array
    classes: tuple[str, ...]
    parts: tuple[Part | None, ...] | None = None
    groups: tuple[str, ...] | None = None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()

    def __post_init__(self) -> None:
        num, labels = len(self.images), np.asarray(self.labels)
        if not len(self.names) == len(labels) == num:
            raise DataError(
                f"{self.name}: {count(len(self.names), 'name')} for {count(num, 'image')} and "
                f"{count(len(labels), 'label')}; give one of each for every image"
            )
        for noun, values in (("part", self.parts), ("group", self.groups)):
            if values is not None and len(values) != num:
                raise DataError(
                    f"{self.name}: {count(len(values), noun)} for {count(num, 'image')}; "
                    "give one for every image, or none"
                )
        for name, cells in self.columns.items():
            if len(cells) != num:
                raise DataError(
                    f"{self.name}: {count(len(cells), 'cell')} in the column '{name}' for "
                    f"{count(num, 'image')}; give one for every image"
                )
        for noun, names in (("images", self.names), ("classes", self.classes)):
            if (twin := _twin(names)) is not None:
                raise DataError(
                    f"{self.name}: two {noun} are called '{twin}'; give each its own name"
                )
        self._check_labels(labels)

    def _check_labels(self, labels: Array) -> None:
        if labels.dtype.kind not in "iu" or labels.ndim != 1:
            what = f"are {labels.dtype} of shape {labels.shape}"
        elif len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
            classes = count(len(self.classes), "class", "classes")
            what = f"run from {labels.min()} to {labels.max()} for {classes}"
        else:
            return
        raise DataError(f"{self.name}: labels {what}; they are whole numbers that count from 0")

    def __len__(self) -> int:
        return len(self.names)


def _twin(names: Sequence[str]) -> str | None:
    """The first name that occurs twice."""
    if len(set(names)) == len(names):
        return None
    return next(name for name, num in Counter(names).items() if num > 1)


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What a look at one image found. error: why it cannot be decoded; the rest is then empty.

    mode: how the file stores it, in Pillow's words (L, RGB, CMYK, I;16, ...). num_bytes: of the
    file. brightness, contrast, sharpness, saturation: in [0, 1], see data/measurement.py.
    digest: equal for equal pixels. fingerprint: 64 bits, alike for pictures that look alike.
    """

    name: str
    width: int
    height: int
    mode: str
    num_bytes: int
    brightness: float
    contrast: float
    sharpness: float
    saturation: float
    digest: bytes
    fingerprint: int
    remarks: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """Images without labels, as `predict` takes them: N names and N undecoded images."""

    images: Sequence[Any] | Array
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)
