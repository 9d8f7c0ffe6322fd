"""Cross-validation: who is in which fold, what a run of folds holds, and how it goes on."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

import eyespot as library
from conftest import TINY, halves, write_pictures
from eyespot.data.duplicates import Duplicates
from eyespot.data.folds import Folds, fold_splits, in_folds, make_folds, torn
from eyespot.data.grouping import arranged
from eyespot.data.loading import load_digests
from eyespot.errors import DataError, UsageError
from eyespot.evaluation import judge
from eyespot.evaluation.folds import fold_scores, pooled
from eyespot.files.run import Run
from eyespot.files.tables import read_table, write_table
from eyespot.line import Silence, evaluate, plan, train
from eyespot.models.loading import load
from eyespot.values.dataset import Dataset

NONE = Duplicates(exact=(), near=())


def made(labels, *, groups=None, parts=None, columns=None, num_classes=None) -> Dataset:
    """One image for each label; every picture differs from the others."""
    return Dataset(
        name="pets",
        form="made up",
        images=np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8), np.uint8),
        names=tuple(f"{index:06}.png" for index in range(len(labels))),
        labels=np.array(labels, dtype=np.int64),
        classes=tuple(f"c{label}" for label in range(num_classes or max(labels) + 1)),
        groups=None if groups is None else tuple(map(str, groups)),
        parts=parts,
        columns=columns or {},
    )


def folds_of(dataset: Dataset, num: int = 5, *, seed: int = 0, duplicates=NONE, **wish) -> Folds:
    return make_folds(dataset, num, seed=seed, duplicates=duplicates, **wish)


def shares(dataset: Dataset, numbers) -> np.ndarray:
    """How many images of each class each fold has, int (folds, classes)."""
    counts = np.zeros((max(n for n in numbers if n), len(dataset.classes)), int)
    for number, label in zip(numbers, dataset.labels, strict=True):
        if number:
            counts[number - 1, label] += 1
    return counts


# Who is in which fold


@given(
    st.lists(st.integers(2, 60), min_size=2, max_size=6), st.integers(2, 8), st.integers(0, 2**32)
)
@settings(deadline=None, max_examples=60)
def test_every_image_is_in_one_fold_and_every_class_and_fold_even_to_the_image(sizes, num, seed):
    data = made([label for label, size in enumerate(sizes) for _ in range(size)])
    if sum(sizes) < num:
        return

    counts = shares(data, folds_of(data, num, seed=seed).numbers)

    assert counts.sum() == len(data)
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1
    assert counts.sum(axis=1).max() - counts.sum(axis=1).min() <= 1


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 25)), min_size=30, max_size=150),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_a_group_lies_in_one_fold_and_is_judged_unless_a_class_hangs_on_it(pairs, seed):
    data = made([label for label, _ in pairs], groups=[group for _, group in pairs])
    if len(set(data.labels)) < 2:
        return
    owners = Counter(label for label, _ in set(pairs))

    try:
        folds = folds_of(data, 3, seed=seed)
    except DataError:
        return

    for group in set(data.groups):
        members = [place for place, own in enumerate(data.groups) if own == group]
        (number,) = {folds.numbers[place] for place in members}
        hangs = any(owners[data.labels[place]] == 1 for place in members)
        assert (number is None) == hangs


def test_folds_by_group_are_as_even_as_those_of_scikit_learn():
    """By the deviation of the classes' shares, for 40 writers of unequal diligence."""
    random = np.random.default_rng(0)
    ours, theirs = [], []
    for seed in range(10):
        groups = random.permutation(np.repeat(np.arange(40), random.integers(2, 40, 40)))
        labels = random.integers(0, 6, len(groups)) * (groups % 3 > 0)
        data = made(labels.tolist(), groups=groups.tolist())
        folds = np.array(folds_of(data, 5, seed=seed).numbers)
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        other = np.zeros(len(groups), int)
        for number, (_, test) in enumerate(splitter.split(labels, labels, groups), 1):
            other[test] = number
        for numbers, told in ((folds, ours), (other, theirs)):
            counts = shares(data, numbers.tolist())
            told.append((counts / counts.sum(axis=0)).std(axis=0).mean())

    assert np.mean(ours) <= np.mean(theirs)


def test_pictures_that_are_equal_or_look_the_same_lie_in_one_fold():
    data = made([0, 1] * 20)
    twins = Duplicates(exact=((0, 2, 4),), near=((1, 3), (6, 9)))

    numbers = folds_of(data, 4, duplicates=twins).numbers

    for group in (*twins.exact, *twins.near):
        assert len({numbers[place] for place in group}) == 1


def test_the_order_of_the_images_does_not_matter_and_the_seed_does():
    data = made([0, 1, 2] * 20)
    order = np.random.default_rng(0).permutation(60)
    mixed = replace(
        data,
        images=data.images[order],
        labels=data.labels[order],
        names=tuple(data.names[place] for place in order),
    )

    numbers, other = folds_of(data).numbers, folds_of(mixed).numbers

    assert [numbers[place] for place in order] == list(other)
    assert folds_of(data, seed=1).numbers != numbers


def test_a_class_smaller_than_the_folds_is_told():
    data = made([0] * 20 + [1] * 20 + [2] * 3 + [3])

    folds = folds_of(data, 5)

    assert [issue.detail for issue in folds.issues] == [
        "class 'c2' has 3 images in 3 of 5 folds; the others do not judge it",
        "class 'c3' has 1 image and cannot be parted: it is learnt in all folds and judged in none",
    ]
    assert folds.numbers[-1] is None
    assert None not in folds.numbers[:-1]


def test_fewer_groups_than_folds_are_refused():
    data = made([0, 1] * 10, groups=[place // 7 for place in range(20)])

    with pytest.raises(DataError) as error:
        folds_of(data, 5)

    assert str(error.value) == (
        "pets: 3 groups of images that belong together are not enough for 5 folds; ask for fewer"
    )


def test_the_sets_own_test_part_is_in_no_fold_and_its_validation_part_is():
    parts = ["train"] * 20 + ["valid"] * 10 + ["test"] * 10
    data = made([0, 1] * 20, parts=tuple(parts))

    folds = folds_of(data, 5)

    assert [number is None for number in folds.numbers] == [part == "test" for part in parts]
    assert Counter(folds.split.parts) == {"train": 30, "test": 10}
    assert folds.how == "5 folds of 6 images (stratified), 10 test images kept out of them"


def test_a_number_per_class_is_kept_out_of_all_folds():
    data = made([0] * 30 + [1] * 40)

    folds = folds_of(data, 5, test_per_class=10)

    out = [label for label, number in zip(data.labels, folds.numbers, strict=True) if not number]
    assert Counter(out) == {0: 10, 1: 10}
    assert shares(data, folds.numbers).tolist() == [[4, 6]] * 5


def test_english_characters_are_dealt_by_writer_eleven_to_a_fold():
    folder = Path(__file__).parents[2] / "shared" / "data" / "english-characters"
    if not folder.exists():
        pytest.skip("shared/data/english-characters is not there")
    data = arranged(library.read(folder), group=r"-(\d+)\.")

    folds = folds_of(data, 5)

    assert shares(data, folds.numbers).tolist() == [[11] * 62] * 5
    assert folds.how == "5 folds of 682 images (stratified, 55 groups kept together)"


# A column that says the fold


def test_a_column_says_the_folds_in_natural_order():
    words = ["10", "9", "two", "9"] * 10
    data = made([0, 1] * 20, columns={"fold": tuple(words)})

    folds = folds_of(data, 3, column="fold")

    assert folds.numbers == tuple({"9": 1, "10": 2, "two": 3}[word] for word in words)
    assert folds.how == "3 folds of 10 to 20 images (as the column 'fold' says)"


def test_an_image_of_which_the_column_says_test_is_in_no_fold():
    data = made([0, 1, 1] * 10, columns={"fold": ("1", "2", "test") * 10})

    folds = folds_of(data, 2, column="fold")

    assert folds.numbers == (1, 2, None) * 10
    assert folds.split.parts == ("train", "train", "test") * 10


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (
            ("1", "2", "3", "2"),
            UsageError,
            "folds = 5, and the column 'fold' of pets names 3 (1, 2, 3); say folds = 3, or "
            "split = stratified",
        ),
        (
            ("1", "", "3", "2"),
            DataError,
            "pets: the column 'fold' says no fold of 000001.png; fill the cell",
        ),
    ],
)
def test_a_column_that_does_not_say_the_folds_gets_a_sentence(words, kind, told):
    data = made([0, 1] * 10, columns={"fold": words * 5})

    with pytest.raises(kind) as error:
        folds_of(data, 5, column="fold")

    assert str(error.value) == told


# The split of each fold


def test_a_folds_validation_part_is_cut_from_the_other_folds():
    data = made([0, 1] * 50, groups=[place // 4 for place in range(100)])
    loaded = load_digests(data)
    folds = make_folds(data, 5, seed=0, duplicates=loaded.duplicates)

    seen, numbers = in_folds(loaded, folds)
    splits = fold_splits(seen, numbers, 5, seed=0, valid=0.2)

    for number, parts in enumerate(splits, 1):
        assert [p == "test" for p in parts.parts] == [own == number for own in numbers]
        assert 10 <= parts.parts.count("valid") <= 22
        for group in set(data.groups):
            own = {p for p, g in zip(parts.parts, data.groups, strict=True) if g == group}
            assert len(own) == 1
    assert splits[0].how.startswith("fold 1 of 5: ")


def test_what_is_kept_out_is_not_there_for_any_fold():
    data = made([0, 1] * 20, parts=("train", "train", "train", "test") * 10)
    loaded = load_digests(data)
    folds = make_folds(data, 3, seed=0, duplicates=loaded.duplicates)

    seen, numbers = in_folds(loaded, folds)

    kept = [name for name, part in zip(data.names, data.parts, strict=True) if part != "test"]
    assert list(seen.dataset.names) == kept
    assert None not in numbers
    assert len(seen.digests) == len(seen.thumbs) == 30


def test_what_a_column_tears_apart_is_told_once():
    data = made([0, 1] * 10, columns={"fold": ("1", "1", "2", "2") * 5})
    data.images[2] = data.images[0]
    loaded = load_digests(data)
    folds = make_folds(data, 2, seed=0, duplicates=loaded.duplicates, column="fold")

    issues = torn(fold_splits(*in_folds(loaded, folds), 2, seed=0, valid=0))

    assert {(issue.kind, issue.name) for issue in issues} == {
        ("leak", "000000.png"),
        ("leak", "000002.png"),
    }
    assert len(issues) == 2


# The scores


def test_the_mean_and_deviation_are_over_the_folds_and_the_pool_over_the_images():
    classes, names = ("a", "b"), tuple("pqrst")
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9]], np.float32)
    labels = np.array([0, 1, 1, 0, 1])
    whole = [_said(names, classes, labels, probs, rows) for rows in ([1, 3], [4, 2, 0])]

    scores, all_of_them = fold_scores(whole), pooled(whole, names)

    assert scores.nums == (2, 3)
    assert [accuracy.value for accuracy in scores.accuracies] == [1.0, pytest.approx(2 / 3)]
    assert scores.mean == pytest.approx(5 / 6)
    assert scores.sd == pytest.approx(np.std([1, 2 / 3], ddof=1))
    assert all_of_them.names == names
    assert np.array_equal(all_of_them.probs, probs)
    assert np.array_equal(all_of_them.labels, labels)


def _said(names, classes, labels, probs, rows):
    from eyespot.values.predictions import Predictions

    chosen = tuple(names[row] for row in rows)
    return Predictions(names=chosen, classes=classes, labels=labels[rows], probs=probs[rows])


# A run of folds

# What an undisturbed run and a resumed one have in common, to the last bit; of each fold, too.
EQUAL = (
    "recipe.toml",
    "split.csv",
    "issues.csv",
    "quarantine.csv",
    "model.safetensors",
    "predictions.npz",
    "predictions.csv",
    "suspects.csv",
    "evaluation.json",
)
THREE = {**TINY, "folds": 3}


class Listener(Silence):
    """Keeps what is said, and says Ctrl-C after so many epochs of all folds."""

    def __init__(self, after=None):
        self.after, self.said, self.num_epochs = after, [], 0

    def say(self, sentence):
        self.said.append(sentence)

    def epoch(self, epoch, num):
        self.num_epochs += 1
        if self.num_epochs == self.after:
            signal.raise_signal(signal.SIGINT)


def contents(run: Path) -> dict[str, bytes]:
    folders = [run, *sorted(run.glob("fold-*"))]
    names = (*EQUAL, "history.csv")
    files = [folder / name for folder in folders for name in names if (folder / name).exists()]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """Sixty pictures of two classes, three folds of two epochs, and their ensemble."""
    root = tmp_path_factory.mktemp("crossed")
    data, listener = write_pictures(root / "halves"), Listener()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0})
        trained = train(data, settings=THREE, ensemble=True, out=root / "run", progress=listener)
    return data, Run(root / "run"), trained, listener


def test_every_image_is_judged_by_a_model_that_was_not_trained_on_it(crossed):
    _, run, trained, _ = crossed
    rows = read_table(run.split)
    said = run.read_predictions("test")

    assert [row["name"] for row in rows] == list(said.names)
    assert Counter(row["fold"] for row in rows) == {"1": 20, "2": 20, "3": 20}
    for number in (1, 2, 3):
        fold = run.fold(number)
        parts = {row["name"]: row["part"] for row in read_table(fold.split)}
        own = [row["name"] for row in rows if row["fold"] == str(number)]
        assert sorted(name for name, part in parts.items() if part == "test") == sorted(own)
        assert Counter(parts.values()) == {"train": 36, "valid": 4, "test": 20}
        its = fold.read_predictions("test")
        places = [said.names.index(name) for name in its.names]
        assert np.array_equal(said.probs[places], its.probs)
    assert trained.evaluation == judge(said)
    table = read_table(run.predictions_table)
    assert [row["name"] for row in table] == list(said.names)


def test_a_fold_is_the_training_that_its_split_gives(crossed, tmp_path, no_report):
    data, run, _, _ = crossed
    fold = run.fold(2)

    alone = train(data, recipe=fold.recipe, split=fold.split, out=tmp_path / "alone")

    for name in ("recipe.toml", "history.csv", "model.safetensors", "predictions.npz"):
        assert (alone.run.path / name).read_bytes() == (fold.path / name).read_bytes(), name


def test_a_fold_is_an_ordinary_run(crossed, eyespot):
    data, run, trained, _ = crossed

    judged = evaluate(run.fold(3).path, data)
    answer = eyespot("predict", run.fold(1).path, data / "left" / "0.png")

    assert judged.how == "the run's test part"
    assert judged.evaluation.accuracy == trained.folds.accuracies[2]
    assert answer.out.startswith("left\t")
    assert library.report(run.fold(1)).exists()
    left_over = [name for name in os.listdir(run.fold(1).path) if name.startswith("resume")]
    assert left_over == []


def test_all_images_are_decoded_once(tmp_path, monkeypatch, no_report):
    from eyespot.data import loading

    data, real, seen = write_pictures(tmp_path / "halves"), loading.open_image, []
    monkeypatch.setattr(loading, "open_image", lambda image: seen.append(str(image)) or real(image))

    train(data, settings={**THREE, "epochs": 1}, out=tmp_path / "run")

    assert len(seen) == len(set(seen)) == 60


def test_what_is_told_of_the_folds(crossed):
    _, run, trained, listener = crossed
    scores, pool = trained.folds, trained.evaluation

    assert listener.said[1].startswith("split: 3 folds of 20 images (stratified); characters, grey")
    for number, accuracy in enumerate(scores.accuracies, 1):
        at = listener.said.index(f"fold {number} of 3: 36 train, 4 valid, 20 test")
        assert listener.said[at + 1] == f"fold {number} of 3: test accuracy {accuracy}"
    assert trained.sentences() == [
        f"accuracy {scores.mean:.4f} +- {scores.sd:.4f} (mean and sd of 3 folds)",
        f"every image judged unseen: {pool.accuracy} on 60 images",
        "ensemble: not tested, it has seen every image",
    ]
    told = json.loads(json.dumps(trained.as_json()))
    assert (told["mean"], told["sd"]) == (scores.mean, scores.sd)
    assert [fold["num"] for fold in told["folds"]] == [20, 20, 20]
    assert told["folds"][1]["run"] == str(run.fold(2).path)
    assert told["model"] == str(run.model)
    assert told["ensemble_accuracy"] is None
    record = run.read_json(run.evaluation)
    assert (record["mean"], record["sd"]) == (scores.mean, scores.sd)
    assert [fold["num_train"] for fold in record["folds"]] == [36, 36, 36]


def test_the_report_says_that_it_is_a_cross_validation(crossed):
    _, run, trained, _ = crossed
    page = run.report.read_text("utf-8")

    assert "A cross-validation in 3 folds: each image was judged once, by a model that was" in page
    assert "What did each fold give?" in page
    assert "How did training go?" not in page
    assert page.count('<a href="fold-') == 3
    assert "The ensemble itself was not tested: every image was in the training part" in page
    assert "of 60 images classified correctly" in page
    assert "in the folds" in page


def test_the_ensemble_is_the_mean_of_the_folds_models_and_cannot_be_judged_by_their_images(crossed):
    data, run, _, _ = crossed
    images = np.stack([halves(3, bright=side)[..., None] for side in (0, 1)]).reshape(6, 12, 12, 1)
    members = [load(fold.path).probabilities(images) for fold in run.folds]

    probs = load(run.path).probabilities(images)

    assert np.allclose(probs, np.mean(members, axis=0), atol=1e-6)
    with pytest.raises(
        DataError, match="every image was in a training part of the folds and cannot"
    ):
        evaluate(run.path, data)


def test_without_an_ensemble_it_is_said_which_models_there_are(tmp_path, eyespot, no_report):
    data = write_pictures(tmp_path / "halves", num=9)
    fields = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]

    trained = eyespot("train", data, "--folds", 2, "--out", tmp_path / "run", *fields)
    answer = eyespot("predict", tmp_path / "run", data / "left" / "0.png")

    assert trained.code == 0
    assert trained.err.endswith(f"next: eyespot predict {tmp_path / 'run' / 'fold-1'} IMAGE...\n")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert answer.code == 5
    assert answer.err == (
        f"eyespot: {tmp_path}/run holds 2 folds and no model of them all; name one, "
        f"{tmp_path}/run/fold-1 to {tmp_path}/run/fold-2, or train with --ensemble\n"
    )


def own_parts(num=40):
    """Images and labels of a training part, then of a test part."""
    pairs = [(halves(num, bright=side, seed=seed), side) for seed in (0, 1) for side in (0, 1)]
    images = np.concatenate([images for images, _ in pairs])
    return Dataset(
        name="halves",
        form="made up",
        images=images,
        names=tuple(f"{place:04}" for place in range(4 * num)),
        labels=np.repeat([side for _, side in pairs], num),
        classes=("left", "right"),
        parts=("train",) * (2 * num) + ("test",) * (2 * num),
    )


def test_the_ensemble_is_tested_on_the_sets_own_test_part(tmp_path, no_report):
    data = own_parts()

    trained = train(data, settings=THREE, ensemble=True, out=tmp_path / "run")
    judged = evaluate(tmp_path / "run", data)

    assert trained.evaluation.num == 80
    assert {len(read_table(fold.split)) for fold in trained.run.folds} == {80}
    assert trained.ensemble_evaluation == judged.evaluation
    assert judged.how == "the run's test part"
    assert trained.model.card.score.num == 80
    assert trained.sentences()[2].startswith("ensemble: test accuracy ")
    counts = {part: sum(counts) for part, counts in trained.counts.items()}
    assert counts == {"train": 80, "valid": 0, "test": 80}
    library.report(trained.run)
    page = trained.run.report.read_text("utf-8")
    assert "of the images correctly that were kept out of all folds" in page
    assert "The ensemble itself was not tested" not in page


def test_a_table_says_the_folds(tmp_path, no_report):
    data = write_pictures(tmp_path / "halves", num=12)
    rows = [
        (f"{side}/{number}.png", side, f"f{number % 3}")
        for side in ("left", "right")
        for number in range(12)
    ]
    write_table(data / "labels.csv", ("image", "label", "fold"), rows)

    trained = train(data / "labels.csv", settings={**THREE, "split": "fold"}, out=tmp_path / "run")

    told = {row["name"]: row["fold"] for row in read_table(trained.run.split)}
    assert all(told[name] == str(int(fold[1]) + 1) for name, _, fold in rows)


# What contradicts folds


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"settings": {"folds": 5, "test": 0.3}},
            "folds = 5 makes each fold the test part once, so test = 0.3 has no meaning; leave it "
            "away, or keep images out of all folds by test_per_class",
        ),
        (
            {"settings": {"folds": 5}, "split": "/parts.csv"},
            "folds = 5 and --split /parts.csv both say which images are for the test; leave one of "
            "them away, or name the column of a table that says the fold by --set split=COLUMN",
        ),
        ({"ensemble": True}, "an ensemble is made of folds; say how many, for instance --folds 5"),
    ],
)
def test_what_contradicts_folds_is_said_in_a_sentence(options, told):
    with pytest.raises(UsageError) as error:
        train("digits", **options)

    assert str(error.value) == told


def test_the_recipe_of_a_run_of_folds_repeats_it(crossed, tmp_path, no_report):
    data, run, _, _ = crossed

    again = train(data, recipe=run.recipe, ensemble=True, out=tmp_path / "again")

    assert contents(again.run.path) == contents(run.path)


def test_a_split_without_training_says_that_folds_are_for_train(tmp_path):
    listener = Listener()

    made = plan(write_pictures(tmp_path / "halves", num=9), settings=THREE, progress=listener)

    assert set(made.split.parts) == {"train", "valid", "test"}
    assert "folds = 3 is for train alone; this is one split without folds" in listener.said


# Interruptions


@pytest.mark.parametrize("after", [1, 3, 4, 6])
def test_a_run_goes_on_at_its_fold_to_the_same_bits(after, crossed, tmp_path, no_report):
    data, run, _, _ = crossed
    path, listener = tmp_path / "run", Listener()
    with pytest.raises(KeyboardInterrupt) as ended:
        train(data, settings=THREE, ensemble=True, out=path, progress=Listener(after))

    assert ended.value.__notes__ == [f"go on with: eyespot train --resume {path}"]
    train(resume=path, progress=listener)

    assert listener.num_epochs == 6 - after
    assert contents(path) == contents(run.path)
    assert sorted(os.listdir(path / "fold-2")) == sorted(
        name for name in os.listdir(run.fold(2).path) if not name.endswith((".png", ".txt"))
    )


# number: of the call; the first three are of the folds where they share the function.
@pytest.mark.parametrize(
    ("module", "step", "number"),
    [
        ("eyespot.line.crossing", "write_record", 1),
        ("eyespot.training.origin", "find_origin", 4),
        ("eyespot.line.single", "report", 4),
    ],
)
def test_a_run_that_ends_while_its_folds_are_summed_up_goes_on_there(
    module, step, number, crossed, tmp_path, monkeypatch, no_report
):
    data, run, _, _ = crossed
    calls = []
    real = getattr(sys.modules[module], step)

    def die(*args, **options):
        calls.append(step)
        if len(calls) == number:
            raise KeyboardInterrupt
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            train(data, settings=THREE, ensemble=True, out=tmp_path / "run")
    listener = Listener()
    train(resume=tmp_path / "run", progress=listener)

    assert listener.num_epochs == 0
    assert contents(tmp_path / "run") == contents(run.path)


def test_a_fold_is_not_resumed_by_itself(crossed, tmp_path):
    data, _, _, _ = crossed
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(data, settings=THREE, out=path, progress=Listener(3))

    with pytest.raises(UsageError) as error:
        train(resume=path / "fold-2")

    assert str(error.value) == f"{path / 'fold-2'} is a fold; go on with the whole run, {path}"


def test_another_fold_in_split_csv_is_refused(crossed, tmp_path):
    data, _, _, _ = crossed
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(data, settings=THREE, out=path, progress=Listener(3))
    lines = (path / "split.csv").read_text().splitlines()
    lines[1] = lines[1][:-1] + "9"
    (path / "split.csv").write_text("\n".join(lines) + "\n")

    with pytest.raises(DataError, match=r"1 image, for instance left/0.png, is in another fold of"):
        train(resume=path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
@pytest.mark.parametrize("epoch", [3, 4])
def test_a_kill_in_the_second_fold_costs_no_bit_and_no_fold(epoch, crossed, tmp_path, no_report):
    """The undisturbed run, the killed process and what goes on have one thread each."""
    data, run, _, _ = crossed
    path = tmp_path / "run"
    code = (
        "import os, signal, sys\n"
        "import torch\n"
        "from eyespot.line import Silence, learning, train, training\n"
        "os.sched_getaffinity = lambda _: {0}\n"
        "training.report = lambda run: run.report.write_text('a page')\n"
        "learning._LEAST_SECONDS, learning._MOST_SHARE = 0, float('inf')\n"
        "class Killer(Silence):\n"
        "    num = 0\n"
        "    def epoch(self, epoch, num):\n"
        "        self.num += 1\n"
        f"        if self.num == {epoch}: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"train({str(data)!r}, settings={THREE!r}, ensemble=True, out={str(path)!r}, "
        "progress=Killer())\n"
    )
    package = str(Path(library.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": package, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    listener = Listener()

    train(resume=path, progress=listener)

    assert done.returncode == -signal.SIGKILL
    assert listener.num_epochs <= 4
    assert contents(path) == contents(run.path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_kill_at_any_moment_costs_no_bit(tmp_path):
    """At every fifteenth call that changes a file system, of a run of two folds on one core."""
    from test_chaos import Trainer, options

    data, trainer = write_pictures(tmp_path / "halves", num=12), Trainer(tmp_path)
    asked = ["train", data, *options(**{**TINY, "folds": 2}), "--ensemble", "--out"]
    code, talk = trainer.run(*asked, tmp_path / "whole", eager=True)
    assert code == 0, talk
    num_kills = 0
    for moment in range(5, 1000, 15):
        run = tmp_path / f"run-{moment}"
        code, talk = trainer.run(*asked, run, eager=True, die_at=moment)
        if code == 0:
            break
        num_kills += 1
        assert code == -signal.SIGKILL, talk
        code, talk = trainer.run("train", "--resume", run)
        assert code == 0, talk
        assert contents(run) == contents(tmp_path / "whole"), moment
    trainer.close()

    assert num_kills > 5
