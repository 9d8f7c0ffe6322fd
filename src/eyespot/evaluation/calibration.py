"""Probabilities that mean what they say."""

import numpy as np

from eyespot.values import Array, Predictions


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
