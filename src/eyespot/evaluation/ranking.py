"""How well a probability puts the positive images before the others: ROC, precision and recall.

Shapes: N images, P points of a curve.
"""

from typing import NamedTuple

import numpy as np

from eyespot.evaluation.intervals import share
from eyespot.values.arrays import Array
from eyespot.values.evaluation import BinaryScore, Interval
from eyespot.values.predictions import Predictions

NUM_LEANING = 20


class Curve(NamedTuple):
    """float64 (P,) each: the points to draw."""

    x: Array
    y: Array


def ranked(predictions: Predictions) -> BinaryScore | None:
    """The score of two classes, the second positive; None unless both, and no more, have images."""
    positive = _positive(predictions)
    if positive is None:
        return None
    scores = predictions.probs[:, 1].astype(np.float64)
    return BinaryScore(
        positive=predictions.classes[1],
        roc_auc=roc_auc(positive, scores),
        average_precision=average_precision(positive, scores),
    )


def roc_curve(predictions: Predictions) -> Curve | None:
    """Share of the others called positive (x), share of the positive found (y), from 0, 0 to 1, 1.

    One point for each probability that occurs. None as for `ranked`.
    """
    positive = _positive(predictions)
    if positive is None:
        return None
    found, called = _steps(positive, predictions.probs[:, 1])
    false = called - found
    return Curve(np.append(0.0, false / false[-1]), np.append(0.0, found / found[-1]))


def precision_recall_curve(predictions: Predictions) -> Curve | None:
    """Recall (x) and precision (y) of the positive class, from recall 0 up.

    One point for each probability that occurs, after the point 0, 1. None as for `ranked`.
    """
    positive = _positive(predictions)
    if positive is None:
        return None
    found, called = _steps(positive, predictions.probs[:, 1])
    return Curve(np.append(0.0, found / found[-1]), np.append(1.0, found / called))


def roc_auc(positive: Array, scores: Array) -> Interval:
    """The chance that a positive image scores above another one; equal scores count one half.

    The variance is DeLong's; where the smaller class has few images it leans on the one that scores
    of an exponential distribution would have.
    Source: DeLong et al. 1988, Biometrics 44, p. 837; Hanley and McNeil 1982, Radiology 143, p. 29.
    """
    num, num_others = int(positive.sum()), int((~positive).sum())
    wins = _below(np.sort(scores[~positive]), scores[positive])
    losses = _below(np.sort(scores[positive]), scores[~positive])
    value = float(wins.mean())
    found = _variance(wins) + _variance(losses)
    both = value / (2 - value) - value**2, 2 * value**2 / (1 + value) - value**2
    usual = value * (1 - value) + (num - 1) * both[0] + (num_others - 1) * both[1]
    return _leaning(value, found, usual / (num * num_others), min(num, num_others))


def average_precision(positive: Array, scores: Array) -> Interval:
    """The mean over the positive images of the precision down to each; ties stand together.

    The variance is that of the infinitesimal jackknife; where there are few positive images it
    leans on that of a share of so many.
    Source: Boyd et al. 2013, ECML, LNCS 8190, p. 451, for the latter.
    """
    order = np.argsort(-scores, kind="stable")
    hit, falling = positive[order], -scores[order]
    # Images with the same score are called positive at once: the first and the last of them.
    first = np.searchsorted(falling, falling, side="left")
    last = np.searchsorted(falling, falling, side="right") - 1
    called = last + 1.0
    precision = hit.cumsum()[last] / called
    num = int(hit.sum())
    value = float(precision[hit].sum()) / num
    # How the value moves with an image: by its own precision, and by that of those below it.
    raised = np.where(hit, 1 / called, 0.0)[::-1].cumsum()[::-1][first]
    lowered = np.where(hit, precision / called, 0.0)[::-1].cumsum()[::-1][first]
    moves = (np.where(hit, precision - value + raised, 0.0) - lowered) / num
    found = float((moves**2).sum())
    return _leaning(value, found, value * (1 - value) / num, min(num, len(hit) - num))


def _leaning(value: float, found: float, usual: float, num: int) -> Interval:
    """The interval of a value whose variance was found from `num` images of the smaller class.

    The usual variance counts as much as twenty images: a sample that happens to be well ordered
    finds too small a variance. Twenty because, of 0 to 40, it held the truth most evenly.
    """
    if not 0 < value < 1:
        return share(value, num)
    variance = (num * found + NUM_LEANING * usual) / (num + NUM_LEANING)
    return share(value, value * (1 - value) / variance)


def _below(ordered: Array, scores: Array) -> Array:
    """The share of the ordered that lie below each score; equals count one half."""
    under = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    below: Array = (under + upto) / (2 * len(ordered))
    return below


def _variance(values: Array) -> float:
    """Of their mean; a single one has the largest that a share can have."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.25


def _positive(predictions: Predictions) -> Array | None:
    positive: Array = predictions.labels == 1
    if len(predictions.classes) != 2 or positive.all() or not positive.any():
        return None
    return positive


def _steps(positive: Array, scores: Array) -> tuple[Array, Array]:
    """(P,) each: positive images found, and images called positive, down to each score."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return positive[order].cumsum()[ends].astype(np.float64), ends + 1.0
