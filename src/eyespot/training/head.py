"""The head of a frozen backbone: a regression on its features, fitted in seconds.

N images, D features, K classes.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from eyespot.values import Array

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of scikit-learn: the larger, the less is held back
USUAL = 1e-2  # where there are too few images to choose by
_MOST_STEPS = 500
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
        return f"{self.mean:.4f} +- {self.sd:.4f} (mean and sd of {len(self.nums)} folds)"


def fit_linear(
    features: Array, labels: Array, num_classes: int, *, strength: float, balanced: bool
) -> Linear:
    """A multinomial logistic regression with an L2 penalty on features of deviation 1.

    features: (N, D), two classes or more among them. balanced: all classes count the same.
    """
    from sklearn.linear_model import LogisticRegression

    location = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    # A feature that hardly moves in a few images may move in others.
    scale = 1 / (deviation + 0.1 * deviation.mean() + 1e-9)
    scaled = ((features - location) * scale).astype(np.float32)
    fitted = LogisticRegression(
        C=strength, max_iter=_MOST_STEPS, class_weight="balanced" if balanced else None
    )
    with _unfinished_is_fine():
        fitted.fit(scaled, labels)
    coef, intercept = fitted.coef_.astype(np.float64), fitted.intercept_.astype(np.float64)
    if len(fitted.classes_) == 2:  # one score for both, which a softmax has from half of each
        coef, intercept = (
            np.concatenate([-coef, coef]) / 2,
            np.concatenate([-intercept, intercept]) / 2,
        )
    weight = np.zeros((num_classes, features.shape[1]))
    bias = np.full(num_classes, _UNSEEN)
    weight[fitted.classes_] = coef * scale
    bias[fitted.classes_] = intercept - (coef * scale) @ location
    return Linear(weight=weight.astype(np.float32), bias=bias.astype(np.float32))


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
    scores = [
        _judged(features, labels, num_classes, folds, strength=strength, balanced=balanced)
        for strength in STRENGTHS
    ]
    return min(
        (score for score in scores if score.log_loss is not None),
        key=lambda score: score.log_loss or 0.0,
        default=HeadScore(strength=USUAL),
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


def _judged(
    features: Array,
    labels: Array,
    num_classes: int,
    folds: Array,
    *,
    strength: float,
    balanced: bool,
) -> HeadScore:
    nums, accuracies, losses = [], [], []
    for fold in np.unique(folds):
        held, kept = folds == fold, folds != fold
        if len(np.unique(labels[kept])) < 2:
            continue
        head = fit_linear(
            features[kept], labels[kept], num_classes, strength=strength, balanced=balanced
        )
        logits = head.logits(features[held]).astype(np.float64)
        nums.append(int(held.sum()))
        accuracies.append(float((logits.argmax(axis=1) == labels[held]).mean()))
        losses.append(cross_entropy(logits, labels[held]))
    if len(nums) < 2:
        return HeadScore(strength=strength)
    return HeadScore(
        strength=strength,
        nums=tuple(nums),
        accuracies=tuple(accuracies),
        log_loss=float(np.average(losses, weights=nums)),
    )


def cross_entropy(logits: Array, labels: Array) -> float:
    """The mean over the images, in nats. logits: float64 (N, K)."""
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -float(log_probs[np.arange(len(labels)), labels].mean())


@contextlib.contextmanager
def _unfinished_is_fine() -> Iterator[None]:
    """A regression that has taken all of its steps is good enough, and no news to a user."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
