"""What a model says: about labelled images, for judging it, and about one, for a person.

Shapes: N images, K classes.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.errors import DataError
from eyespot.values.arrays import Array


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
