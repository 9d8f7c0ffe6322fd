"""The numbers by which a classifier is judged, each headline number with a 95 % interval.

All intervals are formulas, so that judging costs next to nothing; only that of the calibration
error is drawn. tests/test_intervals.py measures how often they hold the truth.

Shapes: N images, K classes.
"""

from typing import NamedTuple

import numpy as np

from eyespot.errors import DataError
from eyespot.evaluation.calibration import calibration_error, reliability
from eyespot.evaluation.intervals import equivalent_num, mean, overlaps, share, shares, wilson
from eyespot.evaluation.ranking import ranked
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Averages, ClassScore, Evaluation, Interval, RefusalScore
from eyespot.values.predictions import Predictions

# One image that got probability 0 would make the log loss infinite; it costs 16.1 nats instead.
# Just under the step of float32 at 1 (1.2e-7): probabilities below it are rounding, not opinion.
PROBABILITY_FLOOR = 1e-7
TOP = (2, 3, 5)


class Cells(NamedTuple):
    """The cells of the confusion matrix that hold an image, in order: int64, as many of each."""

    truth: Array
    said: Array
    num: Array


def judge(predictions: Predictions) -> Evaluation:
    """How good the predictions are; a ratio of nothing to nothing is 0.

    The macro averages are over the classes that occur as a label or as a prediction, as in
    scikit-learn; balanced accuracy is over those that occur as a label.
    The log loss takes probabilities below 1e-7 as 1e-7.
    Raises DataError if there are no predictions or a label lies outside the classes.
    """
    num = len(predictions)
    if num == 0:
        raise DataError("there are no predictions to judge; give at least one labelled image")
    _check_labels(predictions)
    labels, said, num_classes = predictions.labels, predictions.predicted, len(predictions.classes)
    cells = _cells(labels, said, num_classes)
    right_K = np.bincount(labels[labels == said], minlength=num_classes)
    said_K = np.bincount(said, minlength=num_classes)
    support_K = np.bincount(labels, minlength=num_classes)
    per_class = tuple(
        ClassScore(name=name, precision=precision, recall=recall, f1=f1, support=support)
        for name, precision, recall, f1, support in zip(
            predictions.classes,
            shares(right_K, said_K),
            shares(right_K, support_K),
            overlaps(right_K, said_K + support_K),
            support_K.tolist(),
            strict=True,
        )
    )
    ratios = _Ratios(right_K, said_K, support_K)
    occurs_K = said_K + support_K > 0
    return Evaluation(
        num=num,
        accuracy=wilson(int(right_K.sum()), num),
        balanced_accuracy=balanced_accuracy(right_K, support_K),
        top_k=_top_k(predictions),
        macro=ratios.averages(occurs_K / occurs_K.sum()),
        weighted=ratios.averages(support_K / num),
        macro_f1=macro_f1(cells, num_classes),
        log_loss=log_loss(predictions),
        calibration_error=calibration_error(predictions),
        reliability=reliability(predictions),
        binary=ranked(predictions),
        refusal=_refusal(predictions),
        per_class=per_class,
        confusion=tuple(zip(*(one.tolist() for one in cells), strict=True)),
    )


def confusion(predictions: Predictions) -> Array:
    """Counts by truth (rows) and prediction (columns), int64 (K, K).

    Raises DataError if a label lies outside the classes.
    """
    _check_labels(predictions)
    num_classes = len(predictions.classes)
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.predicted
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def normalised(confusion_KK: Array) -> Array:
    """float64 (K, K): each row's shares, of the images of one class; a row without images is 0."""
    sums_K1 = confusion_KK.sum(axis=1, keepdims=True)
    shares_KK: Array = np.divide(
        confusion_KK, sums_K1, out=np.zeros(confusion_KK.shape), where=sums_K1 > 0
    )
    return shares_KK


