"""Labels that may be wrong: confident learning on what a model says of images it has not learnt.

Those are all images for the predictions of folds, the validation and test parts for others.
Source: Northcutt, Jiang and Chuang 2021, JAIR 70, p. 1373, arXiv 1911.00068, section 3.
Shapes: N images, K classes.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions

# The guards of `_sure`, measured on the sets of `most_suspicious`. Of 62 characters, many of which
# are confused for good (0, O and o), 0.45 of what the joint alone calls wrong was so, and 0.88 of
# what is less likely than by guessing; with no label replaced, 178 and 27 of 3,410 were called so.
# Of three classes that a weak model knows badly (logistic regression on MNIST's 3, 5 and 8), 0.74,
# and 0.93 at ten to one. On MNIST and digits they change next to nothing: 0.99 to 1.00, and 0.82 to
# 0.89 of the wrong labels are found.
_LEAST_ODDS = 10
_SMALLEST = 1e-30


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """One image whose label a person should look at.

    proposed: the likeliest other class, with its probability. own: the probability of the label.
    sure: whether the model knows both classes, and is far enough from the label, to be believed.
    """

    name: str
    label: str
    proposed: str
    probability: float
    own: float
    sure: bool


def suspects(predictions: Predictions) -> tuple[Suspect, ...]:
    """The images that are misclassified or off the diagonal of the confident joint.

    Most suspicious first, as `most_suspicious` ranks them.
    """
    labels, others = predictions.labels, _likeliest_others(predictions)
    own, other = _probabilities(predictions, labels), _probabilities(predictions, others)
    rows, classes = confident(predictions)
    shown = other > own
    shown[rows] |= classes != labels[rows]
    sure = set(_sure(predictions).tolist())
    return tuple(
        Suspect(
            name=predictions.names[row],
            label=predictions.classes[labels[row]],
            proposed=predictions.classes[others[row]],
            probability=float(other[row]),
            own=float(own[row]),
            sure=row in sure,
        )
        for row in most_suspicious(predictions).tolist()
        if shown[row]
    )


def most_suspicious(predictions: Predictions) -> Array:
    """The places of all images, int64 (N,): first where the label is least likely beside another.

    By the ratio of the label's probability to that of the likeliest other class. It was chosen by
    the average precision with which it finds 5 % of labels that were replaced at random, beside
    their normalised margin (the difference of the two) and the label's probability alone:

                                                      ratio   margin  label's
        MNIST, five folds of `quick`                  0.997   0.994   0.997
        digits, likewise                              0.996   0.993   0.994
        62 handwritten characters, likewise           0.971   0.732   0.973
        MNIST, each wrong label the next class        0.977   0.992   0.974
        digits, logistic regression, five seeds       0.975   0.970   0.966
        that, each wrong label the next class         0.964   0.969   0.943

    Margins fail where many classes are alike: none is likely then, and all margins are small.
    """
    own = _probabilities(predictions, predictions.labels)
    other = _probabilities(predictions, _likeliest_others(predictions))
    return np.lexsort((-other, own / np.maximum(other, _SMALLEST)))


def thresholds(predictions: Predictions) -> Array:
    """From which probability on an image counts as one of a class, float64 (K,).

    The mean probability of the class over the images labelled so: a class that the model is shy of
    needs less. Infinite for a class without an image, of which nothing is known.
    """
    labels, num_classes = predictions.labels, len(predictions.classes)
    sums = np.bincount(labels, _probabilities(predictions, labels), minlength=num_classes)
    nums = np.bincount(labels, minlength=num_classes)
    means: Array = np.divide(sums, nums, out=np.full(num_classes, np.inf), where=nums > 0)
    return means


def confident(predictions: Predictions) -> tuple[Array, Array]:
    """The places of the images that reach a class's threshold, and the likeliest such class."""
    reached = predictions.probs >= thresholds(predictions)
    rows = np.flatnonzero(reached.any(axis=1))
    return rows, np.where(reached[rows], predictions.probs[rows], -1).argmax(axis=1)


def confident_joint(predictions: Predictions) -> Counter[tuple[int, int]]:
    """How many images labelled i are confidently of class j, by (i, j); eq. 1 of the source."""
    rows, classes = confident(predictions)
    return Counter(zip(predictions.labels[rows].tolist(), classes.tolist(), strict=True))


def _sure(predictions: Predictions) -> Array:
    """The places of the images whose label is surely wrong, as far as a model can be.

    Off the diagonal of the confident joint, and confidently of the class that the model says; the
    label ten times less likely than that, and less than by guessing. Besides, more images of the
    label are confidently what they are called than confidently of this other class, and no fewer
    of the other: else the model has not learnt a class, as one with few images, or cannot tell the
    two apart, and says nothing about labels (the source calls that diagonal dominance).
    """
    labels, joint = predictions.labels, confident_joint(predictions)
    rows, classes = confident(predictions)
    own, other = _probabilities(predictions, labels)[rows], predictions.probs.max(axis=1)[rows]
    off = (classes != labels[rows]) & (classes == predictions.predicted[rows])
    off &= (_LEAST_ODDS * own <= other) & (own * len(predictions.classes) < 1)
    pairs = zip(labels[rows[off]].tolist(), classes[off].tolist(), strict=True)
    known = [
        joint[label, other] < joint[label, label] and joint[label, other] <= joint[other, other]
        for label, other in pairs
    ]
    sure: Array = rows[off][np.array(known, dtype=bool)]
    return sure


def _likeliest_others(predictions: Predictions) -> Array:
    """The likeliest class of each image besides its label, int64 (N,)."""
    probs = predictions.probs.copy()
    probs[np.arange(len(predictions)), predictions.labels] = -1
    others: Array = probs.argmax(axis=1)
    return others


def _probabilities(predictions: Predictions, classes: Array) -> Array:
    """The probability of a class of each image, float64 (N,)."""
    own: Array = predictions.probs[np.arange(len(predictions)), classes].astype(np.float64)
    return own
