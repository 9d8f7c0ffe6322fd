"""Which head: how much a regression is held back, and whether a perceptron is the better one.

N images, D features, K classes.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from eyespot.training.head import Head, fit_linear, fit_mlp, linear_path
from eyespot.training.headscore import HeadKind, HeadScore, surely_lower
from eyespot.training.workers import together
from eyespot.values.arrays import Array

STRENGTHS = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 1.0)  # of the regression: the larger, the less held back
USUAL = 1e-2  # where there are too few images to choose by
# Mistakes of the regression on the validation part. With fewer there is no perceptron that could be
# told from it, and nothing to gain.
LEAST_MISTAKES = 20


class Labelled(NamedTuple):
    """Features of a part, float32 (N, D), and its labels, (N,)."""

    features: Array
    labels: Array


def choose_head(
    train: Labelled,
    valid: Labelled,
    num_classes: int,
    *,
    kind: Literal["auto"] | HeadKind,
    keys: Sequence[object],
    num_folds: int,
    balanced: bool,
    seed: int,
) -> tuple[Head, HeadScore]:
    """A head, fitted to the training part, and how it was chosen.

    The strength of the regression is the one with which folds of the training part are judged best,
    by their log loss. "auto" takes a perceptron if its log loss on the validation part is lower by
    more than one standard error, where there is enough to be told apart. keys: of the training
    part; images of one key lie in one fold. With fewer than two images of a class, or of a key,
    apart from each other nothing can be judged.
    """
    folds = deal(train.labels, keys, num_folds, seed)
    mlp = partial(fit_mlp, num_classes=num_classes, balanced=balanced, seed=seed)
    linear = None
    if kind != "mlp":
        score = choose_strength(train, folds, num_classes, balanced=balanced)
        assert score.strength
        head = fit_linear(
            train.features, train.labels, num_classes, strength=score.strength, balanced=balanced
        )
        linear = head, score
        if kind == "linear" or _mistakes(head, valid) < LEAST_MISTAKES:
            return linear
    rival = mlp(train.features, train.labels)
    if linear and not _better(rival, linear[0], valid):
        return linear
    told = _judged(train, folds, lambda features, labels: [mlp(features, labels)])
    return rival, _score(told[0], "mlp") if told else HeadScore(kind="mlp")


def choose_strength(
    train: Labelled, folds: Array, num_classes: int, *, balanced: bool
) -> HeadScore:
    """The regression that does best in folds, int64 (N,); the usual one where there are none."""
    told = _judged(
        train,
        folds,
        lambda features, labels: linear_path(
            features, labels, num_classes, strengths=STRENGTHS, balanced=balanced
        ),
    )
    if not told:
        return HeadScore(strength=USUAL)
    scores = [
        _score(one, "linear", strength) for one, strength in zip(told, STRENGTHS, strict=True)
    ]
    return min(scores, key=lambda score: score.log_loss or 0.0)


_Told = tuple[int, float, float]  # number, accuracy and log loss of a fold


def _judged(
    train: Labelled, folds: Array, fit: Callable[[Array, Array], Iterable[Head]]
) -> list[list[_Told]]:
    """What each of the heads that `fit` gives says of each fold; nothing with fewer than two."""

    def judge(fold: int) -> list[_Told]:
        held, kept = folds == fold, folds != fold
        labels = train.labels[held]
        found = []
        for head in fit(train.features[kept], train.labels[kept]):
            logits = head.logits(train.features[held]).astype(np.float64)
            right = float((logits.argmax(axis=1) == labels).mean())
            found.append((len(labels), right, cross_entropy(logits, labels)))
        return found

    numbers = [fold for fold in np.unique(folds) if len(np.unique(train.labels[folds != fold])) > 1]
    if len(numbers) < 2:
        return []
    by_fold = together([partial(judge, fold) for fold in numbers])
    return [list(of_head) for of_head in zip(*by_fold, strict=True)]


def _score(told: Sequence[_Told], kind: HeadKind, strength: float | None = None) -> HeadScore:
    nums, accuracies, losses = zip(*told, strict=True)
    return HeadScore(
        kind=kind,
        strength=strength,
        nums=nums,
        accuracies=accuracies,
        log_loss=float(np.average(losses, weights=nums)),
    )


def _mistakes(head: Head, part: Labelled) -> int:
    return int((head.logits(part.features).argmax(axis=1) != part.labels).sum())


def _better(rival: Head, head: Head, part: Labelled) -> bool:
    """Whether the rival's loss on these images is lower by more than its standard error."""
    own, others = (
        _losses(one.logits(part.features).astype(np.float64), part.labels) for one in (rival, head)
    )
    return surely_lower(own, others)


def deal(labels: Array, keys: Sequence[object], num_folds: int, seed: int) -> Array:
    """The fold of each image, int64 (N,); classes are spread over all of them.

    As many folds as the largest class has keys, if that is less.
    """
    places: dict[object, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    groups = list(places.values())
    order = np.random.default_rng(seed).permutation(len(groups))
    by_class: dict[int, list[list[int]]] = {}
    for number in order:
        members = groups[number]
        by_class.setdefault(int(labels[members[0]]), []).append(members)
    num_folds = min(num_folds, max(map(len, by_class.values())))
    folds, turn = np.zeros(len(labels), np.int64), 0
    for own in by_class.values():
        for members in own:
            folds[members] = turn % num_folds
            turn += 1
    return folds


def cross_entropy(logits: Array, labels: Array) -> float:
    """The mean over the images, in nats. logits: float64 (N, K)."""
    return float(_losses(logits, labels).mean())


def _losses(logits: Array, labels: Array) -> Array:
    """float64 (N,)"""
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    losses: Array = -log_probs[np.arange(len(labels)), labels]
    return losses
