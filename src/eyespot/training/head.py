"""The head of a frozen backbone: a regression or a small perceptron on its features.

N images, D features, K classes, H hidden numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from eyespot.training.perceptron import fit_perceptron
from eyespot.training.regression import fit_regression
from eyespot.values.arrays import Array

_UNSEEN = -20.0  # the bias of a class without an image


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """y = x @ weight.T + bias. weight: float32 (H, D) or (K, H); bias: float32 (H,) or (K,)."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        weight, bias = torch.from_numpy(self.weight), torch.from_numpy(self.bias)
        given: Array = torch.addmm(bias, torch.from_numpy(x), weight.T).numpy()
        return given


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """One layer, or two with a ReLU between them."""

    layers: tuple[Layer, ...]

    def logits(self, features: Array) -> Array:
        """(N, K)"""
        *hidden, last = self.layers
        for layer in hidden:
            features = np.maximum(layer(features), 0)
        return last(features)


def fit_linear(
    features: Array, labels: Array, num_classes: int, *, strength: float, balanced: bool
) -> Head:
    """A multinomial logistic regression with an L2 penalty on features of deviation 1.

    features: (N, D), two classes or more among them. balanced: all classes count the same.
    """
    strengths = [strength]
    return next(linear_path(features, labels, num_classes, strengths=strengths, balanced=balanced))


def linear_path(
    features: Array,
    labels: Array,
    num_classes: int,
    *,
    strengths: Sequence[float],
    balanced: bool,
) -> Iterator[Head]:
    """A regression for each strength, each begun where the last one ended."""
    scaled, location, scale = _scaled(features)
    known, own, weights = _counted(labels, balanced)
    found: Array | None = None
    for strength in strengths:
        found = fit_regression(scaled, own, weights, strength=strength, start=found)
        weight, bias = _on_plain(found[:, :-1], found[:, -1], location, scale)
        yield Head(layers=(_of_all(weight, bias, known, num_classes),))


def fit_mlp(features: Array, labels: Array, num_classes: int, *, balanced: bool, seed: int) -> Head:
    """A perceptron with a hidden layer. features, balanced: as for `fit_linear`."""
    scaled, location, scale = _scaled(features)
    known, own, weights = _counted(labels, balanced)
    hidden, last = fit_perceptron(scaled, own, weights, seed=seed)
    weight, bias = _on_plain(*hidden, location, scale)
    first = Layer(weight=weight.astype(np.float32), bias=bias.astype(np.float32))
    return Head(layers=(first, _of_all(*last, known, num_classes)))


def _scaled(features: Array) -> tuple[Array, Array, Array]:
    """The features with mean 0 and deviation 1, float32, and their means and factors, float64."""
    location = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    # A feature that hardly moves in a few images may move in others.
    scale = 1 / (deviation + 0.1 * deviation.mean() + 1e-9)
    return ((features - location) * scale).astype(np.float32), location, scale


def _counted(labels: Array, balanced: bool) -> tuple[Array, Array, Array]:
    """The classes that occur, the place of each image's among them, and its weight."""
    known, own = np.unique(labels, return_inverse=True)
    counts = np.bincount(own)
    return known, own, (len(own) / (len(known) * counts) if balanced else np.ones(len(known)))[own]


def _on_plain(weight: Array, bias: Array, location: Array, scale: Array) -> tuple[Array, Array]:
    """A layer for features as they come, from one for scaled ones; float64."""
    plain = weight.astype(np.float64) * scale
    return plain, bias - plain @ location


def _of_all(weight: Array, bias: Array, known: Array, num_classes: int) -> Layer:
    """A last layer for all classes, from one for those that occur."""
    all_weights = np.zeros((num_classes, weight.shape[1]), np.float32)
    all_biases = np.full(num_classes, _UNSEEN, np.float32)
    all_weights[known], all_biases[known] = weight, bias
    return Layer(weight=all_weights, bias=all_biases)
