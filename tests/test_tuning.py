"""A search for a recipe: by the validation part alone, and never begun anew."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import eyespot
from conftest import halves
from eyespot.errors import MissingExtra, UsageError
from eyespot.files.tables import read_table
from eyespot.line.engine import Here
from eyespot.line.searching import spans_of, study_of
from eyespot.training.recipe import Recipe
from eyespot.values.dataset import Dataset

FIELDS = {"kind": "ink", "epochs": 2, "width": 8, "batch": 16}


def data(*, test: int = 0) -> Dataset:
    """90 halves, a third of which is the test part, or is `test` levels brighter."""
    images = np.concatenate([halves(45, bright=side) for side in (0, 1)])
    parts = np.array(["train", "train", "train", "valid", "test"] * 18)
    images[parts == "test"] += np.uint8(test)
    return Dataset(
        name="halves",
        form="made",
        images=images,
        names=tuple(map(str, range(90))),
        labels=np.repeat([0, 1], 45),
        classes=("left", "right"),
        parts=tuple(parts.tolist()),
    )


@pytest.fixture
def tune():
    pytest.importorskip("optuna", reason="needs the extra tune")
    from eyespot.line.tuning import tune

    return tune


def test_a_search_leaves_a_recipe_that_trains_a_table_and_a_picture(tmp_path, tune):
    tuned = tune(data(), settings=FIELDS, trials=3, out=tmp_path / "search")

    rows = read_table(tmp_path / "search" / "trials.csv")
    assert [row["trial"] for row in rows] == ["1", "2", "3"]
    assert (tmp_path / "search" / "search.png").read_bytes().startswith(b"\x89PNG")
    assert tuned.winner.accuracy >= tuned.first.accuracy
    recipe = Recipe(**tomllib.loads(tuned.recipe.read_text()))
    assert recipe.rate == tuned.winner.fields["rate"] and recipe.width == 8
    trained = eyespot.train(data(), recipe=tuned.recipe, out=tmp_path / "run")
    assert trained.evaluation.num == 18


def test_the_first_trial_is_the_recipe_itself(tmp_path, tune):
    settings = {**FIELDS, "rate": 0.01, "zoom": 0.1}
    tuned = tune(data(), settings=settings, trials=1, over=["rate", "zoom"], out=tmp_path / "s")

    assert tuned.first.fields == {"rate": 0.01, "zoom": 0.1}
    trained = eyespot.train(data(), settings=settings, out=tmp_path / "run")
    history = read_table(trained.run.history)
    assert tuned.first.accuracy == max(float(row["valid_accuracy"]) for row in history)


def test_the_test_part_changes_nothing(tmp_path, tune):
    rows = []
    for number, brightness in enumerate((0, 10)):
        tune(data(test=brightness), settings=FIELDS, trials=3, out=tmp_path / str(number))
        rows.append(read_table(tmp_path / str(number) / "trials.csv"))
    for row in [*rows[0], *rows[1]]:
        row.pop("seconds")

    assert rows[0] == rows[1]


def test_a_search_goes_on_where_it_was_killed(tmp_path, tune):
    """A trial that was cut off does not count; those that ended are not made again."""
    whole = tune(data(), settings=FIELDS, trials=4, out=tmp_path / "whole")
    tune(data(), settings=FIELDS, trials=2, out=tmp_path / "cut")
    study_of(tmp_path / "cut" / "trials.journal").ask()  # as a kill leaves it

    again = tune(data(), settings=FIELDS, trials=4, out=tmp_path / "cut")

    assert [trial.number for trial in again.trials] == [1, 2, 4, 5]
    assert [trial.fields for trial in again.trials[:2]] == [t.fields for t in whole.trials[:2]]


def test_the_recipe_itself_is_tried_again_if_it_was_cut_off(tmp_path, tune):
    class Interrupted(Here):
        def each(self, task, shared, items, tell):
            study_of(shared.journal).ask()  # as a kill leaves it
            raise KeyboardInterrupt

    settings = {**FIELDS, "rate": 0.01, "zoom": 0.1}
    asked = {"settings": settings, "trials": 2, "over": ["rate", "zoom"], "out": tmp_path / "s"}
    with pytest.raises(KeyboardInterrupt) as error:
        tune(data(), engine=Interrupted(), **asked)

    assert error.value.__notes__ == [f"go on with the same command and --out {tmp_path / 's'}"]
    tuned = tune(data(), **asked)
    assert tuned.first.fields == {"rate": 0.01, "zoom": 0.1}
    assert len(tuned.trials) == 2


def test_another_search_is_not_mixed_in(tmp_path, tune):
    tune(data(), settings=FIELDS, trials=1, out=tmp_path / "search")
    with pytest.raises(UsageError, match="holds another search; name a new folder, or give the"):
        tune(data(), settings={**FIELDS, "epochs": 3}, trials=1, out=tmp_path / "search")


def test_time_ends_a_search(tmp_path, tune):
    tuned = tune(data(), settings=FIELDS, minutes=0.1, out=tmp_path / "search")

    assert tuned.seconds < 60 and tuned.winner.accuracy is not None


def test_fields_that_are_not_searched_are_refused():
    fitted = Recipe(rate=0.01, batch=64)
    with pytest.raises(UsageError, match="'rotatee' is no field that is searched; did you mean"):
        spans_of(["rotatee"], fitted)
    with pytest.raises(UsageError, match="'seed' is no field that is searched; write some of rate"):
        spans_of(["seed"], fitted)
    assert spans_of(["rate"], fitted)["rate"].high == 0.05


def test_without_optuna_it_says_what_to_install(monkeypatch):
    import importlib.util

    from eyespot.line.tuning import tune

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"optuna; install it with: pip install 'eyespot.tune"):
        tune(data())


def test_the_verb(tmp_path, eyespot, tune):
    from conftest import write_pictures

    folder: Path = write_pictures(tmp_path / "in")
    asked = [f"--set={name}={value}" for name, value in FIELDS.items()]

    told = eyespot("tune", folder, "--trials", 2, "--out", tmp_path / "s", *asked)

    assert told.code == 0, told.err
    assert told.out.startswith("2 trials, 2 of them to their end\nvalidation accuracy ")
    assert told.err.endswith(
        f"next: eyespot train {folder} --recipe {tmp_path / 's' / 'best.toml'}\n"
    )


@pytest.mark.cluster
def test_trials_side_by_side(tmp_path, tune, two_nodes):
    from eyespot.cluster.training import engine_on

    with engine_on(two_nodes.address, None, each_core=True) as engine:
        tuned = tune(data(), settings=FIELDS, trials=5, out=tmp_path / "search", engine=engine)

    assert len(tuned.trials) == 5
    assert tuned.winner.accuracy >= tuned.first.accuracy
