"""The report of a made-up run, and what hostile names can do to it: nothing."""

import base64
import builtins
import io
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import astuple, fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from eyespot.errors import DataError, MissingExtra
from eyespot.evaluation import examples
from eyespot.files import Run, write_json, write_predictions, write_table, write_text
from eyespot.reports import report
from eyespot.reports.words import duration, listed, percent, printable, short
from eyespot.values import PARTS, Epoch, Predictions

HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    "two\nlines\tand \x1b[31mred",
    "bytes \udcff\udc80 of another encoding",
    "lone \ud800 surrogate",
    "$\\frac{1$ {{ 7 * 7 }} {% raw %}",
    "\u202egnp.tac",
    "kitten 小猫 🐈",
    '" onload="alert(1)',
    "long " * 2000,
)


def answers(
    classes: Sequence[str], num: int, *, seed: int, certainty: float = 7.0, name: str = "{:05d}.png"
) -> Predictions:
    """What a decent model might say: mostly right, at times sure and wrong."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(num) % len(classes))
    logits = random.normal(size=(num, len(classes))) * 1.6
    logits[np.arange(num), labels] += certainty
    probs = np.exp(logits)
    return Predictions(
        names=tuple(name.format(index) for index in range(num)),
        classes=tuple(classes),
        labels=labels.astype(np.int64),
        probs=(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32),
    )


def fake_run(
    folder: Path,
    *,
    classes: Sequence[str] = tuple("0123456789"),
    num: int = 360,
    epochs: int = 20,
    certainty: float = 7.0,
    left_out: Sequence[tuple[str, str, str]] = (),
    found: Sequence[tuple[str, str, str]] = (),
    name: str = "digits",
    file_name: str = "{:05d}.png",
) -> Run:
    """A finished run folder without a model, as the line would leave it."""
    folder.mkdir(parents=True)
    run = Run(folder)
    test = answers(classes, num, seed=1, certainty=certainty, name=file_name)
    valid = answers(classes, max(num // 2, 1), seed=2, certainty=certainty)
    digits = load_digits()
    pool = [
        (digits.images[digits.target == k % 10][:, :, :, None] * 15.9).astype(np.uint8)
        for k in range(10)
    ]
    label_of = dict(zip(test.names, test.labels.tolist(), strict=True))
    pictures = {
        one: pool[label_of[one] % 10][index % 100] for index, one in enumerate(examples(test))
    }
    write_predictions(run, valid, test, pictures)
    write_text(run.recipe, 'name = "quick"\nnet = "small"\nepochs = 20\nrate = 0.003\nseed = 0\n')
    progress = [1 - np.exp(-epoch / 4) for epoch in range(1, epochs + 1)]
    history = [
        Epoch(
            epoch=index + 1,
            train_loss=2.3 * (1 - done) + 0.02,
            train_accuracy=0.12 + 0.87 * done,
            valid_loss=2.1 * (1 - done) + 0.07 + 0.002 * index,
            valid_accuracy=0.2 + 0.78 * done - 0.0005 * index,
            rate=0.003 * (1 - index / epochs),
            seconds=0.25,
        )
        for index, done in enumerate(progress)
    ]
    write_table(run.history, [field.name for field in fields(Epoch)], map(astuple, history))
    write_table(run.quarantine, ("name", "kind", "detail"), left_out)
    write_table(run.issues, ("name", "kind", "detail"), [*left_out, *found])
    counts = {
        part: np.bincount(np.arange(total) % len(classes), minlength=len(classes)).tolist()
        for part, total in zip(PARTS, (3 * num, num // 2, num), strict=True)
    }
    write_json(
        run.origin,
        {
            "eyespot": "0.1.0",
            "command": f"eyespot train {name}",
            "created": "2026-11-21T08:00:00+00:00",
            "seconds": 12.34,
            "train_seconds": 5.1,
            "versions": {"python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6"},
            "device": "cpu",
            "precision": "bfloat16",
            "threads": 2,
            "processor": "AMD EPYC",
            "best_epoch": max(epochs - 3, 1),
            "num_parameters": 123456,
            "dataset": {
                "name": name,
                "form": "scikit-learn's handwritten digits",
                "fingerprint": "ab12cd34ef56",
                "classes": list(classes),
                "counts": counts,
                "colour": "grey",
                "split": "60 % training, 20 % validation, 20 % test, stratified",
            },
            "notes": ["Flips are off: they would change what a digit says."],
        },
    )
    return run


class Page(HTMLParser):
    """The text and the tags of a page; a bad nesting raises."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_bytes().decode("utf-8"))
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def test_the_page_answers_in_the_order_in_which_a_person_asks(tmp_path: Path) -> None:
    text = Page(report(fake_run(tmp_path / "digits-1"))).text

    asked = [
        "Which of 10 classes does an image show?",
        "of 360 test images classified correctly, with a 95 % interval from",
        "Is the data all right?",
        "How did training go?",
        "Of 20 epochs, number 17 was chosen",
        "Where is it wrong?",
        "Worst mistakes",
        "What does it say?",
        "How to repeat it",
        "eyespot train digits",
        "ab12cd34ef56",
    ]
    places = [text.find(words) for words in asked]
    assert -1 not in places
    assert places == sorted(places)


