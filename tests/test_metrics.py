"""Metrics against scikit-learn, and examples."""

import json
import math
import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from eyespot.errors import DataError
from eyespot.evaluation import confusion, judge, mistakes, normalised, sample, wilson
from eyespot.evaluation.metrics import PROBABILITY_FLOOR
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Interval, RefusalScore
from eyespot.values.predictions import Predictions


def predictions(labels: list[int] | Array, probs: list[list[float]] | Array) -> Predictions:
    probs = np.array(probs)
    return Predictions(
        names=tuple(f"{index}.png" for index in range(len(labels))),
        classes=tuple(f"class {k}" for k in range(probs.shape[1])),
        labels=np.array(labels, dtype=np.int64),
        probs=probs,
    )


@st.composite
def random_predictions(draw: st.DrawFn) -> Predictions:
    """Any number of images and classes; some classes have no image, some are never said."""
    num, classes = draw(st.integers(1, 60)), draw(st.integers(2, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = random.integers(0, draw(st.integers(1, classes)), num)
    logits = random.normal(size=(num, classes)) * draw(st.sampled_from([0.0, 0.5, 3.0]))
    logits[np.arange(num), labels] += draw(st.sampled_from([0.0, 1.0, 5.0]))
    probs = np.exp(logits.clip(-6, 6))
    return predictions(labels, probs / probs.sum(axis=1, keepdims=True))


@given(random_predictions())
@settings(deadline=None, max_examples=150)
def test_every_number_equals_scikit_learn(given: Predictions) -> None:
    score = judge(given)

    labels, said, every = given.labels, given.predicted, range(len(given.classes))
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        labels, said, labels=every, zero_division=0
    )
    close = {"rel": 0, "abs": 1e-12}
    assert score.accuracy.value == pytest.approx(reference.accuracy_score(labels, said), **close)
    assert np.array_equal(confusion(given), reference.confusion_matrix(labels, said, labels=every))
    assert [one.precision.value for one in score.per_class] == pytest.approx(precision, **close)
    assert [one.recall.value for one in score.per_class] == pytest.approx(recall, **close)
    assert [one.f1.value for one in score.per_class] == pytest.approx(f1, **close)
    assert [one.support for one in score.per_class] == support.tolist()
    for average, found in (("macro", score.macro), ("weighted", score.weighted)):
        *expected, _ = reference.precision_recall_fscore_support(
            labels, said, average=average, zero_division=0
        )
        assert [found.precision, found.recall, found.f1] == pytest.approx(expected, **close)
    assert score.macro_f1.value == pytest.approx(score.macro.f1, **close)
    with warnings.catch_warnings(action="ignore"):  # of answers that are no image's label
        balanced = reference.balanced_accuracy_score(labels, said)
    assert score.balanced_accuracy.value == pytest.approx(balanced, **close)
    assert [k for k, _ in score.top_k] == [k for k in (2, 3, 5) if k < len(given.classes)]
    for k, found in score.top_k:
        expected = reference.top_k_accuracy_score(labels, given.probs, k=k, labels=every)
        assert found.value == pytest.approx(expected, **close)
    log_loss = reference.log_loss(labels, given.probs, labels=every)
    assert score.log_loss.value == pytest.approx(log_loss, **close)


def test_a_probability_of_zero_costs_a_finite_loss() -> None:
    score = judge(predictions([0, 1], [[0.0, 1.0], [0.0, 1.0]]))

    assert score.log_loss.value == pytest.approx(-math.log(PROBABILITY_FLOOR) / 2)


def test_a_ratio_of_nothing_to_nothing_is_zero() -> None:
    score = judge(predictions([0, 0], [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = score.per_class[2]
    nothing = Interval(value=0, low=0, high=1)
    assert (empty.precision, empty.recall, empty.f1, empty.support) == (*[nothing] * 3, 0)
    assert score.macro_f1.value == 1.0


def test_values_are_plain_python_numbers() -> None:
    score = judge(predictions([0, 1], [[0.9, 0.1], [0.2, 0.8]]))

    assert type(score.confusion[0][2]) is int
    assert type(score.per_class[0].f1.low) is float
    assert type(score.macro_f1.value) is float


def test_no_predictions_are_refused() -> None:
    with pytest.raises(DataError) as error:
        judge(predictions([], np.zeros((0, 3))))

    assert str(error.value) == (
        "there are no predictions to judge; give at least one labelled image"
    )


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="labels run from 0 to 2, but there are 2 classes"):
        judge(predictions([0, 2], [[0.5, 0.5], [0.5, 0.5]]))


def test_shares_of_each_row_are_normalised_and_an_empty_row_is_zero() -> None:
    given = predictions([0, 0, 2], [[0.9, 0.1, 0], [0.2, 0.8, 0], [0, 0, 1]])

    assert normalised(confusion(given)).tolist() == [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 1]]


def test_what_is_refused_is_counted_and_the_rest_judged_alone() -> None:
    given = predictions([0, 0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    assert judge(given).refusal is None

    some = judge(replace(given, refusal=np.array([0.5, 1.5, 1.0, 1.1], np.float32))).refusal
    every = judge(replace(given, refusal=np.full(4, 2, np.float32))).refusal

    assert some == RefusalScore(num=4, share=wilson(2, 4), accuracy_of_accepted=wilson(2, 2))
    assert every == RefusalScore(num=4, share=wilson(4, 4), accuracy_of_accepted=None)


@given(random_predictions())
@settings(deadline=None, max_examples=50)
def test_every_value_lies_within_its_interval_and_in_json(given: Predictions) -> None:
    score = judge(given)

    def check(value: object) -> None:
        if isinstance(value, dict):
            if set(value) == {"value", "low", "high"}:
                assert value["low"] <= value["value"] <= value["high"]
                assert 0 <= value["low"]
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)

    check(json.loads(json.dumps(asdict(score), allow_nan=False)))


def test_mistakes_come_worst_first() -> None:
    given = predictions([0, 0, 1, 0], [[0.4, 0.6], [0.9, 0.1], [0.7, 0.3], [0.01, 0.99]])

    assert mistakes(given).tolist() == [3, 2, 0]


def test_the_sample_is_blind_to_the_answers_and_always_the_same() -> None:
    one = predictions(np.zeros(500, dtype=int), np.tile([0.9, 0.1], (500, 1)))
    other = predictions(np.ones(500, dtype=int), np.tile([0.9, 0.1], (500, 1)))

    assert sample(one).tolist() == sample(other).tolist()
    assert len(set(sample(one).tolist())) == 24
    assert sample(predictions([0], [[1.0, 0.0]])).tolist() == [0]
