"""Whether one model is better than another: against scipy, a published table and simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from eyespot.errors import DataError
from eyespot.evaluation import compare, judge
from eyespot.evaluation.comparison import holm, mcnemar, paired_difference
from eyespot.files.run import Run, write_predictions
from eyespot.values.predictions import Predictions

COUNTS = st.integers(0, 300)


def said(right, *, names=None, labels=None, classes=("cat", "dog")):
    """Predictions of which these are right."""
    right = np.asarray(right, dtype=bool)
    labels = np.zeros(len(right), np.int64) if labels is None else np.asarray(labels)
    answers = np.where(right, labels, 1 - labels)
    probs = np.full((len(right), 2), 0.2, np.float32)
    probs[np.arange(len(right)), answers] = 0.8
    names = tuple(names or (f"{index}.png" for index in range(len(right))))
    return Predictions(names=names, classes=classes, labels=labels, probs=probs)


def counted(*, both=0, gained=0, lost=0, neither=0):
    """Two models' predictions with these counts."""
    first = [1] * both + [0] * gained + [1] * lost + [0] * neither
    second = [1] * both + [1] * gained + [0] * lost + [0] * neither
    return said(first), said(second)


# McNemar's test


@given(COUNTS, COUNTS)
def test_the_test_is_the_exact_binomial_one(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0

    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9)


def test_the_test_of_many_images_is_exact_and_of_hopeless_ones_tiny():
    assert mcnemar(20_000, 20_400) == pytest.approx(binomtest(20_000, 40_400).pvalue, rel=1e-9)
    assert mcnemar(0, 3000) == 0.0
    assert mcnemar(1, 7) == pytest.approx(18 / 256)


# The interval


def slow_interval(both, gained, lost, neither):
    """Newcombe's method 10 with the bounds found by search, and its formula as printed."""
    num = both + gained + lost + neither

    def bounds(share):
        """Where the score test of a proportion gives up, by bisection."""

        def rejected(p):
            return abs(share - p) > 1.959963984540054 * math.sqrt(p * (1 - p) / num)

        ends = []
        for end in (0.0, 1.0):
            inner, outer = share, end
            for _ in range(80):
                middle = (inner + outer) / 2
                inner, outer = (inner, middle) if rejected(middle) else (middle, outer)
            ends.append(inner)
        return ends

    one, two = (both + gained) / num, (both + lost) / num
    (low_1, high_1), (low_2, high_2) = bounds(one), bounds(two)
    product = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    cross = both * neither - gained * lost
    if cross > 0:
        cross = max(cross - num / 2, 0)
    phi = cross / math.sqrt(product) if product else 0.0
    a, b, c, d = one - low_1, high_2 - two, high_1 - one, two - low_2
    return (
        one - two - math.sqrt(a**2 - 2 * phi * a * b + b**2),
        one - two + math.sqrt(c**2 - 2 * phi * c * d + d**2),
    )


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_interval_is_that_of_its_source(both, gained, lost, neither):
    num = both + gained + lost + neither
    if num:
        found = paired_difference(both, gained, lost, num)

        # At the ends the score test gives up at the share itself, where bisection is coarse.
        low, high = slow_interval(both, gained, lost, neither)
        assert found.value == pytest.approx((gained - lost) / num)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_the_interval_of_a_published_table():
    """Airway hyper-responsiveness before and after a transplantation; Fagerland et al. 2014."""
    found = paired_difference(1, 1, 7, 21)

    assert (round(found.low, 3), round(found.high, 3)) == (-0.507, -0.026)


@pytest.mark.parametrize("shares", [(0.9, 0.04, 0.04, 0.02), (0.9, 0.06, 0.02, 0.02)])
def test_the_interval_holds_the_truth_19_times_of_20(shares):
    draws = np.random.default_rng(0).multinomial(400, shares, size=4000).tolist()
    truth = shares[1] - shares[2]
    held = 0
    for both, gained, lost, _ in draws:
        found = paired_difference(both, gained, lost, 400)
        held += found.low <= truth <= found.high

    assert 0.94 <= held / len(draws) <= 0.98


def test_of_two_equal_models_one_is_called_better_once_in_twenty_at_most():
    draws = np.random.default_rng(1).binomial(60, 0.5, size=4000).tolist()

    assert np.mean([mcnemar(gained, 60 - gained) < 0.05 for gained in draws]) <= 0.05


# Two runs


def test_only_what_one_of_them_got_right_counts():
    found = compare(*counted(both=80, gained=12, lost=3, neither=5))

    assert (found.num, found.gained, found.lost) == (100, 12, 3)
    assert found.first.value == 0.83
    assert found.second.value == 0.92
    assert found.difference.value == pytest.approx(0.09)
    assert found.p == pytest.approx(binomtest(3, 15).pvalue)
    assert found.significant


def test_the_accuracies_are_those_of_the_evaluations():
    first, second = counted(both=70, gained=10, lost=12, neither=8)

    found = compare(first, second)

    assert (found.first, found.second) == (judge(first).accuracy, judge(second).accuracy)


def test_the_other_way_round_all_is_mirrored():
    first, second = counted(both=80, gained=12, lost=3, neither=5)

    one, other = compare(first, second), compare(second, first)

    assert (one.gained, one.lost, one.p) == (other.lost, other.gained, other.p)
    assert one.difference.low == pytest.approx(-other.difference.high)