def test_the_files_that_people_look_for_are_written(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "digits-1")

    assert report(run) == run.report
    for name in ("accuracy", "loss", "confusion_matrix", "class_distribution", "predictions"):
        assert (run.path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    table = (run.path / "classification_report.txt").read_text("utf-8").splitlines()
    assert table[0].split() == ["precision", "recall", "f1", "images"]
    assert [line.split()[0] for line in table[1:11]] == list("0123456789")
    assert len({len(line) for line in table[:11]}) == 1


def test_the_page_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    page = Page(report(fake_run(tmp_path / "digits-1")))

    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base"}
    for tag, attributes in page.tags:
        for key in ("src", "href", "xlink:href"):
            target = attributes.get(key) or "#"
            assert target.startswith(("#", "data:image/png;base64,")), (tag, target[:80])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_needs_the_run_folder_alone_and_is_the_same_again(tmp_path: Path) -> None:
    first = report(fake_run(tmp_path / "a" / "digits-1")).read_bytes()
    shutil.move(tmp_path / "a" / "digits-1", tmp_path / "digits-1")

    assert report(Run(tmp_path / "digits-1")).read_bytes() == first
    assert len(first) < 300_000


def test_hostile_names_are_text(tmp_path: Path) -> None:
    left_out = [(name, f"kind {name}", f"detail {name}") for name in HOSTILE]
    run = fake_run(
        tmp_path / "run-1",
        classes=HOSTILE,
        num=200,
        certainty=2.0,
        left_out=left_out,
        name=HOSTILE[0],
        file_name="<b>{:03d}\udcff</b>.png",
    )

    page = Page(report(run))

    assert "script" not in {tag for tag, _ in page.tags}
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert "<script>alert(1)</script>" in page.text
    assert "bytes \\udcff\\udc80 of another encoding" in page.text
    assert "two\\nlines\\tand \\x1b[31mred" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "kitten 小猫 🐈" in page.text
    assert "\u202e" not in page.text
    assert len(page.text) < 40_000
    assert "小猫" in (run.path / "classification_report.txt").read_text("utf-8")


def test_colour_pictures_are_inlined_whole(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run-1", classes=("cat", "dog"), certainty=2.0)
    test, valid = run.read_predictions("test"), run.read_predictions("valid")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    write_predictions(run, valid, test, dict.fromkeys(examples(test), picture))

    page = Page(report(run))

    shown = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(shown) == 48
    for attributes in shown:
        data = base64.b64decode((attributes["src"] or "").partition(",")[2])
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), picture)


def test_a_thousand_classes_make_a_page_that_a_browser_can_carry(tmp_path: Path) -> None:
    classes = [f"species {index:04d}" for index in range(1100)]
    run = fake_run(tmp_path / "run-1", classes=classes, num=4400, certainty=5.0)

    page = Page(report(run))

    assert run.report.stat().st_size < 2_000_000
    assert "Most frequent confusions" in page.text
    assert "The other 1,070 classes" in page.text
    assert "1,100 classes have fewer than 20 test images" in page.text


@pytest.mark.parametrize("num", [1, 2, 31, 62])
def test_any_number_of_classes_can_be_shown(tmp_path: Path, num: int) -> None:
    run = fake_run(tmp_path / "run-1", classes=[f"c{k}" for k in range(num)], num=max(40, num))

    assert Page(report(run)).text.count("Class by class") == 1


