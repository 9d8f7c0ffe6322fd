"""The report of a made-up run, and what hostile names can do to it: nothing."""

import base64
import builtins
import io
import re
import shutil
import sys
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyespot.errors import DataError, MissingExtra
from eyespot.evaluation import examples, judge
from eyespot.evaluation.conformal import judge_sets
from eyespot.files.atomic import write_text
from eyespot.files.run import Run, write_predictions
from eyespot.files.tables import write_table
from eyespot.reports import report
from eyespot.reports.plaintext import classification_report, set_report
from eyespot.reports.words import duration, listed, percent, printable, short
from eyespot.values.predictions import Predictions
from eyespot.values.training import Epoch
from made_runs import HOSTILE, Page, answers, fake_run


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
    assert table[0].split() == "class precision recall its 95 % interval F1 images".split()
    assert [line.split()[0] for line in table[1:11]] == list("0123456789")
    assert len({len(line) for line in table[:11]}) == 1


def test_the_page_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    Page(report(fake_run(tmp_path / "digits-1"))).check_harmless()


def test_a_mistake_on_the_map_leads_to_its_images(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "digits-1", certainty=3.0)
    test = run.read_predictions("test")

    page = Page(report(run))

    pairs = zip(test.labels.tolist(), test.predicted.tolist(), strict=True)
    wrong = {f"cell-{truth}-{said}" for truth, said in pairs if truth != said}
    assert len(wrong) > 20
    assert wrong == set(page.ids("cell-"))
    assert {f"#{anchor}" for anchor in wrong} == set(page.links)
    assert len(re.findall(r"taken for \d", page.text)) == len(wrong)


def test_what_cannot_be_shown_is_not_linked(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "digits-1", certainty=3.0)
    test, valid = run.read_predictions("test"), run.read_predictions("valid")
    write_predictions(run, valid, test, {})

    page = Page(report(run))

    assert page.links == []
    assert "What was taken for what" not in page.text


def test_confusions_of_many_classes_lead_to_their_images(tmp_path: Path) -> None:
    classes = [f"species {index:02d}" for index in range(60)]
    page = Page(report(fake_run(tmp_path / "run-1", classes=classes, num=600, certainty=5.0)))

    assert len(page.links) == 20
    assert {link[1:] for link in page.links} <= set(page.ids("cell-"))


def test_beside_each_of_the_worst_mistakes_lies_its_heat(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "digits-1", certainty=3.0)

    page = Page(report(run))

    heats = [one for tag, one in page.tags if one.get("alt") == "where the net looked"]
    assert len(heats) == 24
    assert "in colour, where the net looked" in page.text


def test_refusals_are_counted_and_marked(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "digits-1", certainty=4.0)
    test = run.read_predictions("test")
    assert test.refusal is not None
    refused, wrong = test.refusal > 1, test.predicted != test.labels

    text = Page(report(run)).text

    share = percent(float(refused.mean()), 1).replace("\u00a0", " ")
    both = int((refused & wrong).sum())
    assert f"{share} of the test images are called unknown" in text
    assert f"{both} of the {int(wrong.sum())} mistakes among them" in text
    assert (run.path / "refusals.png").exists()


def test_a_run_of_an_earlier_version_has_a_page_without_what_it_does_not_know(
    tmp_path: Path,
) -> None:
    run = fake_run(tmp_path / "digits-1", certainty=4.0, earlier=True)

    text = Page(report(run)).text

    assert "unknown" not in text
    assert "where the net looked" not in text
    assert "How sure is it?" in text
    assert not (run.path / "refusals.png").exists()


def test_two_classes_have_their_curves(tmp_path: Path) -> None:
    two = Page(report(fake_run(tmp_path / "two", classes=("cat", "dog"), certainty=2.0))).text
    ten = Page(report(fake_run(tmp_path / "ten"))).text

    assert "With “dog” as what is looked for: area under the ROC curve 0." in two
    assert "ROC" not in ten


