"""The frozen values that the stages hand to each other. numpy only: no torch, no files.

Shapes: N images, H height, W width, C channels (1 or 3), K classes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from eyespot.errors import DataError, count

Array = npt.NDArray[Any]
ImageInput = Array | Path | str | bytes | Image.Image
Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
Fit = Literal["pad", "stretch", "crop"]
Views = Literal["one", "shifts", "mirrors", "all"]  # of a picture, whose answers are averaged


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


class Range(BaseModel):
    """What is usual of something that was measured, and from where to where it goes at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    least: int = Field(ge=-(2**24), le=2**24)
    low: int = Field(ge=-(2**24), le=2**24)
    middle: int = Field(ge=-(2**24), le=2**24)
    high: int = Field(ge=-(2**24), le=2**24)
    most: int = Field(ge=-(2**24), le=2**24)


class InkStyle(BaseModel):
    """How a set shows its characters, measured on prepared images of its training part.

    ground: the grey level without ink. full: how far that of a full stroke is from it, and bright
    whether it is above. by_mass: whether characters are placed by their centre of mass, else by
    that of their box. All lengths in 64ths of a pixel of the prepared image: side, the longer one
    of the box; stroke, the width; down and right, from the middle of the image to the centre.
    peak: the largest ink of a picture, clear: how far the level of its border is from the ground.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    ground: int = Field(ge=0, le=255)
    full: int = Field(ge=1, le=255)
    bright: bool
    by_mass: bool
    side: Range
    stroke: Range
    down: Range
    right: Range
    peak: Range
    clear: Range


class Preparation(BaseModel):
    """How a decoded image becomes what the net sees; kept in the model file, one for all.

    size: the side of the square, in pixels. channels: 1 grey, 3 colour.
    fit: `pad` keeps the whole picture, `stretch` bends it, `crop` keeps the centre.
    mean, std: per channel, in units of full brightness (0..1), measured on the training part.
    ink: what a picture of a character that looks unlike the training's is made to look like; None
    takes every picture as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int = Field(ge=4, le=4096)
    channels: Literal[1, 3]
    fit: Fit
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ink: InkStyle | None = None


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the training part gave. Losses in nats, accuracies in [0, 1].

    The training numbers are of augmented views, while the net learns; the validation numbers are
    of the pictures as they are, afterwards. seconds: of the wall clock; not in history.csv.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    rate: float
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a model said about labelled images: the second waist.

    labels: int64 (N,), the truth. probs: float32 (N, K), rows sum to 1. refusal: float32 (N,), how
    unlike what the model knows each image is; above 1 the answer is "unknown". None for a model
    that cannot refuse.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Array
    probs: Array
    refusal: Array | None = None

    def __post_init__(self) -> None:
        num, classes = len(self.names), len(self.classes)
        if self.labels.shape != (num,) or self.probs.shape != (num, classes):
            raise DataError(
                f"predictions do not fit together: {num} names, {classes} classes, "
                f"labels {self.labels.shape}, probabilities {self.probs.shape}"
            )
        if self.refusal is not None and self.refusal.shape != (num,):
            raise DataError(
                f"predictions do not fit together: {num} names, refusals {self.refusal.shape}"
            )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def predicted(self) -> Array:
        """The likeliest class of each image, int64 (N,)."""
        predicted: Array = self.probs.argmax(axis=1).astype(np.int64)
        return predicted


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number between its 95 % bounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} (95 % interval {self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """One class in numbers; support is its number of images.

    A ratio of nothing to nothing, such as the recall of a class without images, is 0 between 0 and
    1: nothing is known about it.
    """

    name: str
    precision: Interval
    recall: Interval
    f1: Interval
    support: int


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Precision, recall and F1 of all classes together, each the mean of the classes' own."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class BinaryScore:
    """How well the probability of the positive class puts its images before the others."""

    positive: str
    roc_auc: Interval
    average_precision: Interval


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """The images whose top probability lies in low..high: how sure the model was, and how right.

    confidence: their mean top probability; of a bin without images its middle, and accuracy None.
    """

    low: float
    high: float
    num: int
    confidence: float
    accuracy: Interval | None


@dataclass(frozen=True, kw_only=True)
class RefusalScore:
    """How many of the images the model calls unknown, and how right it is about the others.

    accuracy_of_accepted: None if all are refused.
    """

    num: int
    share: Interval
    accuracy_of_accepted: Interval | None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How good predictions are. confusion: (truth, predicted, count) where the count is not 0.

    Only those cells are kept, because 10,000 classes have 100 million. balanced_accuracy: the mean
    recall of the classes that have images. top_k: the share of images whose truth is among the k
    likeliest classes, for k = 2, 3 and 5 below the number of classes. macro: the plain mean over
    the classes that occur as truth or answer; weighted: by their number of images. log_loss: in
    nats, lower is better. calibration_error: between 0 and 1, lower is better. binary: None unless
    there are two classes, both with images; the second is the positive one. refusal: None where
    the model cannot refuse.
    """

    num: int
    accuracy: Interval
    balanced_accuracy: Interval
    top_k: tuple[tuple[int, Interval], ...]
    macro: Averages
    weighted: Averages
    macro_f1: Interval
    log_loss: Interval
    calibration_error: Interval
    reliability: tuple[Reliability, ...]
    binary: BinaryScore | None
    refusal: RefusalScore | None
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What a run was trained on. counts: images per class of each part."""

    name: str
    form: str
    fingerprint: str
    classes: Sequence[str]
    counts: Mapping[Part, Sequence[int]]
    colour: str
    split: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a run comes from: what a person needs to repeat it, or to doubt it. origin.json.

    seconds: the whole command, but for its report; train_seconds: the epochs alone. created: UTC.
    notes: a sentence for each kind of issue. best_epoch: None for a run of folds, each of which has
    its own. source: what to type behind `eyespot train` to read the same images; nothing for images
    in memory.
    """

    eyespot: str
    command: str
    created: str
    seconds: float
    train_seconds: float
    versions: Mapping[str, str]
    device: str
    precision: str
    threads: int
    processor: str
    best_epoch: int | None
    num_parameters: int
    dataset: DataSummary
    notes: Sequence[str]
    source: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says about one image. ranked: the likeliest classes and probabilities.

    unknown: whether the image is too unlike what the model knows to be any of its classes; label is
    then the nearest of them. refusal: how unlike, unknown above 1; None where the model cannot say.
    possible: the classes of which it may be for a coverage that was asked for, likeliest first.
    """

    name: str
    label: str
    probability: float
    ranked: tuple[tuple[str, float], ...]
    unknown: bool = False
    refusal: float | None = None
    possible: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, object]:
        """The same, as `predict --json` prints it."""
        return {
            "name": self.name,
            "label": self.label,
            "probability": self.probability,
            "unknown": self.unknown,
            "refusal": self.refusal,
            "ranked": [{"label": label, "probability": p} for label, p in self.ranked],
            **({} if self.possible is None else {"possible": list(self.possible)}),
        }


class Model(Protocol):
    """The one seam: torch, onnxruntime and a ten-line fake are all one."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def preparation(self) -> Preparation: ...

    @property
    def scores(self) -> Array | None:
        """float32 (M,): what validation images got for their truth; see models/conformal.py."""
        ...

    def probabilities(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, H, W, C)."""
        ...

    def examine(self, images: Array) -> tuple[Array, Array | None]:
        """The probabilities, and float32 (N,): how unlike what it knows each image is.

        Above 1 the answer is "unknown". None for a model that cannot say.
        """
        ...
