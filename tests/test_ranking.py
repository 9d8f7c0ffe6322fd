"""ROC and precision-recall against scikit-learn, and what has neither."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from eyespot.evaluation import judge
from eyespot.evaluation.ranking import precision_recall_curve, ranked, roc_curve
from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions


def answers(positive: Array, scores: Array) -> Predictions:
    return Predictions(
        names=tuple(map(str, range(len(positive)))),
        classes=("no", "yes"),
        labels=positive.astype(np.int64),
        probs=np.stack([1 - scores, scores], axis=1),
    )


@st.composite
def random_answers(draw: st.DrawFn) -> Predictions:
    """Both classes have images; scores are all equal, often equal or never."""
    num = draw(st.integers(2, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    positive = random.random(num) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    positive[:2] = [True, False]
    steps = draw(st.sampled_from([1, 4, 10**9]))
    scores = np.floor((0.5 * random.random(num) + 0.4 * positive) * steps) / steps
    return answers(positive, scores)


@given(random_answers())
@settings(deadline=None, max_examples=150)
def test_areas_and_curves_equal_scikit_learn(said: Predictions) -> None:
    labels, scores, score = said.labels, said.probs[:, 1], judge(said).binary
    roc, precision_recall = roc_curve(said), precision_recall_curve(said)
    assert score is not None and roc is not None and precision_recall is not None

    close = {"rel": 0, "abs": 1e-12}
    assert score.positive == "yes"
    assert score.roc_auc.value == pytest.approx(reference.roc_auc_score(labels, scores), **close)
    average = reference.average_precision_score(labels, scores)
    assert score.average_precision.value == pytest.approx(average, **close)
    x, y, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    assert (roc.x, roc.y) == (pytest.approx(x, **close), pytest.approx(y, **close))
    y, x, _ = reference.precision_recall_curve(labels, scores)
    assert precision_recall.x == pytest.approx(x[::-1], **close)
    assert precision_recall.y == pytest.approx(y[::-1], **close)


def test_a_class_without_images_has_no_ranking() -> None:
    said = answers(np.array([True, True]), np.array([0.5, 0.6]))

    assert ranked(said) is None
    assert roc_curve(said) is None
    assert precision_recall_curve(said) is None


def test_three_classes_have_no_ranking() -> None:
    said = Predictions(
        names=("a", "b"), classes=("x", "y", "z"), labels=np.array([0, 1]), probs=np.eye(3)[:2]
    )

    assert judge(said).binary is None


def test_a_perfect_order_is_not_taken_for_proof() -> None:
    few = ranked(answers(np.arange(6) > 2, np.linspace(0, 1, 6)))
    many = ranked(answers(np.arange(600) > 299, np.linspace(0, 1, 600)))
    assert few is not None and many is not None

    assert few.roc_auc.value == few.average_precision.value == 1.0
    assert few.roc_auc.low < 0.5 < 0.98 < many.roc_auc.low
    assert few.average_precision.low < 0.5 < 0.98 < many.average_precision.low


def test_one_positive_image_makes_no_sure_average() -> None:
    score = ranked(answers(np.arange(50) == 40, np.linspace(0, 1, 50)))
    assert score is not None

    assert score.roc_auc.high - score.roc_auc.low > 0.5
