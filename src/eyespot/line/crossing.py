"""A cross-validation: its trainings one after the other, and what they say together."""

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.data.summary import sentences, summarised
from eyespot.evaluation import judge
from eyespot.evaluation.folds import fold_scores, pooled
from eyespot.evaluation.record import write_record
from eyespot.files.atomic import remove_leftovers, write_json
from eyespot.files.run import Run
from eyespot.line.engine import Here
from eyespot.line.folding import (
    FoldPlan,
    nothing,
    num_parameters,
    record_of,
    train_folds,
    train_seconds,
)
from eyespot.line.model import ensemble
from eyespot.line.planning import Plan
from eyespot.line.progress import Progress, Silence
from eyespot.line.single import Work, build_report, pictures_of, train_one, write_plan
from eyespot.line.trained import Trained
from eyespot.training.recipe import Recipe
from eyespot.values.dataset import Issue
from eyespot.values.evaluation import Evaluation

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What the trainings of all folds have in common. issues: of the set, not of a fold."""

    recipe: Recipe
    loaded: Loaded
    issues: tuple[Issue, ...]
    work: Work


def _train_fold(shared: _Shared, item: tuple[Run, Split], tell: Progress) -> None:
    """The training of one fold, maybe in another process."""
    from eyespot.training.checkpoint import remove_checkpoints

    fold, parts = item
    tell.say(parts.how)
    fold.path.mkdir(exist_ok=True)
    remove_leftovers(fold.path)
    issues = (*shared.issues, *parts.issues)
    plan = Plan(recipe=shared.recipe, loaded=shared.loaded, split=parts, issues=issues)
    write_plan(fold, plan)
    notes, started = sentences(issues), time.perf_counter()
    done = train_one(fold, plan, replace(shared.work, notes=notes, started=started, tell=tell))
    remove_checkpoints(fold)
    if done.evaluation:
        tell.say(f"{parts.how.partition(':')[0]}: test accuracy {done.evaluation.accuracy}")


def train_all_folds(
    run: Run, plan: Plan, made: FoldPlan, work: Work, *, ensembled: bool
) -> Trained:
    """A training for each fold in a folder of its own, and what they say together in the run's."""
    from eyespot.training.origin import find_origin

    recipe = plan.recipe.model_copy(update={"folds": None})
    folds = [run.fold(number) for number in range(1, made.folds.num + 1)]
    of_folds = set(made.issues)
    own = [issue for issue in plan.issues if issue not in of_folds]

    alone = replace(work, tell=Silence(), engine=Here())
    shared = _Shared(recipe=recipe, loaded=made.loaded, issues=tuple(own), work=alone)
    said = train_folds(folds, made, _train_fold, shared, work.engine, work.tell)
    scores, test = fold_scores(said), pooled(said, plan.loaded.dataset.names)
    model: TorchModel | None = None
    tested: Evaluation | None = None
    if ensembled:
        held = plan.split.indices("test")
        model, tested = ensemble(folds, plan.loaded, held, plan.recipe)
        model.save(run.model)
    record = {
        "mean": scores.mean,
        "sd": scores.sd,
        "folds": record_of(folds, scores),
        "ensemble": asdict(tested) if tested else None,
    }
    none = nothing(test.classes)
    pictures = pictures_of(plan.loaded, none, test, recipe)
    known = {name: heat for fold in folds for name, heat in fold.read_heats().items()}
    heats = {name: known[name] for name in pictures if name in known}
    num_doubted = write_record(run, none, test, pictures, heats=heats, more=record)
    summary = summarised(plan.loaded, work.looks, plan.split)
    origin = find_origin(
        history=(),
        num_parameters=num_parameters(folds[0]),
        dataset=replace(summary, split=made.folds.how),
        notes=work.notes,
        source=work.source,
        seconds=time.perf_counter() - work.started,
    )
    origin = replace(origin, train_seconds=train_seconds(folds))
    write_json(run.origin, asdict(origin))
    build_report(run, work.tell)
    return Trained(
        run=run,
        model=model,
        recipe=plan.recipe,
        classes=test.classes,
        counts=plan.counts,
        evaluation=judge(test),
        num_doubted=num_doubted,
        seconds=time.perf_counter() - work.started,
        folds=scores,
        ensemble_evaluation=tested,
    )
