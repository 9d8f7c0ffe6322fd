"""Prediction sets with a promised coverage: what they need, and how good they are.

Shapes: M scores, N images, K classes.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.errors import DataError
from eyespot.evaluation.intervals import mean, wilson
from eyespot.models.conformal import least_scores, prediction_sets
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Interval
from eyespot.values.predictions import Predictions

MOST_SCORES = 4096  # of more, the coverage varies less, but 95 % already within 0.7 points


@dataclass(frozen=True, kw_only=True)
class SetScore:
    """How good the sets of `num` images are. asked, observed: the share that holds the truth.

    size: the mean number of classes in a set, between 1 and K. single: the share of the sets with
    one class. enough: whether there are as many scores as the promise needs; else every set holds
    all classes.
    """

    num: int
    asked: float
    observed: Interval
    size: Interval
    single: Interval
    enough: bool


def calibration_scores(predictions: Predictions) -> Array:
    """float32 (M,), rising: the probability of the truth of at most 4,096 validation images.

    More are left out blindly, always the same, which the promise does not mind. It holds as far as
    the model was not chosen by these images.
    """
    scores = predictions.probs[np.arange(len(predictions)), predictions.labels]
    if len(scores) > MOST_SCORES:
        scores = np.random.default_rng(0).permutation(scores)[:MOST_SCORES]
    ordered: Array = np.sort(scores.astype(np.float32))
    return ordered


def judge_sets(predictions: Predictions, scores_M: Array, coverage: float) -> SetScore:
    """How often the sets at this coverage hold the truth, and how large they are.

    Raises DataError if there are no predictions, UsageError unless 0 < coverage < 1.
    """
    num, num_classes = predictions.probs.shape
    if num == 0:
        raise DataError("there are no predictions to judge; give at least one labelled image")
    sets_NK = prediction_sets(predictions.probs, scores_M, coverage)
    sizes_N = sets_NK.sum(axis=1)
    return SetScore(
        num=num,
        asked=coverage,
        observed=wilson(int(sets_NK[np.arange(num), predictions.labels].sum()), num),
        size=mean(sizes_N.astype(np.float64), least=1.0, most=float(num_classes)),
        single=wilson(int((sizes_N == 1).sum()), num),
        enough=len(scores_M) >= least_scores(coverage),
    )