def test_labels_that_are_surely_wrong_are_proposed_with_their_picture(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "digits-1", num=1000, certainty=12.0)
    test, valid = run.read_predictions("test"), run.read_predictions("valid")
    labels = test.labels.copy()
    labels[:3] = (labels[:3] + 1) % 10
    mislabelled = replace(test, labels=labels)
    pictures = {name: np.zeros((8, 8, 1), np.uint8) for name in test.names[:2]}
    write_predictions(run, valid, mislabelled, pictures)

    text = Page(report(run)).text

    assert "3 labels may be wrong" in text
    for row in range(3):
        assert re.search(
            rf"is {labels[row]} \(<1 %\) rather {test.labels[row]} >99 % {test.names[row]}", text
        )


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

    page.check_harmless()
    assert "<script>alert(1)</script>" in page.text
    assert "bytes \\udcff\\udc80 of another encoding" in page.text
    assert "two\\nlines\\tand \\x1b[31mred" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "kitten 小猫 🐈" in page.text
    assert len(page.text) < 60_000
    assert "小猫" in (run.path / "classification_report.txt").read_text("utf-8")


def test_a_class_written_from_right_to_left_turns_no_number_around(tmp_path: Path) -> None:
    """`43 %` after a Hebrew name, or `(5)` between two of them, would stand on its wrong side."""
    classes = ("כלב", "חתול", "<b>”“")
    page = report(fake_run(tmp_path / "run-1", classes=classes, num=30, certainty=0.0))
    text = page.read_text("utf-8")

    assert "always “<bdi>כלב</bdi>” would give" in text
    assert "“<bdi>כלב</bdi>” (10)" in text
    assert re.search(r"is <bdi>(כלב|חתול)</bdi> \(\d+", text)
    assert "b { unicode-bidi: isolate; }" in text
    Page(page).check_harmless()


def test_colour_pictures_are_inlined_whole(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run-1", classes=("cat", "dog"), certainty=2.0)
    test, valid = run.read_predictions("test"), run.read_predictions("valid")
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    write_predictions(run, valid, test, dict.fromkeys(examples(test), picture))

    page = Page(report(run))

    shown = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(shown) > 100
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


def test_the_text_of_two_classes_has_their_ranking_and_what_is_refused() -> None:
    random = np.random.default_rng(0)
    scores = random.random(200)
    said = Predictions(
        names=("",) * 200,
        classes=("cat", "\x1b[31mdog"),
        labels=(random.random(200) < scores).astype(np.int64),
        probs=np.stack([1 - scores, scores], axis=1),
        refusal=np.where(np.arange(200) < 10, 2.0, 0.5),
    )
    text = classification_report(judge(said))

    ranking = next(line for line in text.splitlines() if line.startswith("ROC AUC"))
    assert ranking.endswith("of '\\x1b[31mdog'")
    assert "\x1b" not in text
    refused = next(line for line in text.splitlines() if line.startswith("refused"))
    assert refused.split()[1:] == "0.0500 0.0274 to 0.0896 called unknown".split()
    assert not any(line.startswith("top-") for line in text.splitlines())


def test_the_text_of_sets_says_what_they_hold_or_why_they_hold_all() -> None:
    said = Predictions(
        names=("a", "b"), classes=("x", "y"), labels=np.array([0, 1]), probs=np.eye(2) * 0.8 + 0.1
    )

    assert set_report(judge_sets(said, np.full(30, 0.5), 0.95)).splitlines() == [
        "sets for 95 %      value     95 % interval",
        "hold the truth    1.0000  0.3424 to 1.0000  of 2 images",
        "have one class    1.0000  0.3424 to 1.0000",
        "classes in a set  1.0000  1.0000 to 1.0000",
    ]
    assert set_report(judge_sets(said, np.full(5, 0.5), 0.95)) == (
        "too few validation images for 95 %: every set holds all classes\n"
    )
