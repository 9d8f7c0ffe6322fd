"""Everything a run folder says about a run, read once."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from eyespot.data.keeping import read_split
from eyespot.errors import DataError
from eyespot.evaluation import judge
from eyespot.evaluation.folds import pooled
from eyespot.evaluation.suspects import Suspect, suspects
from eyespot.files.run import Run
from eyespot.files.tables import read_table
from eyespot.training.headscore import HeadScore
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS, Issue
from eyespot.values.evaluation import Evaluation, Interval
from eyespot.values.predictions import Predictions
from eyespot.values.training import DataSummary, Epoch, Origin


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
    left_out: what could not be used. remarks: what was found and used all the same. num_copies: how
    many images have the very pixels of another one, None if the folder does not say. pictures,
    heats: of some images, by name. suspects: of the images that the model was not trained on. head:
    of a run on a backbone, what folds of the training part said of its head.
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
    heats: Mapping[str, Array]
    suspects: tuple[Suspect, ...]
    num_copies: int | None = None
    crossed: FoldFacts | None = None
    head: HeadScore | None = None


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
        head = None if crossed else _head(run)
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
        heats=run.read_heats(),
        suspects=suspects(pooled([valid, test], [*valid.names, *test.names])),
        num_copies=_num_copies(run),
        crossed=crossed,
        head=head,
    )


def commonest(score: Evaluation) -> tuple[str, float]:
    """The class that most images have, and the share that has it."""
    top = max(score.per_class, key=lambda one: one.support)
    return top.name, top.support / score.num


def _num_copies(run: Run) -> int | None:
    """How many images there would be fewer of, were each kept once."""
    parts = read_split(run).parts
    return len(parts) - len({digest for _, digest in parts}) if parts else None


def _issues(path: Path) -> tuple[Issue, ...]:
    rows = read_table(path)
    return tuple(Issue(kind=row["kind"], name=row["name"], detail=row["detail"]) for row in rows)


def _origin(value: Mapping[str, Any]) -> Origin:
    asked = (field for field in fields(Origin) if field.default is MISSING or field.name in value)
    known = {field.name: value[field.name] for field in asked}
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


def _head(run: Run) -> HeadScore | None:
    told = run.read_json(run.evaluation).get("head") if run.evaluation.exists() else None
    if told is None:
        return None
    return HeadScore(
        kind=told.get("kind", "linear"),
        strength=told["strength"],
        nums=tuple(told["nums"]),
        accuracies=tuple(told["accuracies"]),
        log_loss=told["log_loss"],
    )


def _epoch(row: Mapping[str, str]) -> Epoch:
    names = [field.name for field in fields(Epoch) if field.name not in ("epoch", "seconds")]
    return Epoch(epoch=int(row["epoch"]), **{name: float(row[name]) for name in names})
