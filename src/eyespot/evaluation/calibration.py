"""Probabilities that mean what they say."""

from collections.abc import Callable

import numpy as np

from eyespot.evaluation.intervals import wilson
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Interval, Reliability
from eyespot.values.predictions import Predictions

NUM_BINS = 15
NUM_DRAWS = 1000
TAIL = 0.025


def fit_temperature(predictions: Predictions) -> float:
    """The T by which logits are divided so that these labels are likeliest; 1 changes nothing.

    In 0.05..20. A label counts as certain only up to 1 - 1/(N + 2), as in Platt 1999: a small
    validation part without an error does not prove that there are none. Nor does a single error
    prove that the model knows nothing: before the first image, T is about 1, within a factor e.
    1 if there is no image.
    Source: Guo et al. 2017, arXiv 1706.04599, section 4.2.
    """
    num, num_classes = predictions.probs.shape
    if num == 0:
        return 1.0
    log_probs_NK = np.log(np.maximum(predictions.probs.astype(np.float64), 1e-30))
    doubt = 1 / (num + 2)
    targets_NK = np.full((num, num_classes), doubt / (num_classes - 1))
    targets_NK[np.arange(num), predictions.labels] = 1 - doubt

    def loss(log_temperature: float) -> float:
        scaled = log_probs_NK / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(scaled).sum(axis=1))
        own_loss = (normaliser - (targets_NK * scaled).sum(axis=1)).mean()
        return float(own_loss + log_temperature**2 / (2 * num))

    # The own loss is convex in 1 / T, so a search by thirds finds its one minimum.
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(40):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def tempered(probs_NK: Array, temperature: float) -> Array:
    """float32 (N, K): the probabilities after their logits were divided by the temperature."""
    log_probs = np.log(np.maximum(probs_NK.astype(np.float64), 1e-30)) / temperature
    exps = np.exp(log_probs - log_probs.max(axis=1, keepdims=True))
    probs: Array = (exps / exps.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs


def calibration_error(predictions: Predictions) -> Interval:
    """Expected calibration error: how far confidence and accuracy lie apart, on average.

    Over 15 equal steps of the top probability. Chance alone makes it too large: of a model that is
    never wrong about how sure to be, it is not 0. So the value can lie far up in its interval,
    which holds each true error at which a value as large, and one as small, is drawn in at least
    2.5 % of all samples; the gaps of the steps keep their proportions to each other.
    Source: Guo et al. 2017, arXiv 1706.04599, eq. 3; its bias: Bröcker 2012, Climate Dynamics 39,
    p. 655; intervals by inverting a test: Davison and Hinkley 1997, Bootstrap Methods, section 5.5.
    """
    num = len(predictions)
    sure_N, right_N, bins_N = _binned(predictions)
    num_B, right_B = np.bincount(bins_N), np.bincount(bins_N, right_N)
    gaps = np.abs(right_B - np.bincount(bins_N, sure_N))[num_B > 0] / num
    num_B, right_B = num_B[num_B > 0], right_B[num_B > 0]
    # Laplace's rule: a step without an error is not free of them. The second term: how many images
    # are in a step is chance, too.
    rates = (right_B + 1) / (num_B + 2)
    deviations = np.sqrt(num_B * rates * (1 - rates) / num**2 + gaps**2 / num_B)
    value = float(gaps.sum())
    if value == 0:
        gaps = deviations
    noise = np.random.default_rng(0).standard_normal((NUM_DRAWS, len(gaps))) * deviations

    def drawn(error: float) -> Array:
        sums: Array = np.abs(error * gaps / gaps.sum() + noise).sum(axis=1)
        return sums

    top = min(1.0, value + 4 * float(deviations.sum()))
    low = _last(lambda error: bool((drawn(error) >= value).mean() < TAIL), top)
    # Half an image more, because the number of right answers is whole.
    high = _last(lambda error: bool((drawn(error) <= value + 0.5 / num).mean() >= TAIL), top)
    return Interval(value=value, low=min(low, value), high=max(high, value))


def _last(holds: Callable[[float], bool], top: float) -> float:
    """The largest number in 0..top up to which it holds; 0 if it never does."""
    low, high = 0.0, top
    if not holds(low):
        return low
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def reliability(predictions: Predictions) -> tuple[Reliability, ...]:
    """How sure the model was and how right, in equal steps of its top probability, lowest first."""
    sure_N, right_N, bins_N = _binned(predictions)
    num_B = np.bincount(bins_N, minlength=NUM_BINS)
    right_B = np.bincount(bins_N, right_N, NUM_BINS)
    sure_B = np.bincount(bins_N, sure_N, NUM_BINS)
    return tuple(
        Reliability(
            low=place / NUM_BINS,
            high=(place + 1) / NUM_BINS,
            num=num,
            confidence=sure / num if num else (place + 0.5) / NUM_BINS,
            accuracy=wilson(int(right), num) if num else None,
        )
        for place, (num, right, sure) in enumerate(
            zip(num_B.tolist(), right_B.tolist(), sure_B.tolist(), strict=True)
        )
    )


def _binned(predictions: Predictions) -> tuple[Array, Array, Array]:
    """(N,) each: the top probability, whether it is right, and its bin; a bound is of the lower."""
    sure_N = predictions.probs.max(axis=1).astype(np.float64)
    bins_N = (np.ceil(sure_N * NUM_BINS).astype(np.int64) - 1).clip(0, NUM_BINS - 1)
    right_N = (predictions.predicted == predictions.labels).astype(np.float64)
    return sure_N, right_N, bins_N
