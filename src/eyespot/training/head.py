"""The head of a frozen backbone: a regression on its features, fitted in seconds.

N images, D features, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from eyespot.training.regression import fit_regression
from eyespot.values.arrays import Array

STRENGTHS = (
    1e-4,
    1e-3,
    1e-2,
    3e-2,
    1e-1,
    1.0,
)  # of the regression: the larger, the less is held back
USUAL = 1e-2  # where there are too few images to choose by
_UNSEEN = -20.0  # the bias of a class without an image


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """Logits are features @ weight.T + bias. weight: float32 (K, D); bias: float32 (K,)."""

    weight: Array
    bias: Array

    def logits(self, features: Array) -> Array:
        return features @ self.weight.T + self.bias


@dataclass(frozen=True, kw_only=True)
class HeadScore:
    """How a head was chosen, and what folds of the training part said of its kind.

    accuracies, nums: of each fold; none where there are too few images. log_loss: of all of them,
    in nats.
    """

    strength: float
    nums: tuple[int, ...] = ()
    accuracies: tuple[float, ...] = ()
    log_loss: float | None = None

    @property
    def mean(self) -> float:
        return float(np.average(self.accuracies, weights=self.nums))

    @property
    def sd(self) -> float:
        return float(np.std(self.accuracies, ddof=1))

    def as_json(self) -> dict[str, object]:
        """As evaluation.json keeps it."""
        judged = {"mean": self.mean, "sd": self.sd} if self.nums else {}
        return {**asdict(self), **judged}

    def __str__(self) -> str:
        if not self.nums:
            return "unknown, there are too few images"
        return f"{self.mean:.4f} +- {self.sd:.4f} (mean and sd of {len(self.nums)} folds)"


def fit_linear(
    features: Array, labels: Array, num_classes: int, *, strength: float, balanced: bool
) -> Linear:
    """A multinomial logistic regression with an L2 penalty on features of deviation 1.

    features: (N, D), two classes or more among them. balanced: all classes count the same.
    """
    return next(_path(features, labels, num_classes, strengths=[strength], balanced=balanced))


def _path(
    features: Array,
    labels: Array,
    num_classes: int,
    *,
    strengths: Sequence[float],
    balanced: bool,
) -> Iterator[Linear]:
    """A regression for each strength, each begun where the last one ended."""
    location = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    # A feature that hardly moves in a few images may move in others.
    scale = 1 / (deviation + 0.1 * deviation.mean() + 1e-9)
    scaled = ((features - location) * scale).astype(np.float32)
    known, own = np.unique(labels, return_inverse=True)
    counts = np.bincount(own)
    weights = (len(own) / (len(known) * counts) if balanced else np.ones(len(known)))[own]
    found: Array | None = None
    for strength in strengths:
        found = fit_regression(scaled, own, weights, strength=strength, start=found)
        fitted = found.astype(np.float64)
        weight = np.zeros((num_classes, features.shape[1]))
        bias = np.full(num_classes, _UNSEEN)
        weight[known] = fitted[:, :-1] * scale
        bias[known] = fitted[:, -1] - weight[known] @ location
        yield Linear(weight=weight.astype(np.float32), bias=bias.astype(np.float32))


def choose_strength(
    features: Array,
    labels: Array,
    num_classes: int,
    *,
    keys: Sequence[object],
    num_folds: int,
    balanced: bool,
    seed: int,
) -> HeadScore:
    """The strength with which folds of the training part are judged best, by their log loss.

    keys: images of one key lie in one fold. With fewer than two images of a class, or of a key,
    apart from each other nothing can be judged.
    """
    folds = deal(labels, keys, num_folds, seed)
    if len(set(folds.tolist())) < 2:
        return HeadScore(strength=USUAL)
    tried: dict[float, list[tuple[int, float, float]]] = {one: [] for one in STRENGTHS}
    for fold in np.unique(folds):
        held, kept = folds == fold, folds != fold
        if len(np.unique(labels[kept])) < 2:
            continue
        heads = _path(
            features[kept], labels[kept], num_classes, strengths=STRENGTHS, balanced=balanced
        )
        for strength, head in zip(STRENGTHS, heads, strict=True):
            logits = head.logits(features[held]).astype(np.float64)
            right = float((logits.argmax(axis=1) == labels[held]).mean())
            tried[strength].append((int(held.sum()), right, cross_entropy(logits, labels[held])))
    if len(tried[USUAL]) < 2:
        return HeadScore(strength=USUAL)
    return min((_score(*one) for one in tried.items()), key=lambda score: score.log_loss or 0.0)


def _score(strength: float, told: Sequence[tuple[int, float, float]]) -> HeadScore:
    """told: number, accuracy and log loss of each fold."""
    nums, accuracies, losses = zip(*told, strict=True)
    return HeadScore(
        strength=strength,
        nums=nums,
        accuracies=accuracies,
        log_loss=float(np.average(losses, weights=nums)),
    )


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
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -float(log_probs[np.arange(len(labels)), labels].mean())
