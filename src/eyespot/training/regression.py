"""Multinomial logistic regression by L-BFGS: the optimum that scikit-learn finds.

Importing that takes longer than the fit (5 s and 0.1 s on a busy core), and so do torch's
optimizers. Torch multiplies, on the threads that its caller has; numpy's own would take all cores,
and wait for each other where there is other work. N images, D features, K classes.
"""

from collections import deque

import numpy as np
import torch

from eyespot.values.arrays import Array

_MOST_STEPS = 300
_MEMORY = 20  # steps that the curvature is known from
_ENOUGH = 5e-5  # gradient of the mean loss, largest element
_SUFFICIENT = 1e-4  # of the decrease that the slope promises (Armijo)


def fit_regression(
    features: Array, labels: Array, weights: Array, *, strength: float, start: Array | None = None
) -> Array:
    """float32 (K, D + 1): the weights of each class and, last, its bias.

    Minimises strength * the sum of the images' losses + half the square of the weights, without the
    biases. features: float32 (N, D). labels: (N,) in 0..K-1, each of which occurs. weights: (N,),
    of the images. start: of another strength, from where it is nearer. Source: Nocedal and Wright
    2006, algorithm 7.4.
    """
    num_classes = int(labels.max()) + 1
    problem = _Problem(features, labels, weights, 1 / (strength * len(labels)))
    at = np.zeros((num_classes, features.shape[1] + 1), np.float32) if start is None else start
    value, slope = problem.value_and_slope(at)
    known: deque[tuple[Array, Array, float]] = deque(maxlen=_MEMORY)
    for _ in range(_MOST_STEPS):
        if np.abs(slope).max() < _ENOUGH:
            break
        direction = -_scaled(slope, known)
        promised = float((slope * direction).sum())
        if promised >= 0:  # rounding: the curvature is of no use any more
            known.clear()
            direction, promised = -slope, -float((slope * slope).sum())
        length = 1.0 if known else min(1.0, 1 / float(np.abs(slope).sum()))
        for _ in range(30):
            there = at + length * direction
            new_value, new_slope = problem.value_and_slope(there)
            if new_value <= value + _SUFFICIENT * length * promised:
                break
            length /= 2
        else:
            break  # no lower place can be told from this one in float32
        moved, turned = there - at, new_slope - slope
        curvature = float((moved * turned).sum())
        if curvature > 1e-12:
            known.append((moved, turned, 1 / curvature))
        at, value, slope = there, new_value, new_slope
    return at


class _Problem:
    """The mean loss with its penalty."""

    def __init__(self, features: Array, labels: Array, weights: Array, penalty: float) -> None:
        self._features, self._penalty = torch.from_numpy(features), penalty
        self._weights = torch.from_numpy(weights.astype(np.float32))
        self._labels = torch.from_numpy(labels.astype(np.int64))[:, None]

    @torch.inference_mode()
    def value_and_slope(self, at: Array) -> tuple[float, Array]:
        num = len(self._labels)
        weight, bias = torch.from_numpy(at[:, :-1]), torch.from_numpy(at[:, -1])
        log_probs = torch.addmm(bias, self._features, weight.T).log_softmax(dim=1)
        losses = -log_probs.gather(1, self._labels)[:, 0] * self._weights
        value = losses.sum(dtype=torch.float64).item() / num
        value += 0.5 * self._penalty * weight.square().sum(dtype=torch.float64).item()
        pull = log_probs.exp_()
        pull.scatter_add_(1, self._labels, torch.full((num, 1), -1.0))
        pull *= self._weights[:, None] / num
        slope = torch.empty(at.shape)
        torch.addmm(weight, pull.T, self._features, beta=self._penalty, out=slope[:, :-1])
        slope[:, -1] = pull.sum(dim=0)
        return value, slope.numpy()


def _scaled(slope: Array, known: deque[tuple[Array, Array, float]]) -> Array:
    """The slope times the inverse of the curvature, as far as the last steps tell it."""
    result = slope.copy()
    shares = []
    for moved, turned, inverse in reversed(known):
        share = inverse * float((moved * result).sum())
        result -= share * turned
        shares.append(share)
    if known:
        moved, turned, inverse = known[-1]
        result /= inverse * float((turned * turned).sum())
    for (moved, turned, inverse), share in zip(known, reversed(shares), strict=True):
        result += (share - inverse * float((turned * result).sum())) * moved
    return result
