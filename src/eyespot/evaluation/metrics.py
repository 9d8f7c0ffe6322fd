"""The numbers by which a classifier is judged, from the counts of its confusions.

Shapes: N images, K classes.
"""

import math

import numpy as np

from eyespot.errors import DataError
from eyespot.values import Array, ClassScore, Evaluation, Interval, Predictions

# The 0.975 quantile of the normal distribution: 95 % lie within this many standard deviations.
_Z = 1.959963984540054

# One image that got probability 0 would make the log loss infinite; it costs 16.1 nats instead.
# Just under the step of float32 at 1 (1.2e-7): probabilities below it are rounding, not opinion.
PROBABILITY_FLOOR = 1e-7


def judge(predictions: Predictions) -> Evaluation:
    """How good the predictions are; a ratio of nothing to nothing is 0.

    The macro F1 is over the classes that occur as a label or as a prediction, as in scikit-learn.
    The log loss takes probabilities below 1e-7 as 1e-7.
    Raises DataError if there are no predictions or a label lies outside the classes.
    """
    num = len(predictions)
    if num == 0:
        raise DataError("there are no predictions to judge; give at least one labelled image")
    _check_labels(predictions)
    labels, said, num_classes = predictions.labels, predictions.predicted, len(predictions.classes)
    right_K = np.bincount(labels[labels == said], minlength=num_classes)
    said_K = np.bincount(said, minlength=num_classes)
    support_K = np.bincount(labels, minlength=num_classes)
    precision_K = _ratio(right_K, said_K)
    recall_K = _ratio(right_K, support_K)
    f1_K = _ratio(2 * right_K, said_K + support_K)
    return Evaluation(
        num=num,
        accuracy=wilson(int(right_K.sum()), num),
        macro_f1=float(f1_K[said_K + support_K > 0].mean()),
        log_loss=log_loss(predictions),
        per_class=tuple(
            ClassScore(name=name, precision=precision, recall=recall, f1=f1, support=support)
            for name, precision, recall, f1, support in zip(
                predictions.classes,
                precision_K.tolist(),
                recall_K.tolist(),
                f1_K.tolist(),
                support_K.tolist(),
                strict=True,
            )
        ),
        confusion=_cells(predictions),
    )


def confusion(predictions: Predictions) -> Array:
    """Counts by truth (rows) and prediction (columns), int64 (K, K).

    Raises DataError if a label lies outside the classes.
    """
    _check_labels(predictions)
    num_classes = len(predictions.classes)
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.predicted
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def log_loss(predictions: Predictions) -> float:
    """Mean of -ln(probability of the truth) in nats; probabilities below 1e-7 count as 1e-7."""
    truth = predictions.probs[np.arange(len(predictions)), predictions.labels].astype(np.float64)
    return float(-np.log(truth.clip(PROBABILITY_FLOOR, 1.0)).mean())


def wilson(successes: int, num: int) -> Interval:
    """The share of successes with its 95 % Wilson score interval, without continuity correction.

    Raises DataError unless 0 <= successes <= num and num > 0. Source: Wilson 1927, JASA 22, p. 209.
    """
    if not 0 <= successes <= num or num == 0:
        raise DataError(f"{successes} of {num} is no share; both are counts and the second is > 0")
    share, z2 = successes / num, _Z**2
    middle = (successes + z2 / 2) / (num + z2)
    half = _Z * math.sqrt(num * share * (1 - share) + z2 / 4) / (num + z2)
    return Interval(
        value=share,
        # At the ends the bound is the value itself; computed, it would miss it by a rounding.
        low=middle - half if successes else 0.0,
        high=middle + half if successes < num else 1.0,
    )


def _check_labels(predictions: Predictions) -> None:
    labels, num_classes = predictions.labels, len(predictions.classes)
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise DataError(
            f"labels run from {labels.min()} to {labels.max()}, "
            f"but there are {num_classes} classes; labels are counted from 0"
        )


def _cells(predictions: Predictions) -> tuple[tuple[int, int, int], ...]:
    """The cells of the confusion matrix that hold an image: (truth, predicted, count), in order."""
    pairs = np.stack([predictions.labels, predictions.predicted], axis=1)
    places, counts = np.unique(pairs, axis=0, return_counts=True)
    return tuple(
        (truth, said, num)
        for (truth, said), num in zip(places.tolist(), counts.tolist(), strict=True)
    )


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