def test_one_epoch_one_image_and_no_mistake_can_be_shown(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run-1", classes=("a", "b"), num=1, epochs=1, certainty=30.0)

    text = Page(report(run)).text

    assert "of 1 test image classified correctly" in text
    assert "Nowhere: it made no mistake on 1 test image." in text
    assert "Of 1 epoch, number 1 was chosen" in text


def test_what_could_make_the_number_untrue_is_said(tmp_path: Path) -> None:
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
    assert "3 files or rows were left out and not judged: broken (3)." in text


def test_what_was_found_but_used_is_not_called_left_out(tmp_path: Path) -> None:
    found = [
        ("00001.png", "leak", "the same picture as a.png of the training part"),
        ("00002.png", "contradicting-label", "the same picture as b.png, labelled '1' and '2'"),
        ("7", "thin-class", "class '7' has no image in the test part: it is not judged"),
    ]
    broken = [("elsewhere.png", "contradicting-label", "left out until one label remains")]
    text = Page(report(fake_run(tmp_path / "run-1", left_out=broken, found=found))).text

    assert "1 image outside the training part equals one inside it" in text
    assert "1 image also occurs under another label" in text
    assert "1 file or row was left out and not judged: contradicting-label (1)." in text


@pytest.mark.parametrize("num_valid", [0, 5])
def test_a_run_without_a_test_part_claims_no_number(tmp_path: Path, num_valid: int) -> None:
    run = fake_run(tmp_path / "run-1", classes=("cat", "dog"), num=8)
    valid = answers(("cat", "dog"), num_valid, seed=2)
    write_predictions(run, valid, answers(("cat", "dog"), 0, seed=1), {})
    history = [
        Epoch(
            epoch=number,
            train_loss=0.5,
            train_accuracy=0.8,
            valid_loss=float("nan"),
            valid_accuracy=float("nan"),
            rate=0.001,
            seconds=0.1,
        )
        for number in (1, 2)
    ]
    write_table(run.history, [field.name for field in fields(Epoch)], map(astuple, history))

    text = Page(report(run)).text

    assert "How well it does is not known: no image was kept apart as a test part." in text
    assert "Where is it wrong?" not in text
    assert ("validation accuracy" in text) is bool(num_valid)


def test_a_sound_run_is_said_to_be_sound(tmp_path: Path) -> None:
    text = Page(report(fake_run(tmp_path / "run-1", num=3000))).text

    assert "Nothing found that makes this number doubtful" in text


def test_a_run_without_its_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a finished run"):
        report(Run(tmp_path))


@pytest.mark.parametrize("damage", ["{}", "[]", '{"command": 3}'])
def test_a_torn_origin_is_refused(tmp_path: Path, damage: str) -> None:
    run = fake_run(tmp_path / "run-1")
    write_text(run.origin, damage)

    with pytest.raises(DataError, match="was written by another version or is torn"):
        report(run)


def test_without_matplotlib_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *rest, **more)

    for module in [name for name in sys.modules if name.startswith("eyespot.reports.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MissingExtra) as error:
        report(Run(tmp_path))

    assert str(error.value) == (
        "A report needs matplotlib; install it with: pip install 'eyespot[train]'"
    )


@pytest.mark.parametrize(
    ("share", "digits", "words"),
    [
        (0.983, 1, "98.3 %"),
        (1.0, 0, "100 %"),
        (0.999, 0, ">99 %"),
        (0.001, 0, "<1 %"),
        (0.0, 1, "0.0 %"),
    ],
)
def test_a_share_is_rounded_honestly(share: float, digits: int, words: str) -> None:
    assert percent(share, digits).replace("\u00a0", " ") == words


def test_words_are_those_a_person_would_use() -> None:
    assert [duration(s).replace("\u00a0", " ") for s in (0.25, 12.3, 59.97, 245, 7380)] == [
        "0.25 s",
        "12.3 s",
        "1 min 0 s",
        "4 min 5 s",
        "2 h 3 min",
    ]
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_short_keeps_both_ends_and_the_width() -> None:
    assert short("a" * 30 + "b" * 30, 11) == "aaaaa…bbbbb"
    assert short("cat", 11) == "cat"
    assert len(short("\x00" * 1000, 20)) == 20


def test_every_printable_name_can_be_encoded() -> None:
    for name in HOSTILE:
        assert printable(printable(name)) == printable(name)
        assert re.fullmatch(r"[^\x00-\x1f]*", printable(name).encode("utf-8").decode("utf-8"))
