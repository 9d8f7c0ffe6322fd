"""When a model says "I don't know": what is fitted, what it promises, and what it refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eyespot
from conftest import halves
from eyespot.evaluation.refusal import (
    MOST_RANK,
    Subspace,
    class_thresholds,
    find_subspace,
    upper_quantile,
    usual_range,
)
from eyespot.files.run import Run
from eyespot.line.progress import Silence
from eyespot.line.refusing import LEAST_JUDGING
from eyespot.models.facts import model_facts
from eyespot.models.loading import load
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.dataset import Part
from eyespot.values.preparation import Preparation
from made_pictures import photo

SHARE = 0.02


def blobs(
    num: int, num_features: int, num_classes: int, *, rank: int = 5, seed: int = 0
) -> tuple[Array, Array]:
    """Features float32 (N, D) of which a few directions say nearly everything, and labels (N,)."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(num) % num_classes)
    centres = 3 * random.normal(size=(num_classes, rank))
    inside = centres[labels] + random.normal(size=(num, rank)) * np.arange(1, rank + 1)
    features = inside @ random.normal(size=(rank, num_features))
    features += 0.05 * random.normal(size=features.shape) + random.normal(size=num_features)
    return features.astype(np.float32), labels


def scaled(features_ND: Array, found: Subspace) -> Array:
    return (features_ND.astype(np.float64) - found.location) * found.scale


# --- the directions of features


@pytest.mark.parametrize("num", [40, 300, 2000])
@pytest.mark.parametrize("num_features", [30, 200])
def test_the_directions_are_the_leading_eigenvectors(num: int, num_features: int) -> None:
    random = np.random.default_rng(1)
    rank = min(MOST_RANK, num // 4)
    features = random.normal(size=(num, rank)) @ random.normal(size=(rank, num_features))
    features += 0.01 * random.normal(size=features.shape)

    found = find_subspace(features.astype(np.float32), np.zeros(num, np.int64), 1)

    _, vectors = np.linalg.eigh(np.cov(scaled(features, found).T))
    cosines = np.linalg.svd(found.directions.T @ vectors[:, -rank:])[1]
    assert found.directions.shape == (num_features, rank)
    assert found.directions.dtype == np.float32
    assert np.abs(found.directions.T @ found.directions - np.eye(rank)).max() < 1e-5
    assert cosines.min() > 0.9999


def test_whitened_features_deviate_alike_to_all_sides_within_their_classes() -> None:
    features, labels = blobs(4000, 60, 7)

    found = find_subspace(features, labels, 7)

    white = scaled(features, found) @ found.directions @ found.whitening
    means = np.array([white[labels == k].mean(axis=0) for k in range(7)])
    within = np.cov((white - means[labels]).T, bias=True)
    # Of the directions that blobs have; the others are nearly empty, where shrinkage shows.
    own = np.sort(np.linalg.eigvalsh(within))[-5:]
    assert own == pytest.approx(np.ones(5), abs=0.02)
    assert np.linalg.eigvalsh(within).max() < 1.001
    assert found.centres == pytest.approx(means, abs=0.01)


def test_what_lies_outside_the_directions_weighs_as_much_as_its_usual_square() -> None:
    features, labels = np.random.default_rng(0).normal(size=(2000, 50)), np.zeros(2000, np.int64)

    found = find_subspace(features.astype(np.float32), labels, 1)

    whole = scaled(features, found)
    rest = (whole**2).sum(axis=1) - ((whole @ found.directions) ** 2).sum(axis=1)
    assert found.outside * rest.mean() == pytest.approx(50 - MOST_RANK, rel=1e-3)


def test_features_in_any_units_have_the_same_neighbours() -> None:
    features, labels = blobs(500, 20, 3)
    units = np.geomspace(1e-4, 1e4, 20)
    one = find_subspace(features, labels, 3)
    # The small addition to each deviation, a thousandth of their mean, is left out of account.
    other = find_subspace((features * 1e6).astype(np.float32), labels, 3)

    assert np.abs(other.neighbours) == pytest.approx(np.abs(one.neighbours), abs=0.02)
    assert np.isfinite(find_subspace((features * units).astype(np.float32), labels, 3).scale).all()


def test_neighbours_are_a_thousand_images_or_sixteen_of_each_class() -> None:
    features, labels = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32), None
    for num_classes, num in ((2, 1000), (100, 1600), (1000, 3000)):
        labels = np.arange(3000) % num_classes
        assert len(find_subspace(features, labels, num_classes).neighbours) == num
    few = find_subspace(features[:60], np.zeros(60, np.int64), 2)
    white = scaled(features[:60], few) @ few.directions @ few.whitening
    assert few.neighbours == pytest.approx(white, abs=1e-4)


