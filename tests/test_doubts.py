"""What the report says could make its number untrue, on runs that are made to have it."""

import shutil
from pathlib import Path

import numpy as np

from conftest import TINY, halves
from eyespot import train
from eyespot.files.run import write_predictions
from eyespot.files.tables import read_table
from eyespot.reports import report
from eyespot.values.dataset import Dataset
from eyespot.values.predictions import Predictions
from made_runs import Page, answers, fake_run


def text_of(folder: Path, **made: object) -> str:
    """The words of the page of a made-up run."""
    return Page(report(fake_run(folder, **made))).text  # type: ignore[arg-type]


def test_luck_and_what_was_left_out_are_said(tmp_path: Path) -> None:
    broken = [(f"{index}.png", "broken", "not an image") for index in range(3)]
    run = fake_run(tmp_path / "run-1", classes=("cat", "dog"), num=30, left_out=broken)
    test = answers(("cat", "dog"), 30, seed=1)
    always_cat = np.tile(np.float32([0.9, 0.1]), (30, 1))
    test = Predictions(names=test.names, classes=test.classes, labels=test.labels, probs=always_cat)
    write_predictions(run, test, test, {})

    text = Page(report(run)).text

    assert "Always answering “cat” would be right in 50.0 %: the model is not proven" in text
    assert "The model never answered “dog” on the test images." in text
    assert "The interval is 33.7 points wide: 30 test images cannot tell apart" in text
    assert "2 classes have fewer than 20 test images" in text
    assert "“cat” (15) and “dog” (15)" in text
    assert "3 files or rows were left out, neither learnt nor judged: broken (3)." in text


def test_what_was_found_but_used_is_not_called_left_out(tmp_path: Path) -> None:
    found = [
        ("00001.png", "leak", "the same picture as a.png of the test part"),
        ("00002.png", "contradicting-label", "the same picture as b.png, labelled '1' and '2'"),
        ("7", "thin-class", "class '7' has no image in the test part: it is not judged"),
    ]
    broken = [("elsewhere.png", "contradicting-label", "left out until one label remains")]
    text = text_of(tmp_path / "run-1", left_out=broken, found=found)

    assert "1 image outside the test part equals one inside it" in text
    assert "1 image also occurs under another label" in text
    assert "1 file or row was left out, neither learnt nor judged: contradicting-label (1)" in text


def test_a_leak_into_validation_is_told_from_one_into_the_test_part(tmp_path: Path) -> None:
    near = "looks the same as x.png of the {} part"
    found = [(f"{index}.png", "near-leak", near.format("valid")) for index in range(4)]
    found += [(f"{index}.png", "near-leak", near.format("test")) for index in range(4, 6)]
    text = text_of(tmp_path / "run-1", found=found)

    assert "2 images outside the test part have a near twin inside it" in text
    assert "4 training images are the same, or nearly, as one of the validation part" in text


def test_torn_groups_and_chains_are_told(tmp_path: Path) -> None:
    found = [("a", "torn-group", "of the group 'g'"), ("b", "near-chain", "120 images look alike")]
    text = text_of(tmp_path / "run-1", found=found)

    assert "1 group has images in more than one part" in text
    assert "1 class is mostly images that look alike one to the next" in text


def test_a_validation_score_far_above_test_is_told(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run-1", num=2000, certainty=3.0)
    test = run.read_predictions("test")
    write_predictions(run, answers(test.classes, 2000, seed=2, certainty=12.0), test, {})

    assert "lies above test accuracy by more than chance" in Page(report(run)).text


def test_a_sound_run_is_said_to_be_sound(tmp_path: Path) -> None:
    text = text_of(tmp_path / "run-1", num=3000)

    assert "Nothing found that makes this number doubtful" in text
    assert "No test image has a twin in training" in text


def test_a_training_finds_the_twins_that_its_set_has_put_into_both_parts(tmp_path: Path) -> None:
    """Of 30 test images that the set came with, 3 are in training, too, and 2 a little brighter."""
    pictures = np.concatenate([halves(60, bright=k, side=28, seed=k) for k in (0, 1)])
    labels, names = np.repeat([0, 1], 60), [f"{index:03d}" for index in range(120)]
    parts = np.where(np.arange(120) % 4 == 0, "test", "train")
    copies = np.concatenate([pictures[[0, 4, 64]], np.clip(pictures[[8, 72]] + 1, 0, 255)])
    data = Dataset(
        name="halves",
        form="arrays",
        images=np.concatenate([pictures, copies.astype(np.uint8)]),
        names=(*names, "copy-a", "copy-b", "copy-c", "near-a", "near-b"),
        labels=np.concatenate([labels, [0, 0, 1, 0, 1]]),
        classes=("left", "right"),
        parts=(*parts.tolist(), *["train"] * 5),
    )

    trained = train(data, settings=TINY, out=tmp_path / "run")

    kinds = [row["kind"] for row in read_table(trained.run.issues)]
    assert (kinds.count("leak"), kinds.count("near-leak")) == (3, 2)
    text = Page(trained.run.report).text
    assert "3 images outside the test part equal one inside it" in text
    assert "2 images outside the test part have a near twin inside it" in text
    assert "3 images have the very pixels of another one" in text
    shutil.rmtree(trained.run.path)
