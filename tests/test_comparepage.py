"""The page of several runs: what it says, where it lies, and that hostile names do nothing."""

import re
from pathlib import Path

import numpy as np
import pytest

from eyespot.errors import DataError, UsageError
from eyespot.files.run import Run, write_predictions
from eyespot.reports import compare_page
from eyespot.values.predictions import Predictions
from made_runs import HOSTILE, Page, answers, fake_run


def improved(run: Run, num: int) -> list[str]:
    """Mends the first `num` mistakes of a run's test part; returns their names."""
    test, valid = run.read_predictions("test"), run.read_predictions("valid")
    probs = test.probs.copy()
    wrong = np.flatnonzero(test.predicted != test.labels)[:num]
    probs[wrong] = 0.01
    probs[wrong, test.labels[wrong]] = 1 - 0.01 * (probs.shape[1] - 1)
    mended = Predictions(names=test.names, classes=test.classes, labels=test.labels, probs=probs)
    write_predictions(run, valid, mended, run.read_pictures())
    return [test.names[row] for row in wrong]


def test_the_page_answers_side_by_side(tmp_path: Path) -> None:
    one = fake_run(tmp_path / "one", certainty=4.0)
    two = fake_run(tmp_path / "two", certainty=4.0)
    mended = improved(two, 12)
    two.recipe.write_text('name = "quick"\nnet = "large"\nepochs = 20\nrate = 0.003\nseed = 0\n')

    page = Page(compare_page([one, two], tmp_path / "compare.html"))

    asked = [
        "2 runs side by side",
        f"{two.path.as_posix()[-15:]} is better than",
        "What differs?",
        "net small large",
        "data fingerprint ab12cd34ef56 ab12cd34ef56",
        "How did training go?",
        "Where do they differ?",
        "is right: 12 images, the clearest first.",
        "is right: no image.",
        "Class by class",
        "How sure are they?",
    ]
    places = [page.text.find(words) for words in asked]
    assert -1 not in places, asked[places.index(-1)]
    assert places == sorted(places)
    assert "epochs" not in page.text[places[2] : places[4]]
    shown = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert sorted(shown) == sorted(mended)


def test_runs_judged_by_other_images_are_not_tested(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / "one"), fake_run(tmp_path / "two", num=200)]

    text = Page(compare_page(runs, tmp_path / "compare.html")).text

    assert re.search(r"Judged by other images than .*one, so not compared with it", text)
    assert "Where do they differ?" not in text
    assert "p =" not in text
    assert "McNemar" not in text


def test_any_number_of_runs_and_classes_fits(tmp_path: Path) -> None:
    classes = [f"species {index:03d}" for index in range(300)]
    runs = [
        fake_run(tmp_path / f"run-{seed}", classes=classes, num=900, certainty=5.0)
        for seed in range(8)
    ]
    improved(runs[3], 5)

    page = Page(compare_page(runs, tmp_path / "compare.html"))

    page.check_harmless()
    assert "The other 270 classes" in page.text
    assert "by Holm's rule for 7 tests" in page.text


def test_runs_of_other_classes_stand_side_by_side(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / "one", classes=("cat", "dog")),
        fake_run(tmp_path / "two", classes=("cat", "cow"), earlier=True),
    ]

    text = Page(compare_page(runs, tmp_path / "compare.html")).text

    assert re.search(r"dog 180 [01]\.\d+ – ", text)
    assert "so not compared with it" in text


def test_hostile_names_are_text(tmp_path: Path) -> None:
    runs = []
    for folder in ("<script>alert(1)<", '" onload="alert(1)', "\u202egnp.tac"):
        made = fake_run(
            tmp_path / folder,
            classes=HOSTILE,
            num=200,
            certainty=2.0,
            name=HOSTILE[1],
            file_name="<b>{:03d}\udcff</b>.png",
        )
        runs.append(made)
    improved(runs[1], 20)

    page = Page(compare_page(runs, tmp_path / "compare.html"))

    page.check_harmless()
    assert "<script>alert(1)<" in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_an_earlier_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / "one"), fake_run(tmp_path / "two")]
    page, diary = tmp_path / "compare.html", tmp_path / "diary.html"
    diary.write_text("<p>dear diary</p>")

    first = compare_page(runs, page).read_bytes()

    assert compare_page(runs, page).read_bytes() == first
    with pytest.raises(UsageError, match="is there and no page of eyespot; name another"):
        compare_page(runs, diary)
    with pytest.raises(UsageError, match="is a folder; name a file for the page"):
        compare_page(runs, tmp_path)
    assert diary.read_text() == "<p>dear diary</p>"


def test_a_run_that_is_not_finished_has_no_page(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "one")
    (tmp_path / "two").mkdir()
    write_predictions(Run(tmp_path / "two"), answers("ab", 0, seed=0), answers("ab", 4, seed=0), {})

    with pytest.raises(DataError, match="is not a finished run"):
        compare_page([run, Run(tmp_path / "two")], tmp_path / "compare.html")


def test_the_verb_says_where_the_page_lies(eyespot, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    one, two = fake_run(Path("one")), fake_run(Path("two"))

    answer = eyespot("compare", one.path, two.path)
    other = eyespot("compare", one.path, two.path, "--out", "other.html", "--json")

    assert answer.code == 0
    assert answer.err.endswith("page: compare.html\n")
    assert Path("compare.html").exists()
    assert '"page": "other.html"' in other.out


def test_a_page_that_cannot_be_written_fails_after_the_numbers(eyespot, tmp_path) -> None:  # type: ignore[no-untyped-def]
    one, two = fake_run(tmp_path / "one"), fake_run(tmp_path / "two")

    answer = eyespot("compare", one.path, two.path, "--out", tmp_path / "nowhere" / "page.html")

    assert answer.code == 4
    assert "difference" in answer.out
    assert re.search(r"^eyespot: .*page\.html cannot be written: No such file", answer.err)
