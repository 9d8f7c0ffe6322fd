"""The scores of a cross-validation, fold by fold and of all images together."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.evaluation.intervals import wilson
from eyespot.values.evaluation import Interval
from eyespot.values.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class FoldScores:
    """The accuracy of each fold's model on the images of that fold, and the number of these."""

    accuracies: tuple[Interval, ...]
    nums: tuple[int, ...]

    @property
    def mean(self) -> float:
        """Of the folds, each counted once."""
        return statistics.fmean(accuracy.value for accuracy in self.accuracies)

    @property
    def sd(self) -> float:
        """Standard deviation over the folds, with n - 1."""
        return statistics.stdev(accuracy.value for accuracy in self.accuracies)

    def __str__(self) -> str:
        return f"{self.mean:.4f} +- {self.sd:.4f} (mean and sd of {len(self.nums)} folds)"


def fold_scores(folds: Sequence[Predictions]) -> FoldScores:
    """The scores of two folds or more, none of them empty."""
    return FoldScores(
        accuracies=tuple(
            wilson(int((said.predicted == said.labels).sum()), len(said)) for said in folds
        ),
        nums=tuple(map(len, folds)),
    )


def pooled(folds: Sequence[Predictions], names: Sequence[str]) -> Predictions:
    """All folds' predictions as one, in the order of these names; those in no fold are missing."""
    places = {name: place for place, name in enumerate(names)}
    found = [name for said in folds for name in said.names]
    order = sorted(range(len(found)), key=lambda row: places[found[row]])
    refusals = [said.refusal for said in folds if said.refusal is not None]
    return Predictions(
        names=tuple(found[row] for row in order),
        classes=folds[0].classes,
        labels=np.concatenate([said.labels for said in folds])[order],
        probs=np.concatenate([said.probs for said in folds])[order],
        refusal=np.concatenate(refusals)[order] if len(refusals) == len(folds) else None,
    )
