"""Intervals against what they promise: to hold the truth in 95 of 100 draws."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from eyespot.errors import DataError
from eyespot.evaluation.calibration import calibration_error
from eyespot.evaluation.intervals import equivalent_num, mean, overlaps, share, student, wilson
from eyespot.evaluation.metrics import Cells, balanced_accuracy, macro_f1
from eyespot.evaluation.ranking import average_precision, roc_auc
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Interval
from eyespot.values.predictions import Predictions

NORMAL = stats.norm()


def holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


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
def test_wilson_holds_the_share_and_stays_a_share(num: int, part: float) -> None:
    interval = wilson(round(part * num), num)

    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@pytest.mark.parametrize(("successes", "num"), [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_what_is_no_share(successes: int, num: int) -> None:
    with pytest.raises(DataError, match=f"{successes} of {num} is no share"):
        wilson(successes, num)


@pytest.mark.parametrize("num", [8, 20, 50, 200, 1000])
def test_wilson_holds_the_truth_in_95_of_100_draws(num: int) -> None:
    """Exactly, over the binomial distribution, on average over all shares."""
    truths = (np.arange(2000) + 0.5) / 2000
    intervals = [wilson(successes, num) for successes in range(num + 1)]
    chances = stats.binom.pmf(np.arange(num + 1)[:, None], num, truths)

    inside = [(one.low <= truths) & (truths <= one.high) for one in intervals]
    assert (chances * inside).sum(axis=0).mean() == pytest.approx(0.95, abs=0.01)


def test_f1_holds_the_truth_in_95_of_100_draws() -> None:
    random = np.random.default_rng(0)
    inside = []
    for _ in range(4000):
        right, missed, false = random.dirichlet([4, 1, 1]) * random.uniform(0.05, 0.6)
        rest = 1 - right - missed - false
        both, lost, wrong, _ = random.multinomial(300, [right, missed, false, rest])
        (interval,) = overlaps(np.array([both]), np.array([2 * both + lost + wrong]))
        inside.append(holds(interval, 2 * right / (2 * right + missed + false)))

    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("num", [1, 40, 5000])
def test_balanced_accuracy_and_macro_f1_of_no_error_are_as_sure_as_a_share(num: int) -> None:
    """Five classes with as many images each: what they lose at most is that of 5 num images."""
    counts = np.full(5, num)
    cells = Cells(np.arange(5), np.arange(5), counts)
    lost = 1 - share(1.0, 5 * num).low

    for interval in (balanced_accuracy(counts, counts), macro_f1(cells, 5)):
        assert interval.high == 1.0
        assert 1 - interval.low == pytest.approx(lost, rel=0.1)


def worlds() -> Iterator[tuple[Array, int]]:
    """Chances of each truth (row) and answer, and a number of images: the kinds that people have.

    Ten classes, few images; many classes; imbalanced, the rare ones worse; rare ones as good;
    nearly perfect; three classes, hard; two classes.
    """
    random = np.random.default_rng(1)

    def chances(recalls: Array, priors: list[float]) -> Array:
        num = len(recalls)
        rows = np.array(
            [np.insert(random.dirichlet(np.full(num - 1, 0.5)), k, 0) for k in range(num)]
        )
        rows = rows * (1 - recalls)[:, None] + np.diag(recalls)
        return rows * np.array(priors)[:, None]

    while True:
        yield chances(random.beta(9, 1, 10), [0.1] * 10), 300
        yield chances(random.beta(9, 1, 30), [1 / 30] * 30), 600
        yield chances(np.array([0.98, 0.9, 0.8, 0.6]), [0.87, 0.07, 0.03, 0.03]), 400
        yield chances(np.array([0.95] * 4), [0.85, 0.07, 0.04, 0.04]), 400
        yield chances(random.normal(0.98, 0.01, 10).clip(0.9, 1), [0.1] * 10), 1000
        yield chances(random.uniform(0.4, 0.8, 3), [1 / 3] * 3), 60
        yield chances(random.beta(6, 1, 2), [0.5, 0.5]), 50


def test_balanced_accuracy_and_macro_f1_hold_the_truth_in_95_of_100_draws() -> None:
    random = np.random.default_rng(0)
    balanced: list[list[bool]] = [[] for _ in range(7)]
    macro: list[list[bool]] = [[] for _ in range(7)]
    for place, (chances_KK, num) in zip(range(7 * 1500), worlds(), strict=False):
        counts_KK = random.multinomial(num, chances_KK.ravel()).reshape(chances_KK.shape)
        support_K, right_K = chances_KK.sum(axis=1), np.diag(chances_KK)
        truth = (right_K / support_K).mean()
        interval = balanced_accuracy(np.diag(counts_KK), counts_KK.sum(axis=1))
        balanced[place % 7].append(holds(interval, truth))
        rows, columns = counts_KK.nonzero()
        truth = (2 * right_K / (support_K + chances_KK.sum(axis=0))).mean()
        interval = macro_f1(Cells(rows, columns, counts_KK[rows, columns]), len(chances_KK))
        macro[place % 7].append(holds(interval, truth))

    for inside in (balanced, macro):
        assert np.mean(inside) == pytest.approx(0.95, abs=0.01)
        assert np.mean(inside, axis=1).min() > 0.93


@pytest.mark.parametrize("drawn", [True, False])
def test_macro_f1_of_few_images_a_class_holds_the_truth_however_they_were_chosen(
    drawn: bool,
) -> None:
    """Blindly, so that the size of a class is chance, or as many of each, as in a split."""
    random = np.random.default_rng(0)
    for num_classes, size, recall in ((100, 4, 0.7), (300, 3, 0.9), (62, 11, 0.7)):
        rows = [random.dirichlet(np.full(num_classes - 1, 0.05)) for _ in range(num_classes)]
        recalls = random.beta(10 * recall, 10 * (1 - recall), num_classes)
        chances_KK = np.array([np.insert(row, k, 0) for k, row in enumerate(rows)])
        chances_KK = chances_KK * (1 - recalls)[:, None] + np.diag(recalls)
        truth = (2 * recalls / (1 + chances_KK.sum(axis=0))).mean()
        inside = []
        for _ in range(150):
            sizes = np.full(num_classes, size)
            if drawn:
                labels = random.integers(num_classes, size=size * num_classes)
                sizes = np.bincount(labels, minlength=num_classes)
            counts_KK = random.multinomial(sizes, chances_KK)
            places = counts_KK.nonzero()
            found = macro_f1(Cells(*places, counts_KK[places]), num_classes)
            inside.append(holds(found, truth))
        assert np.mean(inside) >= 0.93


def test_a_mean_holds_the_truth_in_95_of_100_draws_however_skewed() -> None:
    """The log losses of calibrated nets of two classes, from poor to nearly perfect."""
    random = np.random.default_rng(0)

    def losses(middle: float, spread: float, num: int) -> Array:
        chance = 1 / (1 + np.exp(-random.normal(middle, spread, num)))
        return -np.log(np.where(random.random(num) < chance, chance, 1 - chance).clip(1e-7))

    shares, of_student = [], []
    for middle, spread, num in ((3, 2, 300), (3, 2, 40), (6, 3, 1000), (8, 3, 5000)):
        truth = float(np.mean([losses(middle, spread, 10**6).mean() for _ in range(5)]))
        inside, naive = [], []
        for _ in range(1000):
            drawn = losses(middle, spread, num)
            inside.append(holds(mean(drawn, least=0, most=17), truth))
            half = student(num - 1) * drawn.std(ddof=1) / math.sqrt(num)
            naive.append(abs(drawn.mean() - truth) <= half)
        shares.append(np.mean(inside))
        of_student.append(np.mean(naive))

    assert np.mean(shares) == pytest.approx(0.95, abs=0.01)
    assert min(shares) > 0.93
    assert np.mean(of_student) < 0.93


def test_a_mean_of_one_value_says_nothing_and_of_equal_ones_all() -> None:
    assert mean(np.array([0.5]), least=0, most=16) == Interval(value=0.5, low=0, high=16)
    equal = mean(np.full(9, 0.25), least=0, most=16)
    assert equal == Interval(value=0.25, low=0.25, high=0.25)


def test_the_quantile_of_students_t_is_scipys() -> None:
    for freedom in (1, 2, 3, 4, 5, 10, 30, 1000, 10**6):
        assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-3)


@pytest.mark.parametrize("score", [roc_auc, average_precision])
def test_a_ranking_holds_the_truth_in_95_of_100_draws(
    score: Callable[[Array, Array], Interval],
) -> None:
    random = np.random.default_rng(0)
    shares = []
    for distance, spread, part, num in (
        (1.0, 1.0, 0.5, 60),
        (2.0, 1.0, 0.5, 100),
        (2.0, 1.0, 0.5, 400),
        (0.3, 1.0, 0.3, 300),
        (2.0, 2.0, 0.3, 200),
        (3.0, 1.5, 0.5, 1000),
    ):
        truth = {roc_auc: area, average_precision: precision}[score](distance, spread, part)
        inside = []
        for _ in range(2000):
            positive = random.random(num) < part
            scores = np.where(
                positive, random.normal(distance, spread, num), random.normal(size=num)
            )
            inside.append(holds(score(positive, scores), truth))
        shares.append(np.mean(inside))

    assert np.mean(shares) == pytest.approx(0.95, abs=0.01)
    assert min(shares) > 0.93


def area(distance: float, spread: float, part: float) -> float:
    return float(NORMAL.cdf(distance / math.hypot(1, spread)))


def precision(distance: float, spread: float, part: float) -> float:
    """The mean precision over the positive images' scores, by integration."""
    at = np.linspace(-8, distance + 8 * spread, 100_001)
    found = part * NORMAL.sf((at - distance) / spread)
    called = found + (1 - part) * NORMAL.sf(at)
    density = NORMAL.pdf((at - distance) / spread) / spread
    return float(np.trapezoid(density * found / called.clip(1e-300), at))


