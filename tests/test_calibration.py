"""Temperatures: found again where they are known, and careful where little is known."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from eyespot.evaluation import wilson
from eyespot.evaluation.calibration import (
    calibration_error,
    fit_temperature,
    reliability,
    tempered,
)
from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions


def softmax(logits: Array) -> Array:
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: Array = exps / exps.sum(axis=1, keepdims=True)
    return probs


def predictions(logits: Array, labels: Array) -> Predictions:
    num, num_classes = logits.shape
    return Predictions(
        names=tuple(map(str, range(num))),
        classes=tuple(map(str, range(num_classes))),
        labels=labels.astype(np.int64),
        probs=softmax(logits).astype(np.float32),
    )


def simulated(temperature: float, *, num: int, num_classes: int, seed: int = 0) -> Predictions:
    """Labels drawn from the very probabilities, and logits as much too large as is said."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(num, num_classes)) * 2
    labels = (softmax(logits).cumsum(axis=1) < random.random((num, 1))).sum(axis=1)
    return predictions(logits * temperature, labels.clip(max=num_classes - 1))


def loss(given: Predictions, temperature: float) -> float:
    probs = tempered(given.probs, temperature).astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    return float(log_loss(given.labels, probs, labels=range(len(given.classes))))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0, 6.0])
@pytest.mark.parametrize("num_classes", [2, 10, 62])
def test_a_known_temperature_is_found_again(temperature: float, num_classes: int) -> None:
    given = simulated(temperature, num=5000, num_classes=num_classes)

    assert fit_temperature(given) == pytest.approx(temperature, rel=0.1)


def test_the_temperature_is_the_best_of_a_fine_grid() -> None:
    given = simulated(2.5, num=3000, num_classes=5)

    best = min(np.geomspace(0.05, 20, 300), key=lambda t: loss(given, t))

    assert fit_temperature(given) == pytest.approx(best, rel=0.02)


def test_no_image_changes_nothing() -> None:
    assert fit_temperature(predictions(np.empty((0, 3)), np.empty(0))) == 1.0


@pytest.mark.parametrize("num", [1, 2, 5, 20, 100])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_few_images_do_little_harm_on_fresh_images(num: int, temperature: float) -> None:
    fresh = simulated(temperature, num=2000, num_classes=4, seed=99)
    parts = [simulated(temperature, num=num, num_classes=4, seed=seed) for seed in range(20)]

    losses = np.array([loss(fresh, fit_temperature(part)) for part in parts])

    assert losses.mean() < loss(fresh, 1.0) + 0.06
    assert losses.max() < loss(fresh, 1.0) + 0.25


@pytest.mark.parametrize("right", [True, False])
def test_one_image_moves_the_temperature_less_than_threefold(right: bool) -> None:
    given = predictions(np.array([[4.0, 0.0, 0.0]]), np.array([0 if right else 1]))

    assert 1 / 3 < fit_temperature(given) < 3


@pytest.mark.parametrize("num", [100, 1000, 10_000])
def test_a_part_without_an_error_does_not_make_the_model_certain(num: int) -> None:
    given = predictions(np.tile([[4.0, 0.0, 0.0]], (num, 1)), np.zeros(num))

    doubts = 1 - tempered(given.probs, fit_temperature(given))[:, 0]

    assert doubts == pytest.approx(1 / (num + 2), rel=0.25)


def test_a_part_without_a_right_answer_ends_at_the_largest_temperature() -> None:
    given = predictions(np.tile([[9.0, 0.0]], (1000, 1)), np.ones(1000))

    assert fit_temperature(given) == pytest.approx(20, rel=1e-6)


def test_probabilities_of_exactly_zero_and_one_are_survived() -> None:
    given = predictions(np.array([[2000.0, 0.0], [0.0, 2000.0]] * 20), np.array([0, 0] * 20))

    temperature = fit_temperature(given)
    probs = tempered(given.probs, temperature)

    assert 1 < temperature <= 20
    assert np.isfinite(probs).all()
    assert probs.sum(axis=1) == pytest.approx(1)


def test_tempering_equals_dividing_the_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 6)) * 3
    probs = softmax(logits).astype(np.float32)

    assert tempered(probs, 1.7) == pytest.approx(softmax(logits / 1.7), abs=1e-6)
    assert tempered(probs, 1.0) == pytest.approx(probs, abs=1e-7)


def test_tempering_keeps_the_order_of_the_classes() -> None:
    probs = softmax(np.random.default_rng(1).normal(size=(50, 6)) * 3).astype(np.float32)

    for temperature in (0.05, 0.5, 20):
        assert (tempered(probs, temperature).argmax(axis=1) == probs.argmax(axis=1)).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_calibration_error_is_that_of_a_slow_loop_over_the_bins(temperature: float) -> None:
    given = simulated(temperature, num=700, num_classes=4)
    sure, right = given.probs.max(axis=1).astype(float), given.predicted == given.labels

    error, bins = 0.0, reliability(given)
    for place in range(15):
        inside = [(p, r) for p, r in zip(sure, right, strict=True) if place < 15 * p <= place + 1]
        assert bins[place].num == len(inside)
        if inside:
            confidence, accuracy = (float(np.mean(column)) for column in zip(*inside, strict=True))
            error += len(inside) / 700 * abs(accuracy - confidence)
            assert bins[place].confidence == pytest.approx(confidence)
            num_right = sum(bool(r) for _, r in inside)
            assert bins[place].accuracy == wilson(num_right, len(inside))
        else:
            assert bins[place].accuracy is None
            assert bins[place].confidence == pytest.approx((place + 0.5) / 15)

    assert calibration_error(given).value == pytest.approx(error, abs=1e-12)


def test_a_temperature_found_on_one_part_mends_the_calibration_of_another() -> None:
    part, fresh = (simulated(3.0, num=4000, num_classes=10, seed=seed) for seed in (0, 1))
    mended = replace(fresh, probs=tempered(fresh.probs, fit_temperature(part)))

    assert calibration_error(fresh).low > 0.1
    assert calibration_error(mended).high < 0.04


def test_few_images_do_not_prove_that_a_sure_model_is_right() -> None:
    few = calibration_error(predictions(np.tile([[99.0, 0.0]], (5, 1)), np.zeros(5)))
    many = calibration_error(predictions(np.tile([[99.0, 0.0]], (50_000, 1)), np.zeros(50_000)))

    assert (few.value, few.low) == (many.value, many.low) == (0.0, 0.0)
    assert few.high > 0.3 > 0.001 > many.high > 0
