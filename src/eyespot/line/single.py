"""One training, from its first step to its report."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from eyespot.data.keeping import write_split
from eyespot.data.loading import Loaded
from eyespot.data.selection import selected
from eyespot.data.summary import summarised
from eyespot.data.survey import Survey
from eyespot.evaluation import examples, judge
from eyespot.evaluation.examples import MOST_BYTES, NUM_SUSPECTS
from eyespot.evaluation.folds import pooled
from eyespot.evaluation.record import write_record
from eyespot.evaluation.suspects import suspects
from eyespot.files.atomic import write_json, write_text
from eyespot.files.run import Run
from eyespot.files.tables import write_issues
from eyespot.line.engine import Engine, Here
from eyespot.line.explaining import heats_of
from eyespot.line.featuring import pixels_of
from eyespot.line.heading import Start, begin_with_head, better_of, learn_head
from eyespot.line.model import calibrated, predictions_of, scored, untrained
from eyespot.line.planning import Plan
from eyespot.line.progress import Progress
from eyespot.line.trained import Trained
from eyespot.reports import report
from eyespot.training.headscore import HeadScore
from eyespot.training.recipe import Recipe
from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Work:
    """What goes with a training besides its plan. started: by the clock that never goes back."""

    looks: Survey
    notes: Sequence[str]
    source: Sequence[str]
    tell: Progress
    started: float
    engine: Engine = field(default_factory=Here)


def train_one(run: Run, plan: Plan, work: Work) -> Trained:
    """One training, from its first step to its report."""
    from eyespot.training.origin import find_origin

    recipe, loaded, parts = plan.recipe, plan.loaded, plan.split
    model = untrained(recipe, loaded, parts)
    score: HeadScore | None = None
    notes = list(work.notes)
    if loaded.images.ndim == 2:  # features of a backbone
        model, history, score = learn_head(run, model, loaded, parts, recipe)
    else:
        start: Start | None = None
        if recipe.unfrozen:
            model, score, start = begin_with_head(model, loaded, parts, recipe, work.tell)
        history = work.engine.learn(run, model, loaded, parts, recipe, work.tell)
        if start and (note := better_of(model, start, loaded, parts)):
            work.tell.say(note)
            notes.append(note)
    model, valid = calibrated(model, loaded, parts, recipe)
    test = predictions_of(model, loaded, parts.indices("test"))
    evaluation = judge(test) if len(test) else None
    model = scored(model, evaluation)
    model.save(run.model)
    pictures = pictures_of(loaded, valid, test, recipe)
    heats = heats_of(model, test, pictures)
    more = {"head": score.as_json()} if score else None
    num_doubted = write_record(run, valid, test, pictures, heats=heats, more=more)
    origin = find_origin(
        history=history,
        num_parameters=sum(weight.numel() for weight in model.net.parameters()),
        dataset=summarised(loaded, work.looks, parts),
        notes=notes,
        source=work.source,
        seconds=time.perf_counter() - work.started,
        monitor=recipe.monitor,
    )
    write_json(run.origin, asdict(origin))
    build_report(run, work.tell)
    return Trained(
        run=run,
        model=model,
        recipe=recipe,
        classes=model.classes,
        counts=plan.counts,
        evaluation=evaluation,
        num_doubted=num_doubted,
        seconds=time.perf_counter() - work.started,
        head=score,
    )


def pictures_of(
    loaded: Loaded, valid: Predictions, test: Predictions, recipe: Recipe
) -> dict[str, Array]:
    """The images that the report shows, as the model saw them.

    Those of which features alone are at hand are decoded again; what has gone is left out.
    """
    if not len(test):
        return {}
    places = {name: index for index, name in enumerate(loaded.dataset.names)}
    found = suspects(pooled([valid, test], [*valid.names, *test.names]))
    doubted = [one.name for one in found if one.sure][:NUM_SUSPECTS]
    assert recipe.size and recipe.channels, "the recipe is not fitted"
    most = MOST_BYTES // (recipe.size**2 * recipe.channels)
    chosen = examples(test, besides=doubted, most=most)
    if loaded.images.ndim == 4:
        return {name: loaded.images[places[name]] for name in chosen}
    shown = pixels_of(selected(loaded.dataset, [places[name] for name in chosen]), recipe)
    return dict(zip(shown.dataset.names, shown.images, strict=True))


def write_plan(run: Run, plan: Plan, folds: Sequence[int | None] | None = None) -> None:
    """What is known before the training: a run that breaks off can still be understood."""
    write_text(run.recipe, plan.recipe.toml())
    write_split(run.split, plan.loaded, plan.split.parts, folds)
    write_issues(run.issues, plan.issues)
    write_issues(run.quarantine, [issue for issue in plan.issues if issue.left_out])


def build_report(run: Run, tell: Progress) -> None:
    """Builds the report; whatever is wrong with a page, the model beside it is finished."""
    try:
        report(run)
    except Exception as error:
        tell.say(
            f"the model is finished, but not its report ({type(error).__name__}: {error}); "
            f"try again: eyespot report {run.path}"
        )
