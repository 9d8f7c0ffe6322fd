"""Everything a run folder says about a run, read once, and the doubts that follow from it."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from eyespot.errors import DataError, count
from eyespot.evaluation import judge
from eyespot.files import Run, read_table
from eyespot.reports.words import listed, percent, short
from eyespot.values import (
    PARTS,
    Array,
    DataSummary,
    Epoch,
    Evaluation,
    Interval,
    Issue,
    Origin,
    Predictions,
)

# Below this many test images the interval of a class's recall is wider than 30 points.
FEW_IMAGES = 20
WIDE_INTERVAL = 0.05


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold of a cross-validation: its run folder's name, and its accuracy on num images."""

    run: str
    num: int
    accuracy: Interval
    num_train: int
    num_valid: int
    num_epochs: int
    best_epoch: int


@dataclass(frozen=True, kw_only=True)
class FoldFacts:
    """A cross-validation. mean, sd: of the folds' accuracies. ensemble: whether there is a model of
    all folds; its score is of the images that were kept out of them, None where there are none."""

    folds: tuple[Fold, ...]
    mean: float
    sd: float
    ensemble: bool
    ensemble_score: Interval | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """A run in values. score is of the test part; it and valid are None where a part is empty.

    crossed: of a run of folds, whose test is what each model said of the images that it had not
    seen; it has no epochs of its own, each fold has.
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
    crossed: FoldFacts | None = None


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
        crossed = _crossed(run) if origin.best_epoch is None else None
        epochs = () if crossed else tuple(_epoch(row) for row in read_table(run.history))
        left_out = _issues(run.quarantine)
        remarks = tuple(issue for issue in _issues(run.issues) if issue not in set(left_out))
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
        score=judge(test) if len(test) else None,
        valid=judge(valid) if len(valid) else None,
        pictures=pictures,
        crossed=crossed,
    )


def commonest(score: Evaluation) -> tuple[str, float]:
    """The class that most images have, and the share that has it."""
    top = max(score.per_class, key=lambda one: one.support)
    return top.name, top.support / score.num


def doubts(facts: Facts, score: Evaluation) -> list[str]:
    """What could make this score of the test part untrue, each in a sentence."""
    accuracy, found = score.accuracy, []
    if (crossed := facts.crossed) and crossed.ensemble and crossed.ensemble_score is None:
        found.append(
            "The ensemble itself was not tested: every image was in the training part of some of "
            "its members. The number is that of the folds' models, each alone."
        )
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
    said = {answer for _, answer, _ in score.confusion}
    unsaid = [one.name for k, one in enumerate(score.per_class) if k not in said]
    if unsaid:
        names = listed([f"“{short(name)}”" for name in unsaid])
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


def _issues(path: Path) -> tuple[Issue, ...]:
    rows = read_table(path)
    return tuple(Issue(kind=row["kind"], name=row["name"], detail=row["detail"]) for row in rows)


def _origin(value: Mapping[str, Any]) -> Origin:
    known = {field.name: value[field.name] for field in fields(Origin)}
    data = {field.name: known["dataset"][field.name] for field in fields(DataSummary)}
    return Origin(**{**known, "dataset": DataSummary(**data)})


def _crossed(run: Run) -> FoldFacts:
    record = run.read_json(run.evaluation)
    score = record["ensemble"]
    return FoldFacts(
        folds=tuple(
            Fold(**{**row, "accuracy": Interval(**row["accuracy"])}) for row in record["folds"]
        ),
        mean=float(record["mean"]),
        sd=float(record["sd"]),
        ensemble=run.model.exists(),
        ensemble_score=Interval(**score["accuracy"]) if score else None,
    )


def _epoch(row: Mapping[str, str]) -> Epoch:
    names = [field.name for field in fields(Epoch) if field.name not in ("epoch", "seconds")]
    return Epoch(epoch=int(row["epoch"]), **{name: float(row[name]) for name in names})
