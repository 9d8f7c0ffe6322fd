"""The regression finds the optimum that scikit-learn finds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from eyespot.training.head import choose_strength, deal, fit_linear
from eyespot.training.regression import fit_regression


def some(num: int, num_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of overlapping classes, the first as large as all others together."""
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random(num) < 0.5, 0, generator.integers(0, num_classes, num))
    centres = generator.normal(size=(num_classes, 20))
    return (centres[labels] + 2 * generator.normal(size=(num, 20))).astype(np.float32), labels


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

    score = choose_strength(
        np.concatenate([features, noise], axis=1),
        labels,
        2,
        keys=range(400),
        num_folds=5,
        balanced=False,
        seed=0,
    )

    assert score.strength <= 0.1  # much noise wants to be held back
    assert sum(score.nums) == 400 and len(score.nums) == 5 and 0.6 < score.mean < 1


def test_twins_lie_in_one_fold_and_classes_in_all():
    labels = np.repeat([0, 1, 2], 20)
    keys = np.arange(60) // 2

    folds = deal(labels, keys, 5, seed=3)

    assert all(folds[place] == folds[place + 1] for place in range(0, 60, 2))
    assert all(set(folds[labels == k]) == {0, 1, 2, 3, 4} for k in range(3))


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 1]])
def test_too_few_images_are_not_judged(labels):
    features = np.random.default_rng(0).normal(size=(len(labels), 4)).astype(np.float32)

    score = choose_strength(
        features,
        np.array(labels),
        2,
        keys=range(len(labels)),
        num_folds=5,
        balanced=False,
        seed=0,
    )

    assert score.nums == () and score.strength == 0.01