def ranks(predictions: Predictions) -> Array:
    """int64 (N,): how many classes are likelier than the truth.

    Of equal probabilities the later class comes first, as in scikit-learn's top-k accuracy.
    """
    own_N1 = predictions.probs[np.arange(len(predictions)), predictions.labels][:, None]
    before_NK = predictions.probs > own_N1
    later_NK = np.arange(len(predictions.classes)) > predictions.labels[:, None]
    before_NK |= (predictions.probs == own_N1) & later_NK
    found: Array = before_NK.sum(axis=1)
    return found


def balanced_accuracy(right_K: Array, support_K: Array) -> Interval:
    """The mean recall of the classes that have images.

    Each image of a class weighs 1 / (its images x classes). An error that was not seen is
    taken to be where it would weigh most. A class with one image has the variance of all.
    """
    right, support = right_K[support_K > 0], support_K[support_K > 0]
    recalls, num = right / support, len(support)
    value = float(recalls.mean())
    variances = recalls * (1 - recalls) / np.maximum(support - 1, 1)
    variances[support == 1] = value * (1 - value)
    weights = 1 / (support * num)
    error = float((weights**2).sum() / weights.sum())
    square = float((weights**3).sum() / weights.sum())
    variance = float(variances.sum()) / num**2
    return share(value, equivalent_num(value, variance, error=error, square=square))


def macro_f1(cells: Cells, num_classes: int) -> Interval:
    """The mean F1 of the classes that occur as truth or answer.

    It is too low where classes have few images: more so if the size of each class is chance, as of
    images drawn blindly, than if it is given, as by a stratified split. The images do not say which
    it was; the interval, not the value, is corrected, and holds what either leaves possible. Below
    three images a class it is too narrow.
    """
    truth, said, num = cells
    right = truth == said
    sums_K = np.bincount(truth, num, num_classes) + np.bincount(said, num, num_classes)
    occurs_K = sums_K > 0
    f1_K = _ratio(2 * np.bincount(truth[right], num[right], num_classes), sums_K)
    value, num_images = float(f1_K[occurs_K].mean()), num.sum()
    # Any other error is two draws of a class by its size, which weighs 1 / (size x classes) each.
    squares = float((1 / sums_K[occurs_K]).sum()) / (occurs_K.sum() ** 2 * 2 * num_images)
    error, square = 1 / num_images, 2 * (squares + 1 / (2 * num_images) ** 2)
    near = []
    for bias, variance in (_sizes_drawn(cells, f1_K, sums_K), _sizes_given(cells, sums_K)):
        centre = min(max(value - bias, 0.0), 1.0)
        near.append(share(centre, equivalent_num(centre, variance, error=error, square=square)))
    return Interval(
        value=value,
        low=min(value, *(one.low for one in near)),
        high=max(value, *(one.high for one in near)),
    )


def _sizes_drawn(cells: Cells, f1_K: Array, sums_K: Array) -> tuple[float, float]:
    """Bias and variance of the macro F1 if every image was drawn from all, whatever its class.

    The bias is the jackknife's, the variance the infinitesimal jackknife's.
    Source: Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, sections 2 and 6.
    """
    truth, said, num = cells
    right, num_classes = truth == said, len(sums_K)
    right_K = np.bincount(truth[right], num[right], num_classes)
    num_occurring, num_images = (sums_K > 0).sum(), num.sum()
    # What the mean loses when an image of each cell is left out; a class that is no more, nothing.
    less_right_K = np.where(sums_K > 2, _ratio(2 * (right_K - 1), sums_K - 2) - f1_K, 0.0)
    less_wrong_K = np.where(sums_K > 1, _ratio(2 * right_K, sums_K - 1) - f1_K, 0.0)
    without = np.where(right, less_right_K[truth], less_wrong_K[truth] + less_wrong_K[said])
    without /= num_occurring
    bias = (num_images - 1) / num_images * float((num * without).sum())
    # How it moves with the weight of an image of each cell.
    pull_K = _ratio(f1_K, sums_K)
    moves = np.where(right, 2 * _ratio(np.ones(num_classes), sums_K)[truth], 0.0)
    moves -= pull_K[truth] + pull_K[said]
    return bias, float((num * moves**2).sum()) / num_occurring**2


