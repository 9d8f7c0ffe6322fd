"""Sets of classes hold the truth as often as they promise, and as the theory says."""

import numpy as np
import pytest
from scipy import stats

from eyespot.errors import DataError, UsageError
from eyespot.evaluation.conformal import calibration_scores, judge_sets
from eyespot.models.conformal import least_scores, prediction_sets, threshold
from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions


def predictions(num: int, seed: int, *, num_classes: int = 10, skill: float = 1.5) -> Predictions:
    """Of a model that is often wrong, and wrong about how sure to be."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, num_classes, num)
    logits = random.normal(size=(num, num_classes))
    logits[np.arange(num), labels] += skill
    exps = np.exp(1.7 * logits)
    return Predictions(
        names=("",) * num,
        classes=tuple(map(str, range(num_classes))),
        labels=labels,
        probs=(exps / exps.sum(axis=1, keepdims=True)).astype(np.float32),
    )


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_the_coverage_holds_over_200_draws_and_is_distributed_as_theory_says(
    coverage: float,
) -> None:
    num, fresh = 153, predictions(400_000, 999)
    own: Array = fresh.probs[np.arange(len(fresh)), fresh.labels]
    top = fresh.predicted == fresh.labels
    drawn = [calibration_scores(predictions(num, seed)) for seed in range(200)]

    found = [float(((own >= threshold(scores, coverage)) | top).mean()) for scores in drawn]

    missed = int((1 - coverage) * (num + 1))
    theory = stats.beta(num + 1 - missed, missed)
    assert coverage <= theory.mean()
    assert coverage <= np.mean(found) <= theory.mean() + 0.005
    assert stats.kstest(found, theory.cdf).pvalue > 0.01
    score = judge_sets(fresh, drawn[0], coverage)
    assert score.observed.value == found[0]


def test_a_calibrated_model_that_is_unsure_gives_more_than_one_class() -> None:
    score = judge_sets(predictions(2000, 1), calibration_scores(predictions(2000, 0)), 0.95)

    assert 2 < score.size.value < 9
    assert score.single.value < 0.5
    assert score.observed.low < 0.95 < score.observed.high
    assert score.enough


def test_sets_grow_with_the_coverage_and_are_never_empty() -> None:
    scores, probs_NK = calibration_scores(predictions(500, 0)), predictions(300, 1).probs
    before = np.zeros(probs_NK.shape, dtype=bool)
    for coverage in (0.01, 0.3, 0.7, 0.9, 0.99, 0.9999):
        sets_NK = prediction_sets(probs_NK, scores, coverage)
        assert sets_NK[np.arange(300), probs_NK.argmax(axis=1)].all()
        assert (sets_NK >= before).all()
        before = sets_NK
    assert before.all()


@pytest.mark.parametrize(
    ("num", "coverage", "missed"),
    [(9, 0.9, 1), (8, 0.9, 0), (99, 0.95, 5), (98, 0.95, 4), (0, 0.5, 0)],
)
def test_the_threshold_is_the_score_that_the_finite_sample_allows(
    num: int, coverage: float, missed: int
) -> None:
    scores = np.random.default_rng(0).random(num)

    assert threshold(scores, coverage) == (np.sort(scores)[missed - 1] if missed else 0.0)


def test_too_few_scores_leave_no_class_out_and_are_told() -> None:
    for coverage in (0.5, 0.9, 0.95, 0.99, 0.999):
        least = least_scores(coverage)
        assert threshold(np.ones(least), coverage) == 1.0
        assert threshold(np.ones(least - 1), coverage) == 0.0
    assert (least_scores(0.95), least_scores(0.99)) == (19, 99)
    score = judge_sets(predictions(50, 1), calibration_scores(predictions(18, 0)), 0.95)
    assert not score.enough
    assert (score.observed.value, score.size.value) == (1.0, 10.0)


def test_of_many_images_4096_scores_are_kept_always_the_same() -> None:
    said = predictions(10_000, 0)

    scores = calibration_scores(said)

    assert (scores.dtype, scores.shape) == (np.float32, (4096,))
    assert (np.diff(scores) >= 0).all()
    assert np.array_equal(scores, calibration_scores(said))
    own: Array = said.probs[np.arange(10_000), said.labels]
    assert abs(np.median(scores) - np.median(own)) < 0.03
    assert np.isin(scores, own).all()


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, 95.0, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(coverage: float) -> None:
    with pytest.raises(UsageError, match="is no share between 0 and 1; try 0.95"):
        prediction_sets(np.eye(2), np.ones(50), coverage)


def test_no_predictions_are_refused() -> None:
    with pytest.raises(DataError, match="there are no predictions to judge"):
        judge_sets(predictions(0, 0), np.ones(50), 0.9)
