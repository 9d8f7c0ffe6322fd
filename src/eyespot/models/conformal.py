"""Sets of classes that hold the truth as often as is promised: split conformal prediction. numpy.

The scores are what the model gave to the truth of M images that it had not learnt from. A class is
in the set of a new image if its probability is not among the lowest of what the truths got.

Shapes: M scores, N images, K classes.
Source: Angelopoulos and Bates 2023, Foundations and Trends in Machine Learning 16, section 1;
arXiv 2107.07511.
"""

import numpy as np

from eyespot.errors import UsageError
from eyespot.values.arrays import Array
from eyespot.values.model import Model


def prediction_sets(probs_NK: Array, scores_M: Array, coverage: float) -> Array:
    """bool (N, K): the classes that each image may be of.

    Of images like those that gave the scores, the sets hold the truth in at least this share, on
    average over such draws of M: Beta(M + 1 - l, l) distributed with l = floor((1 - coverage)
    (M + 1)). No set is empty: the likeliest class is in, always. All classes are in where M is too
    small for the promise; see `least_scores`.
    Raises UsageError unless 0 < coverage < 1.
    """
    sets_NK: Array = probs_NK >= threshold(scores_M, coverage)
    if len(sets_NK):
        sets_NK[np.arange(len(sets_NK)), probs_NK.argmax(axis=1)] = True
    return sets_NK


def scores_for(model: Model, coverage: float) -> Array:
    """What the sets of this coverage need, before anything takes time.

    Raises UsageError for a coverage that is no share, or a model that has kept no scores.
    """
    least_scores(coverage)
    if model.scores is None:
        raise UsageError(
            "the model keeps no scores of validation images, which sets of a coverage need; "
            "train again with a validation part, and without an ensemble"
        )
    return model.scores


def threshold(scores_M: Array, coverage: float) -> float:
    """The probability from which a class is in the set; 0 if there are too few scores."""
    place = _num_missed(len(scores_M), coverage)
    return float(np.sort(scores_M)[place - 1]) if place else 0.0


def least_scores(coverage: float) -> int:
    """How many scores it takes to leave a class out of any set at this coverage."""
    num = max(int(1 / (1 - _checked(coverage))) - 2, 0)
    while not _num_missed(num, coverage):
        num += 1
    return num


def _num_missed(num: int, coverage: float) -> int:
    # 0.1 * 10 must be 1, though 1 - 0.9 is a little less than 0.1.
    return int(np.floor(round((1 - _checked(coverage)) * (num + 1), 9)))


def _checked(coverage: float) -> float:
    if not 0 < coverage < 1:
        raise UsageError(f"a coverage of {coverage} is no share between 0 and 1; try 0.95")
    return coverage
