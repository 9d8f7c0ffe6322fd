"""Whether one of two models is better, by their answers to the same images.

Of N images, `gained` are those that only the second got right, `lost` those that only the first
did. Images that both got right, or both wrong, say nothing about which is better.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.errors import DataError, count
from eyespot.evaluation.intervals import wilson
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Interval
from eyespot.values.predictions import Predictions

SIGNIFICANT = 0.05


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on N images. difference: of the accuracies, second minus first.

    p: probability of a split of gained and lost as uneven as this one, if both were equally good.
    """

    num: int
    first: Interval
    second: Interval
    difference: Interval
    gained: int
    lost: int
    p: float

    @property
    def significant(self) -> bool:
        """Whether one is better; the exact test decides, which is the more careful of the two."""
        return self.p < SIGNIFICANT


def compare(first: Predictions, second: Predictions) -> Comparison:
    """How much better the second model is than the first, and whether that may be chance.

    Both are of the same images, in any order: by name and label. That the models were trained on
    other images, as the folds of a cross-validation are, does no harm.
    Raises DataError, with the number of images that agree, when they are not the same, or none.
    """
    rows = _rows_in_second(first, second)
    right = first.predicted == first.labels
    other = (second.predicted == second.labels)[rows]
    gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
    both, num = int((right & other).sum()), len(first)
    return Comparison(
        num=num,
        first=wilson(both + lost, num),
        second=wilson(both + gained, num),
        difference=paired_difference(both, gained, lost, num),
        gained=gained,
        lost=lost,
        p=mcnemar(gained, lost),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value times the tests that it has to stand up to, so that of all tests together one
    in twenty finds by chance what is not there.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, p. 65.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, p_values[place] * (len(order) - rank)))
        adjusted[place] = least
    return adjusted


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value: as many heads, or as few, in gained + lost throws of a fair coin.

    Twice the smaller tail, at most 1. In logarithms, since 2^-1100 is no float.
    Source: McNemar 1947, Psychometrika 12, p. 153; exact form: Fagerland et al. 2013, BMC Medical
    Research Methodology 13:91, eq. 3.
    """
    num, few = gained + lost, min(gained, lost)
    log_counts = [
        math.lgamma(num + 1) - math.lgamma(k + 1) - math.lgamma(num - k + 1) for k in range(few + 1)
    ]
    most = max(log_counts)
    tail = math.fsum(math.exp(one - most) for one in log_counts)
    return min(1.0, 2 * tail * math.exp(most - num * math.log(2)))


def paired_difference(both: int, gained: int, lost: int, num: int) -> Interval:
    """Second accuracy minus first with its 95 % interval, for answers to the same images.

    The distances to the Wilson bounds of both accuracies, squared and added, less what their
    correlation takes away.
    Source: Newcombe 1998, Statistics in Medicine 17, p. 2635, method 10.
    """
    first, second = wilson(both + lost, num), wilson(both + gained, num)
    phi = _correlation(both, gained, lost, num - both - gained - lost)

    def reach(up: float, down: float) -> float:
        # A rounding may make the square of a zero negative.
        return math.sqrt(max(0.0, up**2 - 2 * phi * up * down + down**2))

    value = second.value - first.value
    return Interval(
        value=value,
        low=value - reach(second.value - second.low, first.high - first.value),
        high=value + reach(second.high - second.value, first.value - first.low),
    )


def _correlation(both: int, gained: int, lost: int, neither: int) -> float:
    """Newcombe's phi of the four counts: of whether the first is right and whether the second is.

    With a continuity correction where it is positive, 0 where a margin is empty.
    """
    margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if not margins:
        return 0.0
    excess: float = both * neither - gained * lost
    num = both + gained + lost + neither
    if excess > 0:
        excess = max(excess - num / 2, 0)
    return excess / math.sqrt(margins)


def _rows_in_second(first: Predictions, second: Predictions) -> Array:
    """int64 (N,): where each image of the first stands among the second's. Raises DataError."""
    places = {name: row for row, name in enumerate(second.names)}
    rows = [
        row
        for name, label in zip(first.names, first.labels.tolist(), strict=True)
        if (row := places.get(name)) is not None
        and second.classes[second.labels[row]] == first.classes[label]
    ]
    if not rows or not len(rows) == len(first) == len(second):
        raise DataError(
            f"of {count(len(first), 'image')} that the first was judged by and {len(second):,} of "
            f"the second, {len(rows):,} are the same by name and label; judge both by the same "
            "images, for instance with the same seed, --split or --folds"
        )
    return np.array(rows, dtype=np.int64)
