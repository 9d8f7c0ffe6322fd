"""Metrics against scikit-learn, and intervals against what they promise."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from eyespot.errors import DataError
from eyespot.evaluation import confusion, examples, judge, mistakes, sample, wilson
from eyespot.evaluation.metrics import PROBABILITY_FLOOR
from eyespot.values import Array, Predictions


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
    assert [one.precision for one in score.per_class] == pytest.approx(precision, **close)
    assert [one.recall for one in score.per_class] == pytest.approx(recall, **close)
    assert [one.f1 for one in score.per_class] == pytest.approx(f1, **close)
    assert [one.support for one in score.per_class] == support.tolist()
    macro_f1 = reference.f1_score(labels, said, average="macro", zero_division=0)
    assert score.macro_f1 == pytest.approx(macro_f1, **close)
    log_loss = reference.log_loss(labels, given.probs, labels=every)
    assert score.log_loss == pytest.approx(log_loss, **close)


def test_a_probability_of_zero_costs_a_finite_loss() -> None:
    score = judge(predictions([0, 1], [[0.0, 1.0], [0.0, 1.0]]))

    assert score.log_loss == pytest.approx(-math.log(PROBABILITY_FLOOR) / 2)


def test_a_ratio_of_nothing_to_nothing_is_zero() -> None:
    score = judge(predictions([0, 0], [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = score.per_class[2]
    assert (empty.precision, empty.recall, empty.f1, empty.support) == (0.0, 0.0, 0.0, 0)
    assert score.macro_f1 == 1.0


def test_values_are_plain_python_numbers() -> None:
    score = judge(predictions([0, 1], [[0.9, 0.1], [0.2, 0.8]]))

    assert type(score.confusion[0][2]) is int
    assert type(score.per_class[0].f1) is float
    assert type(score.macro_f1) is float


def test_no_predictions_are_refused() -> None:
    with pytest.raises(DataError) as error:
        judge(predictions([], np.zeros((0, 3))))

    assert str(error.value) == (
        "there are no predictions to judge; give at least one labelled image"
    )


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="labels run from 0 to 2, but there are 2 classes"):
        judge(predictions([0, 2], [[0.5, 0.5], [0.5, 0.5]]))


@pytest.mark.parametrize(
    ("successes", "num", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_intervals(
    successes: int, num: int, low: float, high: float
) -> None:
    interval = wilson(successes, num)

    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert interval.value == successes / num


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_wilson_holds_the_share_and_stays_a_share(num: int, share: float) -> None:
    interval = wilson(round(share * num), num)

    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_wilson_covers_95_in_100_draws_on_average() -> None:
    random = np.random.default_rng(0)
    shares = random.uniform(0.02, 0.98, 20_000)
    intervals = [wilson(int(random.binomial(200, share)), 200) for share in shares]

    inside = [one.low <= share <= one.high for one, share in zip(intervals, shares, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(("successes", "num"), [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_what_is_no_share(successes: int, num: int) -> None:
    with pytest.raises(DataError, match=f"{successes} of {num} is no share"):
        wilson(successes, num)


def test_mistakes_come_worst_first() -> None:
    given = predictions([0, 0, 1, 0], [[0.4, 0.6], [0.9, 0.1], [0.7, 0.3], [0.01, 0.99]])

    assert mistakes(given).tolist() == [3, 2, 0]


def test_the_sample_is_blind_to_the_answers_and_always_the_same() -> None:
    one = predictions(np.zeros(500, dtype=int), np.tile([0.9, 0.1], (500, 1)))
    other = predictions(np.ones(500, dtype=int), np.tile([0.9, 0.1], (500, 1)))

    assert sample(one).tolist() == sample(other).tolist()
    assert len(set(sample(one).tolist())) == 24
    assert sample(predictions([0], [[1.0, 0.0]])).tolist() == [0]


def test_examples_name_each_image_once() -> None:
    given = predictions(np.ones(30, dtype=int), np.tile([0.9, 0.1], (30, 1)))
    chosen = examples(given)

    assert len(set(chosen)) == len(chosen) > 24
