"""Cross-validation: a training for each fold in a folder of its own, and what they say together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eyespot.data.folds import Folds, fold_splits, in_folds, make_folds, names_folds, torn
from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.errors import UsageError
from eyespot.evaluation.folds import FoldScores
from eyespot.files.run import Run
from eyespot.files.tables import read_table
from eyespot.line.engine import Engine, Task
from eyespot.line.progress import Progress
from eyespot.training.recipe import Recipe
from eyespot.values.dataset import Issue
from eyespot.values.predictions import Predictions


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldPlan:
    """The folds of a set. loaded: the images in them; splits: of these, one for each fold."""

    folds: Folds
    loaded: Loaded
    splits: tuple[Split, ...]

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is to be said of the folds all together."""
        return (*self.folds.split.issues, *self.folds.issues, *torn(self.splits))


def check_folds(recipe: Recipe, *, split: str | None, ensemble: bool) -> None:
    """Raises UsageError where the folds and other wishes contradict each other."""
    if not recipe.folds:
        if ensemble:
            raise UsageError("an ensemble is made of folds; say how many, for instance --folds 5")
        return
    if split is not None:
        raise UsageError(
            f"folds = {recipe.folds} and --split {split} both say which images are for the test; "
            "leave one of them away, or name the column of a table that says the fold by "
            "--set split=COLUMN"
        )
    usual = Recipe.model_fields["test"].default
    if recipe.test not in (0, usual):
        raise UsageError(
            f"folds = {recipe.folds} makes each fold the test part once, so test = {recipe.test:g} "
            "has no meaning; leave it away, or keep images out of all folds by test_per_class"
        )


def plan_folds(loaded: Loaded, recipe: Recipe) -> FoldPlan:
    """The folds that the recipe asks for."""
    assert recipe.folds
    folds = make_folds(
        loaded.dataset,
        recipe.folds,
        seed=recipe.seed,
        duplicates=loaded.duplicates,
        test_per_class=recipe.test_per_class,
        column=recipe.split if names_folds(loaded.dataset, recipe.split) else None,
    )
    seen, numbers = in_folds(loaded, folds)
    splits = fold_splits(
        seen,
        numbers,
        recipe.folds,
        seed=recipe.seed,
        valid=recipe.valid,
        valid_per_class=recipe.valid_per_class,
    )
    return FoldPlan(folds=folds, loaded=seen, splits=splits)


def train_folds(
    folds: Sequence[Run],
    made: FoldPlan,
    train_one: Task,
    shared: Any,
    engine: Engine,
    tell: Progress,
) -> list[Predictions]:
    """What each fold's model says of the images of that fold.

    train_one: trains one, in a folder which a kill may have left half way. A fold that is done is
    not trained again.
    """
    todo = []
    for fold, parts in zip(folds, made.splits, strict=True):
        if _is_done(fold):
            tell.say(f"{parts.how}, done")
        else:
            todo.append((fold, parts))
    engine.each(train_one, shared, todo, tell)
    return [fold.read_predictions("test") for fold in folds]


def record_of(folds: Sequence[Run], scores: FoldScores) -> list[dict[str, object]]:
    """A row for each fold, for evaluation.json; equal runs have equal ones."""
    rows = []
    for fold, num, accuracy in zip(folds, scores.nums, scores.accuracies, strict=True):
        parts = [row["part"] for row in read_table(fold.split)]
        rows.append(
            {
                "run": fold.path.name,
                "num": num,
                "accuracy": asdict(accuracy),
                "num_train": parts.count("train"),
                "num_valid": parts.count("valid"),
                "num_epochs": len(read_table(fold.history)),
                "best_epoch": fold.read_json(fold.origin)["best_epoch"],
            }
        )
    return rows


def train_seconds(folds: Sequence[Run]) -> float:
    """Of the epochs of all folds, whichever process they ran in."""
    return float(sum(fold.read_json(fold.origin)["train_seconds"] for fold in folds))


def num_parameters(fold: Run) -> int:
    """Of its net."""
    return int(fold.read_json(fold.origin)["num_parameters"])


def nothing(classes: Sequence[str]) -> Predictions:
    """Predictions of no image."""
    return Predictions(
        names=(),
        classes=tuple(classes),
        labels=np.empty(0, np.int64),
        probs=np.empty((0, len(classes)), np.float32),
    )


def _is_done(fold: Run) -> bool:
    # The checkpoints go when the rest is written.
    return fold.origin.exists() and not (fold.resume.exists() or fold.previous.exists())
