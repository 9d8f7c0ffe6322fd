"""Everything a run folder says about a run, read once, and the doubts that follow from it."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from eyespot.errors import DataError, count
from eyespot.evaluation import evaluate
from eyespot.files import Run, read_table
from eyespot.reports.words import listed, percent, short
from eyespot.values import PARTS, Array, Epoch, Evaluation, Issue, Part, Predictions

# What quarantine.csv says about classes, tables and folders: it costs no image.
_NO_IMAGE = frozenset({"thin-class", "similar-class", "empty-class", "other-files", "repeated-row"})

# Below this many test images the interval of a class's recall is wider than 30 points.
FEW_IMAGES = 20
WIDE_INTERVAL = 0.05


@dataclass(frozen=True, kw_only=True)
class Source:
    """The data set as origin.json describes it; counts are images per class."""

    name: str
    form: str
    fingerprint: str
    counts: Mapping[Part, list[int]]
    colour: str
    split: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a run comes from, as origin.json says it."""

    command: str
    created: str
    seconds: float
    train_seconds: float
    versions: Mapping[str, str]
    device: str
    precision: str
    threads: int
    processor: str
    best_epoch: int
    num_parameters: int
    dataset: Source
    notes: list[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """A run in values. score is of the test part; it and valid are None where a part is empty.

    left_out: what could not be used. remarks: what was found and used all the same.
    """

    origin: Origin
    recipe: Mapping[str, Any]
    epochs: tuple[Epoch, ...]
    left_out: tuple[Issue, ...]
    remarks: tuple[Issue, ...]
    test: Predictions
    score: Evaluation | None
    valid: Evaluation | None
    pictures: Mapping[str, Array]


def read_facts(run: Run) -> Facts:
    """All of a run's facts. Raises DataError when a file is missing, torn or of another version."""
    try:
        test, valid = run.read_predictions("test"), run.read_predictions("valid")
        pictures = run.read_pictures()
        with run.recipe.open("rb") as file:
            recipe = tomllib.load(file)
        origin = _origin(run.read_json(run.origin))
        if any(len(origin.dataset.counts[part]) != len(test.classes) for part in PARTS):
            raise ValueError("its class counts do not fit its classes")
        epochs = tuple(_epoch(row) for row in read_table(run.history))
        left_out, remarks = _issues(run)
    except OSError as error:
        raise DataError(
            f"{run.path} is not a finished run: {run.recipe.name} cannot be read "
            f"({error.strerror or error})"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{run.path} was written by another version or is torn ({error}); train again"
        ) from error
    return Facts(
        origin=origin,
        recipe=recipe,
        epochs=epochs,
        left_out=left_out,
        remarks=remarks,
        test=test,
        score=evaluate(test) if len(test) else None,
        valid=evaluate(valid) if len(valid) else None,
        pictures=pictures,
    )


def commonest(score: Evaluation) -> tuple[str, float]:
    """The class that most images have, and the share that has it."""
    top = max(score.per_class, key=lambda one: one.support)
    return top.name, top.support / score.num


def doubts(facts: Facts, score: Evaluation) -> list[str]:
    """What could make this score of the test part untrue, each in a sentence."""
    accuracy, found = score.accuracy, []
    kinds = Counter(issue.kind for issue in facts.remarks)
    if kinds["leak"]:
        found.append(
            f"{count(kinds['leak'], 'image')} outside the training part "
            f"{'equals' if kinds['leak'] == 1 else 'equal'} one inside it: "
            "what was learnt by heart counts as right."
        )
    if kinds["contradicting-label"]:
        found.append(
            f"{count(kinds['contradicting-label'], 'image')} also "
            f"{'occurs' if kinds['contradicting-label'] == 1 else 'occur'} under another label: "
            "no answer can be right for both."
        )
    name, share = commonest(score)
    if accuracy.low <= share:
        found.append(
            f"Always answering “{short(name)}” would be right in {percent(share, 1)}: "
            "the model is not proven to be better than that."
        )
    unsaid = np.flatnonzero(np.sum(score.confusion, axis=0) == 0)
    if len(unsaid):
        names = listed([f"“{short(score.per_class[k].name)}”" for k in unsaid])
        found.append(f"The model never answered {names} on the test images.")
    width = accuracy.high - accuracy.low
    if width > WIDE_INTERVAL:
        found.append(
            f"The interval is {100 * width:.1f} points wide: {count(score.num, 'test image')} "
            "cannot tell apart models that differ by less."
        )
    if facts.valid is not None and facts.valid.accuracy.low > accuracy.high:
        found.append(
            f"Validation accuracy, {percent(facts.valid.accuracy.value, 1)}, lies above "
            "test accuracy by more than chance: the test images differ from the others."
        )
    rare = [one for one in score.per_class if one.support < FEW_IMAGES]
    if rare:
        rare.sort(key=lambda one: one.support)
        found.append(
            f"{count(len(rare), 'class has', 'classes have')} fewer than {FEW_IMAGES} test images, "
            "too few to judge by themselves: "
            f"{listed([f'“{short(one.name)}” ({one.support})' for one in rare])}."
        )
    if facts.left_out:
        kinds = Counter(issue.kind for issue in facts.left_out)
        words = [f"{short(kind)} ({number:,})" for kind, number in kinds.most_common()]
        found.append(
            f"{count(len(facts.left_out), 'file or row was', 'files or rows were')} left out "
            f"and not judged: {listed(words)}."
        )
    return found


def _issues(run: Run) -> tuple[tuple[Issue, ...], tuple[Issue, ...]]:
    """What was left out, and what was only remarked: images that split.csv holds were used."""
    rows = read_table(run.quarantine)
    used = {row["name"] for row in read_table(run.split)} if rows else set()
    left_out: list[Issue] = []
    remarks: list[Issue] = []
    for row in rows:
        issue = Issue(kind=row["kind"], name=row["name"], detail=row["detail"])
        known = issue.kind in _NO_IMAGE or issue.name in used
        (remarks if known else left_out).append(issue)
    return tuple(left_out), tuple(remarks)


def _origin(value: Mapping[str, Any]) -> Origin:
    known = {field.name: value[field.name] for field in fields(Origin)}
    source = {field.name: known["dataset"][field.name] for field in fields(Source)}
    return Origin(**{**known, "dataset": Source(**source)})


def _epoch(row: Mapping[str, str]) -> Epoch:
    numbers = {field.name: float(row[field.name]) for field in fields(Epoch)}
    return Epoch(**{**numbers, "epoch": int(row["epoch"])})  # type: ignore[arg-type]
