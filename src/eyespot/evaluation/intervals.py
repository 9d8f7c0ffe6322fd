"""95 % intervals: for shares, for what behaves like a share, and for means of skewed values."""

import math

import numpy as np

from eyespot.errors import DataError
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Interval

# The 0.975 quantile of the normal distribution: 95 % lie within this many standard deviations.
Z = 1.959963984540054


def wilson(successes: int, num: int) -> Interval:
    """The share of successes with its 95 % Wilson score interval, without continuity correction.

    Raises DataError unless 0 <= successes <= num and num > 0. Source: Wilson 1927, JASA 22, p. 209.
    """
    if not 0 <= successes <= num or num == 0:
        raise DataError(f"{successes} of {num} is no share; both are counts and the second is > 0")
    return share(successes / num, num)


def share(value: float, num: float) -> Interval:
    """A number in 0..1 with the Wilson interval that the share of so many images would have.

    num: need not be whole. Of a number that is no share, such as a mean of shares, it is the number
    of images of which a share would be as uncertain: value (1 - value) / variance. Its interval
    then lies within 0..1, and at 1 it is no point.
    Source: Korn and Graubard 1998, Survey Methodology 24, p. 193; compared with others by Franco
    et al. 2019, Journal of Survey Statistics and Methodology 7, p. 334.
    """
    middle = (num * value + Z**2 / 2) / (num + Z**2)
    half = Z * math.sqrt(num * value * (1 - value) + Z**2 / 4) / (num + Z**2)
    return Interval(
        value=value,
        # At the ends the bound is the value itself; computed, it would miss it by a rounding.
        low=min(middle - half, value) if value > 0 else 0.0,
        high=max(middle + half, value) if value < 1 else 1.0,
    )


def equivalent_num(value: float, variance: float, *, error: float, square: float) -> float:
    """The number of images for `share` of 1 - a sum of errors, each with a weight of its own.

    error, square: the mean weight of an error and of its square. Half an error is added to those
    that were seen, because a sample without an error does not prove that there are none.
    """
    lost = 1 - value + error / 2
    return lost * (1 - lost) / (variance + square / 2) if lost < 1 else error / square


def shares(successes_K: Array, nums_K: Array) -> tuple[Interval, ...]:
    """The shares of successes with their Wilson intervals; of nothing, 0 between 0 and 1."""
    return tuple(
        wilson(some, num) if num else Interval(value=0.0, low=0.0, high=1.0)
        for some, num in zip(successes_K.tolist(), nums_K.tolist(), strict=True)
    )


def overlaps(both_K: Array, sums_K: Array) -> tuple[Interval, ...]:
    """F1 = 2 both / sum of as many classes with its 95 % interval; of nothing, 0 between 0 and 1.

    sums: images of the class plus answers with it. F1 rises with both / (sum - both), the share of
    both among the images that are of the class or are said to be: a plain share, whose Wilson
    bounds become those of F1.
    Source: Lam et al. 2023, arXiv 2309.14621 (the indirect Wilson interval).
    """
    found = []
    for one in shares(both_K, sums_K - both_K):
        value, low, high = (2 * bound / (1 + bound) for bound in (one.value, one.low, one.high))
        found.append(Interval(value=value, low=low, high=high))
    return tuple(found)


def mean(values_N: Array, *, least: float, most: float) -> Interval:
    """The mean of values within least..most, with a 95 % interval that allows for their skewness.

    Student's t, after the cubic transformation that takes the skewness out of it. A single value
    says nothing of the others.
    Source: Hall 1992, Journal of the Royal Statistical Society B 54, p. 221.
    """
    num, value = len(values_N), float(values_N.mean())
    if num < 2:
        return Interval(value=value, low=least, high=most)
    centred = values_N - value
    deviation = math.sqrt(float((centred**2).mean()))
    if deviation <= 1e-12 * abs(value):
        return Interval(value=value, low=value, high=value)
    skewness = float((centred**3).mean()) / deviation**3

    def bound(quantile: float) -> float:
        standard = quantile / math.sqrt(num)
        if abs(skewness) > 1e-9:
            inner = 1 + skewness * (standard - skewness / (6 * num))
            standard = 3 * (float(np.cbrt(inner)) - 1) / skewness
        return value - deviation * math.sqrt(num / (num - 1)) * standard

    quantile = student(num - 1)
    return Interval(
        value=value,
        low=max(least, min(value, bound(quantile))),
        high=min(most, max(value, bound(-quantile))),
    )


def student(freedom: int) -> float:
    """The 0.975 quantile of Student's t with 1 or more degrees of freedom, within 0.2 %.

    Source: Abramowitz and Stegun 1964, 26.7.5.
    """
    if freedom == 1:
        return math.tan(0.475 * math.pi)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z = Z
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )
