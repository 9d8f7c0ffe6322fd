"""Labels that may be wrong: the confident joint, who is suspected, and the verb that corrects."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

import eyespot as library
from conftest import TINY, halves, write_pictures
from eyespot.evaluation.record import write_suspects
from eyespot.evaluation.suspects import (
    confident_joint,
    most_suspicious,
    suspects,
    thresholds,
)
from eyespot.files.run import Run
from eyespot.files.tables import read_table, write_table
from eyespot.line import Silence, train
from eyespot.values.predictions import Predictions


def said(labels, probs, classes=None) -> Predictions:
    probs = np.array(probs, np.float32)
    return Predictions(
        names=tuple(f"{place}.png" for place in range(len(labels))),
        classes=classes or tuple("abcdefgh"[: probs.shape[1]]),
        labels=np.array(labels, np.int64),
        probs=probs,
    )


def knows(label: int, *, num: int = 3) -> list[float]:
    """Probabilities of a model that is sure of this class."""
    return [0.97 if place == label else 0.03 / (num - 1) for place in range(num)]


def slow_joint(predictions: Predictions) -> Counter:
    """The definition of Northcutt et al. 2021, eq. 1, one image and one class after the other."""
    num_classes = len(predictions.classes)
    limits = []
    for number in range(num_classes):
        own = [
            float(probs[number])
            for probs, label in zip(predictions.probs, predictions.labels, strict=True)
            if label == number
        ]
        limits.append(sum(own) / len(own) if own else None)
    joint: Counter = Counter()
    for probs, label in zip(predictions.probs, predictions.labels.tolist(), strict=True):
        likely = [
            (float(probs[number]), -number)
            for number in range(num_classes)
            if limits[number] is not None and float(probs[number]) >= limits[number]
        ]
        if likely:
            joint[label, -max(likely)[1]] += 1
    return joint


@given(st.integers(0, 2**32), st.integers(2, 5), st.integers(0, 60))
@settings(deadline=None, max_examples=100)
def test_the_confident_joint_is_that_of_its_definition(seed, num_classes, num):
    random = np.random.default_rng(seed)
    predictions = said(
        random.integers(0, num_classes, num), random.dirichlet([0.3] * num_classes, num)
    )

    assert confident_joint(predictions) == slow_joint(predictions)


# Who is suspected


@pytest.fixture
def clear() -> Predictions:
    """Ten images of each of three classes, two of them under a wrong label, one misjudged."""
    labels = [0] * 10 + [1] * 10 + [2] * 10
    probs = [knows(label) for label in labels]
    labels[3], labels[14] = 2, 0
    probs[14] = [0.001, 0.998, 0.001]
    probs[25] = [0.5, 0.1, 0.4]
    return said(labels, probs)


def test_wrong_labels_come_first_and_their_own_class_is_proposed(clear):
    first, second, third = suspects(clear)

    assert (first.name, first.label, first.proposed, first.sure) == ("14.png", "a", "b", True)
    assert (second.name, second.label, second.proposed, second.sure) == ("3.png", "c", "a", True)
    assert (third.name, third.label, third.proposed, third.sure) == ("25.png", "c", "a", False)
    assert first.probability == pytest.approx(0.998)
    assert first.own == pytest.approx(0.001)


def test_the_ranking_is_of_all_images_and_keeps_the_order_of_equals(clear):
    order = most_suspicious(clear).tolist()

    assert order[:3] == [14, 3, 25]
    assert order[3:] == [place for place in range(30) if place not in (3, 14, 25)]


def test_flipped_labels_of_digits_are_found():
    images, truth = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    wrong = random.random(len(truth)) < 0.05
    labels = np.where(wrong, (truth + random.integers(1, 10, len(truth))) % 10, truth)
    features = Nystroem(gamma=0.05, n_components=300, random_state=0)
    model = make_pipeline(features, LogisticRegression(C=3, max_iter=200))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probs = cross_val_predict(model, images / 16, labels, cv=folds, method="predict_proba")
    predictions = said(labels, probs, classes=tuple("0123456789"))

    first = most_suspicious(predictions)[: round(0.06 * len(truth))]
    sure = [int(one.name.partition(".")[0]) for one in suspects(predictions) if one.sure]
    proposed = [int(one.proposed) for one in suspects(predictions) if one.sure]

    assert wrong[first].sum() >= 0.95 * wrong.sum()
    assert wrong[sure].mean() >= 0.95
    assert wrong[sure].sum() >= 0.5 * wrong.sum()
    assert (truth[sure] == proposed).mean() >= 0.95


def test_a_class_without_an_image_is_never_surely_meant():
    labels = [0] * 10 + [1] * 10
    predictions = said(labels, [knows(label) for label in labels[:-1]] + [knows(2)])

    (suspect,) = suspects(predictions)

    assert thresholds(predictions)[2] == np.inf
    assert (suspect.proposed, suspect.sure) == ("c", False)


def test_a_class_that_the_model_never_says_is_not_learnt_and_its_labels_are_not_wrong():
    labels = [0] * 20 + [1] * 20 + [2] * 3
    predictions = said(labels, [knows(label) for label in labels[:-3]] + [knows(0)] * 3)

    found = suspects(predictions)

    assert [(one.label, one.sure) for one in found] == [("c", False)] * 3


def test_two_classes_that_the_model_confuses_say_nothing_about_labels():
    """Of the eleven images labelled b, more are confidently a than b."""
    labels = [0] * 20 + [1] * 11
    predictions = said(labels, [knows(0)] * 20 + [knows(0)] * 6 + [knows(1)] * 5)

    assert not any(one.sure for one in suspects(predictions))


@pytest.mark.parametrize(
    ("probs", "sure"),
    [
        ([0.02, 0.96, 0.02], True),
        ([0.10, 0.88, 0.02], False),  # not ten times less likely
        ([0.05, 0.85, 0.10], False),  # not confidently of the other class
    ],
)
def test_only_a_label_far_off_is_surely_wrong(probs, sure):
    labels = [0] * 10 + [1] * 10
    rest = [[0.94, 0.03, 0.03], [0.1, 0.87, 0.03]]
    predictions = said(labels, [probs, *(rest[label] for label in labels[1:])])

    (suspect,) = suspects(predictions)

    assert (suspect.name, suspect.sure) == ("0.png", sure)


def test_of_many_classes_a_label_likelier_than_a_guess_is_not_surely_wrong():
    labels = [0] * 10 + [1] * 10
    probs = [knows(label, num=30) for label in labels]
    probs[0] = [0.05, 0.60, *[0.35 / 28] * 28]
    probs[1] = [0.02, 0.95, *[0.03 / 28] * 28]
    probs[10:] = [[0.02, 0.55, *[0.43 / 28] * 28]] * 10
    predictions = said(labels, probs, classes=tuple(f"c{number}" for number in range(30)))

    assert {one.name: one.sure for one in suspects(predictions)} == {"0.png": False, "1.png": True}


def test_a_label_is_not_surely_wrong_where_two_other_classes_contend():
    """The model says a, but not as confidently as it usually does; for b, 0.36 is confident."""
    labels = [0] * 10 + [1] * 10 + [2] * 10
    usual = [[0.96, 0.02, 0.02], [0.05, 0.35, 0.60], [0.02, 0.02, 0.96]]
    probs = [usual[label] for label in labels]
    probs[25] = [0.63, 0.36, 0.01]
    predictions = said(labels, probs)

    assert confident_joint(predictions)[2, 1] == 1
    assert {one.name: one.sure for one in suspects(predictions)}["25.png"] is False


def test_more_images_than_a_class_has_of_its_own_are_not_surely_of_it():
    labels = [0] * 20 + [1] * 2
    few = said(labels, [knows(0)] * 18 + [knows(1)] * 4)
    many = said(labels, [knows(0)] * 17 + [knows(1)] * 5)

    assert [one.sure for one in suspects(few)] == [True, True]
    assert [one.sure for one in suspects(many)] == [False] * 3


def test_an_image_off_the_diagonal_is_shown_though_it_is_classified_as_labelled():
    labels = [0] * 10 + [1] * 10
    probs = [[[0.95, 0.05], [0.58, 0.42]][label] for label in labels]
    probs[4] = [0.55, 0.45]

    assert ("4.png", "b", False) in [
        (one.name, one.proposed, one.sure) for one in suspects(said(labels, probs))
    ]


def test_a_label_far_less_likely_than_another_class_comes_before_one_that_is_almost_as_likely():
    near = [0.30, 0.45, *[0.25 / 8] * 8]
    far = [0.001, *[0.111] * 9]

    order = most_suspicious(said([0, 0], [near, far], classes=tuple("abcdefghij")))

    assert order.tolist() == [1, 0]


def test_nothing_said_is_nothing_suspected():
    nobody = said(np.empty(0, np.int64), np.empty((0, 3)))

    assert suspects(nobody) == ()
    assert most_suspicious(nobody).shape == (0,)


# suspects.csv and the verb


def test_a_run_suspects_images_of_its_validation_and_test_part(tmp_path, clear):
    valid = said([0, 1], [knows(0), knows(1)])
    renamed = [f"test/{name}" for name in clear.names]
    test = Predictions(
        names=tuple(renamed), classes=clear.classes, labels=clear.labels, probs=clear.probs
    )

    num = write_suspects(Run(tmp_path), valid, test)

    rows = read_table(tmp_path / "suspects.csv")
    assert num == 2
    assert list(rows[0]) == ["name", "label", "proposed", "probability", "own", "sure", "part"]
    assert [(row["name"], row["sure"], row["part"]) for row in rows] == [
        ("test/14.png", "yes", "test"),
        ("test/3.png", "yes", "test"),
        ("test/25.png", "no", "test"),
    ]


# Enough to be sure of a picture that lies in the wrong folder.
SURE = {**TINY, "epochs": 8, "label_smoothing": 0.0, "rotate": 0, "shift": 0, "zoom": 0}


class Listener(Silence):
    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


def misfile(data: Path) -> list[str]:
    """Two pictures of the left half among those of the right one; returns their names."""
    for number, pixels in enumerate(halves(2, bright=0, seed=9)):
        Image.fromarray(pixels).save(data / "right" / f"wrong-{number}.png")
    return ["right/wrong-0.png", "right/wrong-1.png"]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A folder with two misfiled pictures, a run of two folds on it, and what it said."""
    root = tmp_path_factory.mktemp("suspects")
    data, listener = write_pictures(root / "halves", num=100), Listener()
    wrong = misfile(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0})
        patch.setattr("eyespot.line.single.report", lambda run: run.report.write_text("a page"))
        train(data, settings={**SURE, "folds": 2}, out=root / "run", progress=listener)
    return data, root / "run", wrong, listener.said


@pytest.fixture
def run(crossed, tmp_path):
    """A copy of that run, to be edited."""
    return Path(shutil.copytree(crossed[1], tmp_path / "run"))


def test_folds_find_misfiled_pictures_among_all_and_say_so_once(crossed):
    _, run, wrong, talk = crossed

    rows = read_table(run / "suspects.csv")

    assert {row["name"] for row in rows if row["sure"] == "yes"} == set(wrong)
    assert all((run / f"fold-{number}" / "suspects.csv").exists() for number in (1, 2))
    told = [sentence for sentence in talk if "suspects" in sentence]
    assert told == ["suspects.csv: 2 labels to look at among 202 images"]


def test_an_ordinary_run_says_that_it_looked_at_two_parts(tmp_path, no_report):
    data, listener = write_pictures(tmp_path / "halves", num=100), Listener()
    rows = [(f"{side}/{n}.png", side) for side in ("left", "right") for n in range(100)]
    parts = [("test" if n % 2 else "train", n % 100) for n in range(200)]
    table = [
        (name, "right" if name == "left/1.png" else label, part)
        for (name, label), (part, _) in zip(rows, parts, strict=True)
    ]
    write_table(data / "labels.csv", ("image", "label", "part"), table)

    trained = train(data / "labels.csv", settings=SURE, out=tmp_path / "r", progress=listener)

    assert trained.as_json()["num_doubted"] == 1
    assert listener.said[-1] == (
        "suspects.csv: 1 label to look at among 110 validation and test images; "
        "--folds 5 looks at the training images"
    )


def test_the_verb_shows_the_most_suspicious(eyespot, crossed):
    _, run, wrong, _ = crossed

    answer = eyespot("suspects", run, "--top", 2)
    told = json.loads(eyespot("suspects", run, "--json").out)

    assert answer.code == 0
    header, *lines = answer.out.splitlines()
    assert header.split() == ["name", "label", "proposed", "probability", "sure"]
    assert {line.split()[0] for line in lines} == set(wrong)
    assert all(line.split()[1:3] == ["right", "left"] for line in lines)
    assert told["num_sure"] == 2
    assert {one["name"] for one in told["suspects"][:2]} == set(wrong)
    assert told["suspects"][0]["sure"] is True


def test_from_suspicion_to_a_training_on_the_corrected_table(
    eyespot, crossed, run, tmp_path, no_report
):
    data, _, wrong, _ = crossed
    before, table = contents(data), data.parent / "fixed.csv"

    answer = eyespot("suspects", run, "--fix", table)
    by_table = train(table, settings={**TINY, "epochs": 1}, out=tmp_path / "by-table")
    by_labels = train(data, labels=table, settings={**TINY, "epochs": 1}, out=tmp_path / "labels")

    labels = {row["image"]: row["label"] for row in read_table(table)}
    table.unlink()
    assert answer.code == 0
    assert answer.out == f"{table}: 2 of 202 labels changed\n"
    assert answer.err == f"next: eyespot train {data} --labels {table}\n"
    assert len(labels) == 202
    assert all(label == name.split("/")[0] for name, label in labels.items() if name not in wrong)
    assert [labels[name] for name in wrong] == ["left", "left"]
    for trained, folder in ((by_table, "halves/"), (by_labels, "")):
        known = {row["name"]: row["label"] for row in read_table(trained.run.split)}
        assert known == {folder + name: label for name, label in labels.items()}
    assert contents(data) == before


def test_what_a_person_has_edited_counts(eyespot, run, tmp_path):
    """One row removed, one added with a class of the person's, in a spreadsheet's own dress."""
    rows = read_table(run / "suspects.csv")
    gone = rows.pop(0)
    lines = ["Name;Proposed;Sure", "left/7.png;right;YES", "left/8.png;right;no"]
    lines += [f"{row['name']};{row['proposed']};{row['sure']}" for row in rows]
    (run / "suspects.csv").write_text("\ufeff" + "\r\n".join(lines), "utf-8")

    answer = eyespot("suspects", run, "--fix", tmp_path / "fixed.csv")

    assert answer.code == 0, answer.err
    labels = {row["image"]: row["label"] for row in read_table(tmp_path / "fixed.csv")}
    assert labels["left/7.png"] == "right"
    assert labels["left/8.png"] == "left"
    assert labels[gone["name"]] == gone["label"]


def test_a_table_of_suspects_that_has_gone_is_made_again(eyespot, run):
    before = (run / "suspects.csv").read_bytes()
    (run / "suspects.csv").unlink()

    assert eyespot("suspects", run).code == 0
    assert (run / "suspects.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "left/7.png,rihgt,yes",
            "line 2: the class 'rihgt' is not one of left, right; did you mean 'right'?",
        ),
        ("left/7.png,up,yes", "line 2: the class 'up' is not one of left, right; mend the row or"),
        (
            "lift/7.png,right,yes",
            "line 2: the image 'lift/7.png' is not one of left/0.png, left/1.png, left/10.png, ",
        ),
        ("lift/7.png,right,yes", ", ...; did you mean 'left/7.png'?"),
        ("left/7.png,right,maybe", "line 2: sure = 'maybe' is neither yes nor no"),
        ("left/7.png,right", "line 2: 2 cells under 3 column names; mend the line"),
        (
            "left/7.png,left,yes\nleft/7.png,right,yes",
            "line 3: 'left/7.png' is to be 'left' by a line above, and 'right' here; leave one",
        ),
    ],
)
def test_an_edit_that_cannot_be_meant_is_refused_with_its_line(line, told, eyespot, run, tmp_path):
    (run / "suspects.csv").write_text(f"name,proposed,sure\n{line}\n")

    answer = eyespot("suspects", run, "--fix", tmp_path / "fixed.csv")

    assert answer.code == 3
    assert f"{run / 'suspects.csv'} " in answer.err
    assert told in answer.err
    assert not (tmp_path / "fixed.csv").exists()


@pytest.mark.parametrize("cell", ["much", "nan", "-inf"])
def test_a_table_that_lacks_a_column_or_a_number_is_refused(eyespot, run, tmp_path, cell):
    (run / "suspects.csv").write_text("name,sure\nleft/7.png,yes\n")
    lacking = eyespot("suspects", run, "--fix", tmp_path / "fixed.csv")
    (run / "suspects.csv").write_text(
        f"name,label,proposed,probability,own,sure\nleft/7.png,left,right,{cell},0,yes\n"
    )
    wordy = eyespot("suspects", run)

    assert lacking.code == wordy.code == 3
    assert "has no column 'proposed'; it needs the columns name, proposed, sure" in lacking.err
    assert f"line 2: probability = '{cell}' is no number" in wordy.err


def test_nothing_is_overwritten_and_nothing_put_into_the_data(eyespot, crossed, run, tmp_path):
    data, there = crossed[0], tmp_path / "there.csv"
    there.write_text("mine")
    before = contents(data)

    for name, told in {
        there: f"{there} is already there; name a new file",
        data / "fixed.csv": f"would lie in the data's own folder, {data.resolve()}, and be read",
        data / "left" / "fixed.csv": "would lie in the data's own folder",
        tmp_path / "fixed": "is no table's name; let it end with .csv",
        tmp_path / "labels.csv.quarantine.csv": "has a meaning of its own; name the table otherwi",
    }.items():
        answer = eyespot("suspects", run, "--fix", name)
        assert answer.code == 2
        assert told in answer.err

    assert there.read_text() == "mine"
    assert contents(data) == before


def test_a_folder_that_is_no_run_is_refused(eyespot, tmp_path):
    answer = eyespot("suspects", tmp_path)

    assert answer.code == 3
    assert "is not a finished run" in answer.err


HOSTILE = [
    "=1+1.png",
    "-x.png",
    "a,b.png",
    'say "no".png',
    "two\nlines.png",
    " space .png",
    "é.png",
]


def test_hostile_names_come_through_unchanged(eyespot, tmp_path, no_report):
    """In a folder and in file names, by the table itself and by --labels."""
    data = tmp_path / "data"
    for bright, label in enumerate(("=cmd|' C calc'!A1", "<b>,;\"'")):
        (data / label).mkdir(parents=True)
        names = [*HOSTILE, os.fsdecode(b"odd-\xff.png"), *(f"{n}.png" for n in range(6))]
        for name, pixels in zip(names, halves(14, bright=bright), strict=True):
            Image.fromarray(pixels).save(data / label / name)
    trained = train(data, settings={**TINY, "epochs": 1}, out=tmp_path / "run")
    rows = read_table(trained.run.split)
    classes = sorted({row["label"] for row in rows})
    flipped = [(row["name"], classes[row["label"] == classes[0]], "yes") for row in rows[:9]]
    write_table(trained.run.suspects, ("name", "proposed", "sure"), flipped)
    fixed, again = tmp_path / "fixed.csv", {"settings": {**TINY, "epochs": 1}}

    answer = eyespot("suspects", trained.run.path, "--fix", fixed)
    by_labels = train(data, labels=fixed, out=tmp_path / "by-labels", **again)
    shutil.copytree(data, tmp_path / "beside" / "data")
    shutil.copy(fixed, tmp_path / "beside")
    by_table = train(tmp_path / "beside" / "fixed.csv", out=tmp_path / "by-table", **again)

    assert answer.code == 0, answer.err
    wanted = {row["name"]: row["label"] for row in rows} | {name: new for name, new, _ in flipped}
    for result, folder in ((by_labels, ""), (by_table, "data/")):
        known = {row["name"]: row["label"] for row in read_table(result.run.split)}
        assert known == {folder + name: label for name, label in wanted.items()}


def test_arrays_are_trained_again_with_the_corrected_labels(eyespot, tmp_path, no_report):
    path, fixed = tmp_path / "halves.npz", tmp_path / "fixed.csv"
    images = np.concatenate([halves(20, bright=0), halves(20, bright=1)])
    np.savez(path, images=images, labels=np.repeat(["left", "right"], 20))
    trained = train(path, settings={**TINY, "epochs": 1}, out=tmp_path / "run")
    write_table(trained.run.suspects, ("name", "proposed", "sure"), [("00003", "right", "yes")])

    answer = eyespot("suspects", trained.run.path, "--fix", fixed, "--json")
    again = eyespot("train", path, "--labels", fixed, "--set", "epochs=1", "--out", tmp_path / "2")

    assert json.loads(answer.out) == {"table": str(fixed), "num": 40, "num_changed": 1}
    assert answer.err == f"next: eyespot train {path} --labels {fixed}\n"
    assert again.code == 0, again.err
    labels = {row["name"]: row["label"] for row in read_table(tmp_path / "2" / "split.csv")}
    assert labels["00003"] == "right"
    assert Counter(labels.values()) == {"left": 19, "right": 21}


def test_what_to_type_next_names_columns_and_quarantine(eyespot, tmp_path, no_report):
    data = write_pictures(tmp_path / "my pictures", num=12)
    rows = [(f"{side}/{n}.png", side) for side in ("left", "right") for n in range(12)]
    write_table(data / "t.csv", ("picture", "kind"), rows)
    write_table(tmp_path / "q.csv", ("name",), [("left/0.png",)])
    columns = "image=picture,label=kind"
    answer = eyespot(
        *("train", data / "t.csv", "--columns", columns, "--quarantine", tmp_path / "q.csv"),
        *("--set", "epochs=1", "--out", tmp_path / "run"),
    )
    assert answer.code == 0, answer.err

    fixed = eyespot("suspects", tmp_path / "run", "--fix", data / "fixed.csv")

    assert fixed.err == (
        f"next: eyespot train '{data}/t.csv' --columns {columns} --quarantine {tmp_path}/q.csv "
        f"--labels '{data}/fixed.csv'\n"
    )
    beside = library.read(data / "fixed.csv")
    assert len(beside) == 23