def test_images_are_matched_by_name_and_classes_by_theirs():
    first = said([1, 1, 0, 1], labels=[0, 1, 0, 1])
    order = [2, 0, 3, 1]
    second = said(
        [0, 1, 1, 1],
        names=[first.names[place] for place in order],
        labels=[1 - first.labels[place] for place in order],
        classes=("dog", "cat"),
    )

    found = compare(first, second)

    assert (found.gained, found.lost, found.num) == (0, 0, 4)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (said([1, 1]), "of 3 images that the first was judged by and 2 of the second, 2 are the"),
        (said([1, 1, 1], labels=[0, 1, 0]), "and 3 of the second, 2 are the same by name and lab"),
        (said([1, 1, 1], names="abc"), "and 3 of the second, 0 are the same by name and label; "),
        (said([]), "and 0 of the second, 0 are the same by name and label; judge both by the sam"),
    ],
)
def test_other_images_are_refused_with_the_number_that_agrees(second, told):
    with pytest.raises(DataError) as error:
        compare(said([1, 1, 0]), second)

    assert told in str(error.value)


# The verb


def kept(folder, predictions):
    folder.mkdir()
    nothing = said([])
    write_predictions(Run(folder), nothing, predictions, {})
    return folder


def test_the_verb_says_which_is_better(eyespot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = counted(both=180, gained=14, lost=2, neither=4)
    one, two = kept(tmp_path / "one", first), kept(tmp_path / "two", second)

    answer = eyespot("compare", one, two)
    back = eyespot("compare", two, one)

    assert answer.code == 0
    assert answer.out.startswith(f"{one}  0.9100 (95 % interval 0.8622 to 0.9423)\n")
    assert f"difference{' ' * (len(str(one)) - 8)}+0.0600 (95 % interval +0.0" in answer.out
    assert (
        "of 200 images only the first got 2 right, only the second 14; "
        "McNemar's exact test: p = 0.0042\n"
    ) in answer.out
    assert answer.out.endswith(f"{two} is better than {one}\n")
    assert back.out.endswith(f"{two} is better than {one}\n")


@pytest.mark.parametrize(
    ("gained", "lost", "verdict"),
    [
        (6, 2, "this gain is inside the noise"),
        (2, 6, "this loss is inside the noise"),
        (4, 4, "neither is better"),
    ],
)
def test_the_verb_says_what_may_be_chance(gained, lost, verdict, eyespot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = counted(both=180, gained=gained, lost=lost, neither=4)
    one, two = kept(tmp_path / "one", first), kept(tmp_path / "two", second)

    told = json.loads(eyespot("compare", one, two, "--json").out)

    assert eyespot("compare", one, two).out.endswith(f"\n{verdict}\n")
    assert (told["verdict"], told["significant"]) == (verdict, False)
    assert (told["gained"], told["lost"], told["num"]) == (gained, lost, len(first))
    assert told["runs"] == [str(one), str(two)]


def test_several_runs_are_each_held_against_the_first(eyespot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, better = counted(both=180, gained=14, lost=2, neither=4)
    other = said([1] * 150)
    for name, one in (("a", first), ("b", better), ("c", first), ("d", other)):
        kept(Path(name), one)

    answer = eyespot("compare", "a", "b", "c", "d")
    told = json.loads(eyespot("compare", "a", "b", "c", "d", "--json").out)["standings"]

    table = answer.out.splitlines()
    assert table[0].split() == "run accuracy 95 % interval difference 95 % interval p".split()
    assert [line.split()[:2] for line in table[1:5]] == [
        ["a", "0.9100"],
        ["b", "0.9700"],
        ["c", "0.9100"],
        ["d", "1.0000"],
    ]
    assert "b: b is better than a" in table
    assert "c: neither is better" in table
    assert table[-1].startswith("d: not compared: of 200 images that the first was judged by and")
    assert [one["p"] for one in told] == [None, pytest.approx(2 * 0.00418, rel=1e-2), 1.0, None]
    assert [one["significant"] for one in told] == [False, True, False, False]
    assert told[3]["against_first"] is None


def test_runs_judged_by_other_images_have_no_p(eyespot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, two = kept(tmp_path / "one", said([1, 0, 1])), kept(tmp_path / "two", said([1, 0]))

    answer = eyespot("compare", one, two)

    assert answer.code == 0
    assert (
        "not compared: of 3 images that the first was judged by and 2 of the second" in answer.out
    )
    assert "p =" not in answer.out


def test_a_run_that_no_image_judged_cannot_be_compared(eyespot, tmp_path):
    one, two = kept(tmp_path / "one", said([1])), kept(tmp_path / "two", said([]))

    answer = eyespot("compare", one, two)

    assert answer.code == 3
    assert f"{two} was judged by no image: it has no test part to compare" in answer.err


def test_one_run_alone_is_a_misuse(eyespot, tmp_path):
    answer = eyespot("compare", kept(tmp_path / "one", said([1])))

    assert answer.code == 2
    assert "name two runs or more to compare" in answer.err


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_weighs_each_p_by_the_tests_that_are_left_and_keeps_their_order(p_values):
    found = sorted(zip(p_values, holm(p_values), strict=True))

    least = 0.0
    for left, (p, adjusted) in zip(range(len(found), 0, -1), found, strict=True):
        least = max(least, min(1.0, left * p))
        assert adjusted == least


def test_a_folder_that_is_no_run_ends_the_verb_with_a_sentence(eyespot, tmp_path):
    one = kept(tmp_path / "one", said([1]))

    answer = eyespot("compare", one, tmp_path)

    assert answer.code == 3
    assert "is not a finished run: predictions.npz cannot be read" in answer.err
