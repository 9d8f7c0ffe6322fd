"""The regression finds the optimum that scikit-learn finds."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from eyespot.line.heading import tempered_losses
from eyespot.training.head import Head, fit_linear
from eyespot.training.headchoice import Labelled, choose_head, deal
from eyespot.training.headscore import HeadScore, surely_lower
from eyespot.training.regression import fit_regression
from eyespot.values.predictions import Predictions


def some(num: int, num_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of overlapping classes, the first as large as all others together."""
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random(num) < 0.5, 0, generator.integers(0, num_classes, num))
    centres = generator.normal(size=(num_classes, 20))
    return (centres[labels] + 2 * generator.normal(size=(num, 20))).astype(np.float32), labels


def nothing(num_features: int) -> Labelled:
    return Labelled(np.empty((0, num_features), np.float32), np.empty(0, np.int64))


def chosen(train: Labelled, valid: Labelled, kind: Any = "auto") -> tuple[Head, HeadScore]:
    return choose_head(
        train,
        valid,
        2,
        kind=kind,
        keys=range(len(train.labels)),
        num_folds=5,
        balanced=False,
        seed=0,
    )


def rings(num: int, seed: int) -> Labelled:
    """Two classes that no straight cut tells apart: one lies around the other."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, num)
    features = generator.normal(size=(num, 8)).astype(np.float32)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return Labelled(features / lengths * (1 + 2 * labels[:, None]).astype(np.float32), labels)


@pytest.mark.parametrize("num_classes", [2, 3, 7])
@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_it_finds_what_scikit_learn_finds(num_classes, strength, balanced):
    features, labels = some(400, num_classes)
    counts = np.bincount(labels)
    weights = (len(labels) / (num_classes * counts))[labels] if balanced else np.ones(400)
    reference = LogisticRegression(
        # Of two classes it has one vector of weights; half of it for each costs half the penalty.
        C=strength * (2 if num_classes == 2 else 1),
        max_iter=5000,
        tol=1e-8,
        class_weight="balanced" if balanced else None,
    ).fit(features, labels)

    found = fit_regression(features, labels, weights, strength=strength)

    logits = features @ found[:, :-1].T + found[:, -1]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probs, reference.predict_proba(features), atol=5e-3)


def test_where_features_lie_and_how_large_they_are_changes_nothing():
    features, labels = some(300, 3)

    head = fit_linear(features * 1e-3 + 0.01, labels, 3, strength=1e-2, balanced=False)

    plain = fit_linear(features, labels, 3, strength=1e-2, balanced=False)
    expected = plain.logits(features)
    np.testing.assert_allclose(head.logits(features * 1e-3 + 0.01), expected, atol=0.02)


def test_a_class_without_an_image_is_never_the_answer():
    features, labels = some(100, 2)

    head = fit_linear(features, labels * 3, 5, strength=1.0, balanced=False)

    assert set(head.logits(features).argmax(1)) == {0, 3}


def test_the_strength_is_chosen_by_folds():
    features, labels = some(400, 2)
    noise = np.random.default_rng(1).normal(size=(400, 300)).astype(np.float32)

    wide = Labelled(np.concatenate([features, noise], axis=1), labels)
    _, score = chosen(wide, nothing(320))

    assert score.strength <= 0.1  # much noise wants to be held back
    assert sum(score.nums) == 400 and len(score.nums) == 5 and 0.6 < score.mean < 1


def test_a_perceptron_is_taken_where_no_straight_cut_will_do():
    train, valid, test = (rings(num, seed) for seed, num in enumerate((600, 200, 200)))

    head, score = chosen(train, valid)

    assert score.kind == "mlp" and score.strength is None and score.mean > 0.9
    assert (head.logits(test.features).argmax(axis=1) == test.labels).mean() > 0.9


def test_the_regression_stays_where_a_perceptron_is_not_surely_better():
    features, labels = some(900, 2)
    train, valid = Labelled(features[:600], labels[:600]), Labelled(features[600:], labels[600:])

    head, score = chosen(train, valid)

    assert score.kind == "linear" and len(head.layers) == 1


@pytest.mark.parametrize(("kind", "num_layers"), [("linear", 1), ("mlp", 2)])
def test_who_names_a_head_gets_it(kind, num_layers):
    train = rings(200, 0)

    head, score = chosen(train, nothing(8), kind)

    assert score.kind == kind and len(head.layers) == num_layers and sum(score.nums) == 200


def test_equal_seeds_give_equal_perceptrons():
    train = rings(100, 0)

    first, second = (chosen(train, nothing(8), "mlp")[0] for _ in range(2))

    for one, other in zip(first.layers, second.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)


def test_twins_lie_in_one_fold_and_classes_in_all():
    labels = np.repeat([0, 1, 2], 20)
    keys = np.arange(60) // 2

    folds = deal(labels, keys, 5, seed=3)

    assert all(folds[place] == folds[place + 1] for place in range(0, 60, 2))
    assert all(set(folds[labels == k]) == {0, 1, 2, 3, 4} for k in range(3))


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 1]])
def test_too_few_images_are_not_judged(labels):
    features = np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32)

    _, score = chosen(Labelled(features, np.array(labels)), nothing(4))

    assert score.nums == () and score.strength == 0.01


def test_who_is_less_sure_alone_is_not_worse():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 300)
    right = np.where(random.random(300) < 0.9, 0.99, 0.3)
    probs = np.where(np.arange(2) == labels[:, None], right[:, None], 1 - right[:, None])
    unsure = probs**0.4 / (probs**0.4).sum(axis=1, keepdims=True)

    losses, others = (
        tempered_losses(
            Predictions(
                names=tuple(map(str, range(300))),
                classes=("a", "b"),
                labels=labels,
                probs=one.astype(np.float32),
            )
        )
        for one in (probs, unsure)
    )

    np.testing.assert_allclose(losses, others, atol=1e-2)


@pytest.mark.parametrize(
    ("gains", "surely"), [([], False), ([1.0], False), ([1.0, 1.1], True), ([3.0, -2.0], False)]
)
def test_lower_by_more_than_chance(gains, surely):
    assert surely_lower(np.zeros(len(gains)), np.array(gains)) == surely
