"""What a training tells of itself: its epochs, and where its model comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eyespot.values.dataset import Part

Monitor = Literal["accuracy", "loss"]  # of the validation part, by which an epoch is chosen


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