def test_a_class_without_an_image_is_at_the_mean() -> None:
    features, labels = blobs(100, 8, 3)

    found = find_subspace(features, labels, 5)

    assert found.centres.shape[0] == 5
    assert not found.centres[3:].any() and found.centres[:3].any()


DEGENERATE: dict[str, tuple[Array, Array]] = {
    "constant": (np.full((50, 9), 3.3), np.arange(50) % 4),
    "zero": (np.zeros((50, 9)), np.arange(50) % 4),
    "one image": (np.arange(9.0)[None], np.array([2])),
    "two images": (np.random.default_rng(0).normal(size=(2, 9)), np.array([0, 2])),
    "one each": (np.random.default_rng(0).normal(size=(4, 9)), np.arange(4)),
    "copies": (np.repeat(np.random.default_rng(0).normal(size=(4, 9)), 9, axis=0),
               np.repeat(np.arange(4), 9)),
    "one feature": (np.random.default_rng(0).normal(size=(50, 1)), np.arange(50) % 4),
    "mostly constant": (np.eye(50, 9), np.arange(50) % 4),
    "large": (1e12 * np.random.default_rng(0).normal(size=(50, 9)), np.arange(50) % 4),
    "small": (1e-12 * np.random.default_rng(0).normal(size=(50, 9)), np.arange(50) % 4),
}  # fmt: skip


