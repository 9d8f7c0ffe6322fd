"""What is known of a head that was chosen, and when one is better. Known without torch."""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from eyespot.values.arrays import Array

HeadKind = Literal["linear", "mlp"]


@dataclass(frozen=True, kw_only=True)
class HeadScore:
    """How a head was chosen, and what folds of the training part said of its kind.

    strength: of a regression. accuracies, nums: of each fold; none where there are too few images.
    log_loss: of all of them, in nats.
    """

    kind: HeadKind = "linear"
    strength: float | None = None
    nums: tuple[int, ...] = ()
    accuracies: tuple[float, ...] = ()
    log_loss: float | None = None

    @property
    def mean(self) -> float:
        return float(np.average(self.accuracies, weights=self.nums))

    @property
    def sd(self) -> float:
        return float(np.std(self.accuracies, ddof=1))

    def as_json(self) -> dict[str, object]:
        """As evaluation.json keeps it."""
        judged = {"mean": self.mean, "sd": self.sd} if self.nums else {}
        return {**asdict(self), **judged}

    @property
    def name(self) -> str:
        return "a perceptron" if self.kind == "mlp" else "a regression"

    def __str__(self) -> str:
        if not self.nums:
            return f"{self.name}; accuracy unknown, there are too few images"
        told = f"{self.mean:.4f} +- {self.sd:.4f} (mean and sd of {len(self.nums)} folds)"
        return f"{self.name}; accuracy {told}"


def surely_lower(losses: Array, others: Array) -> bool:
    """Whether the mean of losses is below that of others, of the same images, by more than the
    standard error of the difference. float64 (N,) each; never for fewer than two."""
    gains = others - losses
    return len(gains) > 1 and bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