def answers(middle: float, spread: float, slope: float, num: int, seed: int) -> Predictions:
    """Of two classes; the truth's log odds are `slope` times what the model states."""
    random = np.random.default_rng(seed)
    odds = random.normal(middle, spread, num)
    stated, true = 1 / (1 + np.exp(-np.abs(odds))), 1 / (1 + np.exp(-slope * np.abs(odds)))
    return Predictions(
        names=("",) * num,
        classes=("no", "yes"),
        labels=(random.random(num) < true).astype(np.int64),
        probs=np.stack([1 - stated, stated], axis=1),
    )


def test_the_calibration_error_holds_the_truth_in_95_of_100_draws() -> None:
    """Of models that are much too sure, a little, and not sure enough."""
    shares = []
    for slope, middle, spread, num in (
        (0.6, 2.5, 1.5, 300),
        (0.6, 2.5, 1.5, 3000),
        (0.9, 2.5, 1.5, 3000),
        (0.8, 6.0, 3.0, 3000),
        (1.8, 1.5, 1.0, 1000),
        (0.9, 2.5, 1.5, 10_000),
    ):
        truth = calibration_error(answers(middle, spread, slope, 10**6, 99)).value
        drawn = [answers(middle, spread, slope, num, seed) for seed in range(1000, 1250)]
        shares.append(np.mean([holds(calibration_error(one), truth) for one in drawn]))

    assert np.mean(shares) == pytest.approx(0.95, abs=0.01)
    assert min(shares) > 0.91


def test_of_a_model_that_knows_how_sure_to_be_the_calibration_error_may_be_zero() -> None:
    """Though chance alone makes the value itself larger than that, always."""
    found = [calibration_error(answers(2.5, 1.5, 1, 1000, seed)) for seed in range(300)]

    assert min(one.value for one in found) > 0.005
    assert 0.94 <= np.mean([one.low == 0 for one in found]) <= 0.995


def test_an_equivalent_number_is_the_number_where_the_value_is_a_share() -> None:
    """But for the error that is added, which matters less and less."""
    for num in (100, 10_000):
        found = equivalent_num(0.9, 0.9 * 0.1 / num, error=1 / num, square=1 / num**2)
        assert found == pytest.approx(num, rel=3 / num)