@pytest.mark.parametrize("name", DEGENERATE)
def test_any_features_give_numbers_and_orthonormal_directions(name: str) -> None:
    features, labels = DEGENERATE[name]

    found = find_subspace(features.astype(np.float32), labels, 4)

    rank = found.directions.shape[1]
    assert rank == max(1, min(MOST_RANK, len(features) // 4, features.shape[1]))
    assert all(np.isfinite(value).all() for value in vars(found).values())
    assert np.abs(found.directions.T @ found.directions - np.eye(rank)).max() < 1e-5
    assert found.outside >= 0
    assert {np.asarray(one).dtype for one in vars(found).values()} <= {
        np.dtype(np.float32), np.dtype(np.float64),
    }  # fmt: skip


def test_the_same_features_give_the_same_bits() -> None:
    features, labels = blobs(3000, 40, 3)
    one, other = (vars(find_subspace(features, labels, 3)) for _ in range(2))

    assert all(np.array_equal(one[name], other[name]) for name in one)


# --- thresholds


@pytest.mark.parametrize("num", [50, 99, 1000])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_of_many_scores_the_quantile_is_one_of_them(num: int, share: float) -> None:
    scores = np.random.default_rng(num).normal(size=num)

    found = upper_quantile(scores, share)

    # As if there were one score more, above all others.
    expected = np.quantile([*scores, np.inf], 1 - share, method="inverted_cdf")
    assert found == expected
    assert (scores > found).mean() <= share


@pytest.mark.parametrize("num", [10, 18, 48])
def test_of_few_exponential_scores_new_ones_are_above_the_quantile_as_often_as_promised(
    num: int,
) -> None:
    random = np.random.default_rng(0)

    # What is above it has the probability exp(-quantile), known without drawing any.
    shares = [np.exp(-upper_quantile(random.exponential(size=num), SHARE)) for _ in range(4000)]

    assert 0.6 * SHARE < np.mean(shares) < 1.4 * SHARE


def test_the_quantile_falls_with_the_share() -> None:
    random = np.random.default_rng(0)
    for num in (1, 2, 3, 7, 18, 49, 50, 200):
        scores = random.gamma(2, size=num)
        found = [upper_quantile(scores, share) for share in (0.001, 0.01, 0.02, 0.05, 0.2, 0.5)]
        assert found == sorted(found, reverse=True)
        assert found[-1] >= np.median(scores)


def test_scores_that_are_all_the_same_have_a_range() -> None:
    assert upper_quantile(np.ones(9), SHARE) == 1
    assert usual_range(np.ones(9), SHARE) == (1, 1e-6)
    assert usual_range(np.arange(1000.0), 0.1) == pytest.approx((499.5, 900 - 499.5))


def test_a_threshold_of_a_class_is_its_own_the_more_images_it_has() -> None:
    random = np.random.default_rng(0)
    said = np.repeat([0, 1, 2], [20_000, 5000, 5])
    excess = random.exponential(np.array([1, 3, 0.1])[said])
    own = [np.quantile(excess[said == k], 1 - SHARE) for k in range(3)]

    found = class_thresholds(excess, said, 5, SHARE)

    assert found.dtype == np.float32
    assert found[0] == pytest.approx(own[0], rel=0.05)
    assert found[1] == pytest.approx(own[1], rel=0.1)
    pooled = np.quantile(excess, 1 - SHARE)
    # All classes count as a hundred images, of which only the upper two are above.
    assert pooled <= found[2] <= np.quantile(excess, 1 - SHARE / 2)
    assert found[3] == found[4] == pytest.approx(pooled, rel=0.01)  # never said


def test_a_class_of_small_excesses_does_not_refuse_whatever_has_one() -> None:
    said = np.repeat([0, 1], [5000, 5000])
    excess = np.where(said == 0, 0, np.random.default_rng(0).exponential(size=10_000))

    found = class_thresholds(excess, said, 2, SHARE)

    assert found[0] == pytest.approx(np.quantile(excess, 1 - SHARE) / 10, rel=0.01)
    assert (class_thresholds(np.zeros(100), np.zeros(100, int), 2, SHARE) > 0).all()


def shares_refused(num: int, num_classes: int, *, draws: int) -> Array:
    """Of new pictures like those that gave the thresholds, for each draw of so many of these.

    As line/refusing.py does it, with three scores that have long tails of different lengths.
    """
    random = np.random.default_rng(num)

    def drawn(size: int) -> tuple[Array, Array]:
        scores = np.stack([random.gamma(shape, size=size) for shape in (2, 4, 8)], axis=1)
        return scores, random.integers(0, num_classes, size)

    found = []
    for _ in range(draws):
        (known, said), (new, said_new) = drawn(num), drawn(4000)
        ranges = np.array([usual_range(column, SHARE) for column in known.T])
        excess, excess_new = (
            np.maximum((scores - ranges[:, 0]) / ranges[:, 1], 0).mean(axis=1)
            for scores in (known, new)
        )
        thresholds = class_thresholds(excess, said, num_classes, SHARE)
        found.append(float((excess_new / thresholds[said_new] > 1).mean()))
    return np.array(found)


@pytest.mark.parametrize(
    ("num", "least", "most"),
    [
        # 200 images: the fourth largest, or the fifth; two percent of them are four.
        (5000, 0.9, 1.1), (200, 0.75, 1.25), (60, 0.6, 1.6), (18, 0.5, 2), (LEAST_JUDGING, 0.5, 3),
    ],
)  # fmt: skip
def test_new_pictures_of_the_same_kind_are_refused_as_often_as_promised(
    num: int, least: float, most: float
) -> None:
    shares = shares_refused(num, 10 if num > 100 else 2, draws=40 if num > 1000 else 300)

    assert least * SHARE < shares.mean() < most * SHARE


# --- a training

DIGITS: dict[str, Any] = {"kind": "ink", "epochs": 6, "width": 16, "batch": 64, "rate": 0.01}


@dataclass(frozen=True)
class Taught:
    """A model that knows digits, and its run."""

    run: Run
    model: Any

    def refused(self, images: Array) -> float:
        """The share of them."""
        _, refusals = self.model.examine(images)
        return float((refusals > 1).mean())


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return training("digits", tmp_path_factory.mktemp("taught"), **DIGITS)


def training(source: Any, folder: Path, *, ensemble: bool = False, **settings: Any) -> Taught:
    """Without the page of charts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _: {0})
        patch.setattr("eyespot.line.single.report", lambda run: run.report.write_text("a page"))
        trained = eyespot.train(source, settings=settings, out=folder / "run", ensemble=ensemble)
    return Taught(trained.run, trained.model)


def noise(shape: Preparation) -> Array:
    size = (300, shape.size, shape.size, shape.channels)
    return np.random.default_rng(0).integers(0, 256, size, np.uint8)


def blank(shape: Preparation) -> Array:
    levels = np.arange(0, 256, 5, dtype=np.uint8)[:, None, None, None]
    return np.tile(levels, (1, shape.size, shape.size, shape.channels))


def stripes(shape: Preparation) -> Array:
    """Of one to four pixels, upright and lying, in every position."""
    found = []
    for width in (1, 2, 3, 4):
        for start in range(2 * width):
            row = ((np.arange(shape.size) + start) // width % 2 * 255).astype(np.uint8)
            found += [np.tile(row, (shape.size, 1)), np.tile(row, (shape.size, 1)).T]
    return np.repeat(np.stack(found)[..., None], shape.channels, axis=3)


def photos(shape: Preparation) -> Array:
    return np.stack([prepared(photo(seed), shape) for seed in range(60)])


def bright_halves(shape: Preparation) -> Array:
    """Given as they are: the bridge already says of some that nothing is written on them."""
    pictures = [*halves(50, bright=0), *halves(50, bright=1)]
    plain = shape.model_copy(update={"ink": None})
    return np.stack([prepared(one, plain) for one in pictures])


@pytest.mark.parametrize("others", [noise, blank, stripes, photos, bright_halves])
def test_a_net_that_knows_digits_refuses_what_is_none(
    taught: Taught, others: Callable[[Preparation], Array]
) -> None:
    assert taught.refused(others(taught.model.preparation)) >= 0.9


def test_few_of_the_digits_that_it_has_not_seen_are_refused(taught: Taught) -> None:
    test = taught.run.read_predictions("test")

    assert test.refusal is not None and test.refusal.dtype == np.float32
    assert (test.refusal > 1).mean() <= 0.06
    assert (test.refusal[test.predicted == test.labels] > 1).mean() < 0.05


def test_a_run_keeps_what_the_model_says_of_each_part(taught: Taught) -> None:
    again, parts = load(taught.run.path), taught.run.read_predictions
    spec = again.card.refusal

    assert spec is not None and spec.share == SHARE
    assert spec.depths == ((32, 16), (64, 16), (128, 16), (32, 16)) and spec.num_neighbours == 1000
    assert again.card.num_scores == len(parts("valid"))
    for name in ("valid", "test"):
        part: Part = name  # type: ignore[assignment]
        refusal = parts(part).refusal
        assert refusal is not None and len(refusal) == len(parts(part))
        assert np.isfinite(refusal).all() and (refusal >= 0).all()


def test_refusals_are_numbers_for_any_picture(taught: Taught) -> None:
    shape = taught.model.preparation
    random = np.random.default_rng(0)
    dots = np.zeros((64, 8, 8, 1), np.uint8)
    dots.reshape(64, 64)[np.arange(64), np.arange(64)] = 255
    images = np.concatenate([blank(shape), noise(shape), dots, 255 - dots])

    probs, refusals = taught.model.examine(images)
    order = random.permutation(len(images))
    singly = [taught.model.examine(images[row : row + 1])[1][0] for row in order[:50]]

    assert np.isfinite(refusals).all() and np.isfinite(probs).all() and (refusals >= 0).all()
    assert np.array(singly) == pytest.approx(refusals[order[:50]], rel=1e-3)


def test_the_same_seed_gives_the_same_refusals_to_the_last_bit(
    taught: Taught, tmp_path: Path
) -> None:
    again = training("digits", tmp_path, **DIGITS)

    assert again.run.model.read_bytes() == taught.run.model.read_bytes()
    assert again.run.predictions.read_bytes() == taught.run.predictions.read_bytes()


def pair(num: int) -> tuple[Array, Array]:
    """Images and labels, `num` of each of two classes."""
    images = np.concatenate([halves(num, bright=0), halves(num, bright=1)])
    return images, np.repeat(["left", "right"], num)


SMALL: dict[str, Any] = {"kind": "ink", "epochs": 2, "width": 8, "batch": 16, "rate": 0.01}


@pytest.mark.parametrize("num", [50, 100, 200])
def test_few_validation_images_give_sane_thresholds(tmp_path: Path, num: int) -> None:
    small = training(pair(num), tmp_path, **SMALL)
    thresholds = small.model.refusals[0].thresholds.numpy()

    assert len(small.run.read_predictions("valid")) == num / 5
    assert np.isfinite(thresholds).all() and (thresholds > 0.1).all() and (thresholds < 10).all()
    fresh = np.stack([*halves(200, bright=0, seed=5), *halves(200, bright=1, seed=5)])[..., None]
    assert small.refused(fresh) <= 0.15
    assert small.refused(255 - fresh) >= 0.7
    assert small.refused(blank(small.model.preparation)) >= 0.9


@pytest.mark.parametrize(
    ("num", "settings"),
    [(100, {"refuse": 0}), (100, {"valid": 0}), (5 * LEAST_JUDGING - 10, {})],
    ids=["refuse = 0", "no validation part", "too few validation images"],
)
def test_a_model_that_is_not_to_refuse_or_cannot_know_always_answers(
    tmp_path: Path, num: int, settings: dict[str, Any]
) -> None:
    small = training(pair(num), tmp_path, **SMALL, **settings)
    shape = small.model.preparation

    assert small.model.refusals == () and small.model.card.refusal is None
    assert small.run.read_predictions("test").refusal is None
    assert small.run.read_predictions("valid").refusal is None
    answers = load(small.run.path).predict(noise(shape)[:5])
    assert [(one.unknown, one.refusal) for one in answers] == [(False, None)] * 5
    assert model_facts(small.run.path)["unknown"].startswith("never said")


def test_a_training_says_when_its_model_never_says_unknown(tmp_path: Path) -> None:
    said: list[str] = []

    class Listener(Silence):
        def say(self, sentence: str) -> None:
            said.append(sentence)

    for num, settings in ((5 * LEAST_JUDGING - 10, {}), (100, {}), (100, {"refuse": 0})):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("eyespot.line.single.report", lambda run: run.report.write_text(""))
            eyespot.train(
                pair(num),
                settings={**SMALL, **settings},
                out=tmp_path / str(len(said)) / str(len(settings)),
                progress=Listener(),
            )

    assert [sentence for sentence in said if "unknown" in sentence] == [
        "the model will never say unknown: it learns when from 10 validation images or more, "
        "and has 8"
    ]


NETS: dict[str, dict[str, Any]] = {
    "flat": {"layers": [{"type": "flatten"}]},
    "conv": {"layers": [{"type": "conv", "filters": 4}, {"type": "flatten"}]},
    "one convolution": {"depth": 1},
    "colour": {"channels": 3, "kind": "photo"},
    "smallest": {"size": 8},
    "views": {"test_views": "all"},
    "half": {"refuse": 0.2},
    "hardly any": {"refuse": 1e-6},
}


@pytest.mark.parametrize("name", NETS)
def test_every_net_and_every_kind_of_picture_has_refusals(tmp_path: Path, name: str) -> None:
    small = training(pair(100), tmp_path, **{**SMALL, **NETS[name]})
    shape = small.model.preparation
    fresh = np.stack([prepared(one, shape) for one in halves(50, bright=0, seed=5)])

    _, refusals = small.model.examine(np.concatenate([fresh, noise(shape), blank(shape)]))

    assert np.isfinite(refusals).all()
    spec = small.model.card.refusal
    assert spec.share == NETS[name].get("refuse", SHARE)
    most = {"half": 0.9}.get(name, 0.2)
    assert small.refused(fresh) <= most


def test_many_classes_with_few_images_are_taught_without_a_warning(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (150, 8, 8))
    images = np.repeat(patterns, 10, axis=0) + random.integers(-20, 21, (1500, 8, 8))
    labels = np.repeat([f"class {number:03}" for number in range(150)], 10)

    small = training((images.clip(0, 255).astype(np.uint8), labels), tmp_path, **SMALL)

    test = small.run.read_predictions("test")
    assert test.refusal is not None and (test.refusal > 1).mean() < 0.1
    assert small.model.refusals[0].thresholds.shape == (150,)
    assert small.model.card.refusal.num_neighbours == 1050  # all of the training part


def test_folds_and_their_ensemble_refuse(tmp_path: Path) -> None:
    whole = training(pair(90), tmp_path, ensemble=True, **SMALL, folds=3)
    pooled = whole.run.read_predictions("test")

    assert pooled.refusal is not None and len(pooled.refusal) == 180
    assert (pooled.refusal > 1).mean() < 0.15
    for number in (1, 2, 3):
        fold = Run(whole.run.path / f"fold-{number}").read_predictions("test")
        places = [pooled.names.index(name) for name in fold.names]
        assert fold.refusal is not None
        assert np.array_equal(pooled.refusal[places], fold.refusal)
    assert len(load(whole.run.path).refusals) == 3
    fresh = np.stack(halves(50, bright=0, seed=5))[..., None]
    assert whole.refused(fresh) <= 0.1
    assert whole.refused(255 - fresh) >= 0.9