def _sizes_given(cells: Cells, sums_K: Array) -> tuple[float, float]:
    """Bias and variance of the macro F1 if each class has as many images as it should.

    By the delta method, to second order: with x right answers and y other images that are of the
    class or are called so, F1 is 2x / (2x + y), and chance moves each cell within its row alone.
    Classes with one image, which shows no chance, are taken together.
    Source for these: Cochran 1977, Sampling Techniques, section 5A.12.
    """
    truth, said, num = cells
    right, num_classes, num_occurring = truth == said, len(sums_K), (sums_K > 0).sum()
    right_K = np.bincount(truth[right], num[right], num_classes)
    single = np.bincount(truth, num, num_classes)[truth] == 1
    rows = np.where(single, num_classes, truth)
    size_R = np.bincount(rows, num, num_classes + 1)
    unseen_R = _ratio(size_R, size_R - 1)  # what dividing by the size makes a variance too small by
    parts = num / size_R[rows]
    parts[single & right] = (single & right).sum() / max(int(size_R[num_classes]), 1)
    variances = num * (1 - parts) * unseen_R[rows]
    rest = (sums_K - right_K)[said]
    bends = np.where(right, -2 * rest, 2 * right_K[said]) / sums_K[said] ** 3
    moves = np.where(right, 2 * rest, -2 * right_K[said]) / sums_K[said] ** 2
    moves -= _ratio(np.bincount(rows, num * moves, num_classes + 1), size_R)[rows]
    variance = float((num * moves**2 * unseen_R[rows]).sum()) / num_occurring**2
    return float((bends * variances).sum()) / num_occurring, variance


def log_loss(predictions: Predictions) -> Interval:
    """Mean of -ln(probability of the truth) in nats; probabilities below 1e-7 count as 1e-7."""
    truth = predictions.probs[np.arange(len(predictions)), predictions.labels].astype(np.float64)
    losses_N = -np.log(truth.clip(PROBABILITY_FLOOR, 1.0))
    return mean(losses_N, least=0.0, most=-float(np.log(PROBABILITY_FLOOR)))


class _Ratios:
    """Precision, recall and F1 of each class as arrays."""

    def __init__(self, right_K: Array, said_K: Array, support_K: Array) -> None:
        self.precision_K = _ratio(right_K, said_K)
        self.recall_K = _ratio(right_K, support_K)
        self.f1_K = _ratio(2 * right_K, said_K + support_K)

    def averages(self, weights_K: Array) -> Averages:
        return Averages(
            precision=float(self.precision_K @ weights_K),
            recall=float(self.recall_K @ weights_K),
            f1=float(self.f1_K @ weights_K),
        )


def _top_k(predictions: Predictions) -> tuple[tuple[int, Interval], ...]:
    num, num_classes = predictions.probs.shape
    if num_classes <= TOP[0]:
        return ()
    found = ranks(predictions)
    return tuple((k, wilson(int((found < k).sum()), num)) for k in TOP if k < num_classes)


def _refusal(predictions: Predictions) -> RefusalScore | None:
    if predictions.refusal is None:
        return None
    accepted = predictions.refusal <= 1
    num, num_accepted = len(predictions), int(accepted.sum())
    right = int((predictions.predicted == predictions.labels)[accepted].sum())
    return RefusalScore(
        num=num,
        share=wilson(num - num_accepted, num),
        accuracy_of_accepted=wilson(right, num_accepted) if num_accepted else None,
    )


def _check_labels(predictions: Predictions) -> None:
    labels, num_classes = predictions.labels, len(predictions.classes)
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise DataError(
            f"labels run from {labels.min()} to {labels.max()}, "
            f"but there are {num_classes} classes; labels are counted from 0"
        )


def _cells(labels: Array, said: Array, num_classes: int) -> Cells:
    places, nums = np.unique(labels.astype(np.int64) * num_classes + said, return_counts=True)
    return Cells(*np.divmod(places, num_classes), nums)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
