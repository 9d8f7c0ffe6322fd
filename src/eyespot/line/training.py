"""The whole line, to be read from top to bottom: read, look, load, split, train, judge, save."""

import contextlib
import importlib.util
import math
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from eyespot.data.faintness import faint_images
from eyespot.data.keeping import write_split
from eyespot.data.loading import Loaded
from eyespot.data.relabelling import relabelled
from eyespot.data.splits import Split
from eyespot.data.summary import described, sentences, summarised
from eyespot.data.survey import Survey, survey
from eyespot.errors import DataError, EyespotError, MissingExtra, UsageError
from eyespot.evaluation import examples, judge
from eyespot.evaluation.examples import MOST_BYTES, NUM_SUSPECTS
from eyespot.evaluation.folds import fold_scores, pooled
from eyespot.evaluation.record import write_record
from eyespot.evaluation.suspects import suspects
from eyespot.files import (
    Run,
    new_run,
    owned,
    remove_leftovers,
    write_issues,
    write_json,
    write_text,
)
from eyespot.line.choices import cautions, choice
from eyespot.line.explaining import heats_of
from eyespot.line.folding import (
    FoldPlan,
    check_folds,
    nothing,
    num_parameters,
    plan_folds,
    record_of,
    train_folds,
    train_seconds,
)
from eyespot.line.learning import learn, samples_of
from eyespot.line.model import calibrated, ensemble, predictions_of, scored, untrained
from eyespot.line.planning import Plan, Source, arranged_set, loaded_images, read_source, split_of
from eyespot.line.progress import Progress, Silence
from eyespot.line.resuming import (
    Request,
    check_same_parts,
    check_unchanged,
    path_of,
    read_request,
    split_table,
    write_request,
)
from eyespot.line.trained import Trained
from eyespot.reports import report
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe
from eyespot.values import Array, Dataset, Evaluation, Predictions

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


def train(
    source: Source | None = None,
    *,
    recipe: str | Path | Recipe | None = None,
    settings: Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    quarantine: str | Path | None = None,
    labels: str | Path | None = None,
    split: str | Path | None = None,
    out: str | Path | None = None,
    minutes: float | None = None,
    ensemble: bool = False,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains a classifier on a pile of images and writes its run folder.

    source: anything that `read` takes, or a Dataset. recipe: `standard` if not given. settings:
    recipe fields to replace. quarantine: a table of images to leave out, besides the set's own.
    labels: a table of images with labels that count instead of the set's own; all others keep
    theirs. split: a split.csv whose parts are to be taken as they are, whatever the recipe says of
    them. out: the run folder, `runs/<dataset>-<n>` if not given. The test part is looked at once,
    at the end.

    minutes: a time for reading and training; judging comes on top. The number of steps that fit is
    measured at the start and written into the recipe, so that the run can be repeated without it.

    With `folds` in the recipe every image is judged once, by a model of a training that it had no
    part in; each of these lies in a folder of its own in the run's. What the set has as a test part
    is kept out of them. ensemble: makes one model of them, and judges it by that part if there is
    one. minutes are then for all folds together.

    resume: the folder of a run that was interrupted. It goes on from its last checkpoint to the
    same bits as if nothing had been; data and recipe are its own, and nothing else is given, but
    for a source that was in memory.
    Raises EyespotError: UsageError, DataError, ResourceError or MissingExtra.
    """
    _require("torch", "matplotlib", "jinja2")
    from eyespot.training.checkpoint import remove_checkpoints

    tell, started = progress or Silence(), time.perf_counter()
    if resume is None:
        if source is None:
            raise UsageError("name the data to train on, or the run to resume")
        if minutes is not None and not 0 < minutes < math.inf:
            raise UsageError(f"minutes = {minutes:g}; give a number above 0")
        request = Request(
            source=path_of(source),
            columns=columns,
            quarantine=path_of(quarantine),
            labels=path_of(labels),
            split=path_of(split),
            minutes=minutes,
            ensemble=ensemble,
            recipe=read_recipe(recipe or "standard", settings).toml(),
        )
        check_folds(request.wish, split=request.split, ensemble=ensemble)
    else:
        _check_alone(
            recipe=recipe,
            settings=settings,
            columns=columns,
            quarantine=quarantine,
            labels=labels,
            split=split,
            minutes=minutes,
            ensemble=ensemble,
            out=out,
        )
        request = read_request(Run(Path(resume)))
        source = request.source_or(source)
    dataset = read_source(source, request.columns, request.quarantine, tell)
    if request.labels is not None:
        dataset = relabelled(dataset, request.labels)
    dataset = arranged_set(dataset, request.wish)
    with _run_folder(out, dataset, resume) as run, _noting(run, request):
        write_request(run, request)
        trained = _train_in(run, dataset, request, tell, started)
        remove_checkpoints(run)
    if told := trained.doubt():
        tell.say(told)
    return trained


def _train_in(
    run: Run, dataset: Dataset, request: Request, tell: Progress, started: float
) -> Trained:
    """The line, in a run folder that is this process's."""
    wish = request.wish
    looks = survey(dataset)
    recipe = fitted_to_images(wish, looks)
    tell.say(described(dataset, looks))
    loaded = loaded_images(dataset, recipe, tell)
    check_unchanged(run, request, loaded)
    made = plan_folds(loaded, recipe) if recipe.folds else None
    parts = made.folds.split if made else split_of(loaded, recipe, split_table(run, request))
    check_same_parts(run, parts, made.folds.numbers if made else None)
    # All folds take the recipe that fits the first.
    trained_on, first = (made.loaded, made.splits[0]) if made else (loaded, parts)
    counts = first.counts(trained_on.dataset.labels, len(dataset.classes))
    recipe = fitted_to_number(recipe, counts["train"])
    if request.minutes is not None and request.fitted is None:
        seconds = 60 * request.minutes - (time.perf_counter() - started)
        recipe = _within(seconds / (recipe.folds or 1), recipe, trained_on, first)
    tell.say(
        f"split: {made.folds.how if made else parts.how}; {choice(recipe, sum(counts['train']))}"
    )
    faint = faint_images(loaded.dataset, loaded.images)
    found = made.issues if made else parts.issues
    issues = (*dataset.issues, *loaded.issues, *faint, *found)
    notes = [*cautions(recipe, counts["train"], wish.flip), *sentences(issues)]
    for sentence in notes:
        tell.say(sentence)
    write_request(run, replace(request, fitted=recipe.toml(), classes=loaded.dataset.classes))
    plan = Plan(recipe=recipe, loaded=loaded, split=parts, issues=issues)
    _write_plan(run, plan, made.folds.numbers if made else None)
    work = _Work(looks=looks, notes=notes, source=request.words, tell=tell, started=started)
    if made:
        return _train_folds(run, plan, made, work, ensembled=request.ensemble)
    return _train_one(run, plan, work)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What goes with a training besides its plan. started: by the clock that never goes back."""

    looks: Survey
    notes: Sequence[str]
    source: Sequence[str]
    tell: Progress
    started: float


def _train_one(run: Run, plan: Plan, work: _Work) -> Trained:
    """One training, from its first step to its report."""
    from eyespot.training.origin import find_origin

    recipe, loaded, parts = plan.recipe, plan.loaded, plan.split
    model = untrained(recipe, loaded, parts)
    history = learn(run, model, loaded, parts, recipe, work.tell)
    model, valid = calibrated(model, loaded, parts, recipe)
    test = predictions_of(model, loaded, parts.indices("test"))
    evaluation = judge(test) if len(test) else None
    model = scored(model, evaluation)
    model.save(run.model)
    pictures = _pictures(loaded, valid, test)
    heats = heats_of(model, test, pictures)
    num_doubted = write_record(run, valid, test, pictures, heats=heats)
    origin = find_origin(
        history=history,
        num_parameters=sum(weight.numel() for weight in model.net.parameters()),
        dataset=summarised(loaded, work.looks, parts),
        notes=work.notes,
        source=work.source,
        seconds=time.perf_counter() - work.started,
    )
    write_json(run.origin, asdict(origin))
    _report(run, work.tell)
    return Trained(
        run=run,
        model=model,
        recipe=recipe,
        classes=model.classes,
        counts=plan.counts,
        evaluation=evaluation,
        num_doubted=num_doubted,
        seconds=time.perf_counter() - work.started,
    )


def _train_folds(run: Run, plan: Plan, made: FoldPlan, work: _Work, *, ensembled: bool) -> Trained:
    """A training for each fold in a folder of its own, and what they say together in the run's."""
    from eyespot.training.checkpoint import remove_checkpoints
    from eyespot.training.origin import find_origin

    recipe = plan.recipe.model_copy(update={"folds": None})
    folds = [run.fold(number) for number in range(1, made.folds.num + 1)]
    of_folds = set(made.issues)
    own = [issue for issue in plan.issues if issue not in of_folds]

    def train_one(fold: Run, parts: Split) -> None:
        issues = (*own, *parts.issues)
        fold_plan = Plan(recipe=recipe, loaded=made.loaded, split=parts, issues=issues)
        _write_plan(fold, fold_plan)
        notes = sentences(issues)
        done = _train_one(fold, fold_plan, replace(work, notes=notes, started=time.perf_counter()))
        remove_checkpoints(fold)
        if done.evaluation:
            work.tell.say(
                f"{parts.how.partition(':')[0]}: test accuracy {done.evaluation.accuracy}"
            )

    said = train_folds(folds, made, train_one, work.tell)
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
    pictures = _pictures(plan.loaded, none, test)
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
    _report(run, work.tell)
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


def _within(seconds: float, recipe: Recipe, loaded: Loaded, parts: Split) -> Recipe:
    """The recipe with as many steps as fit into this time."""
    from eyespot.training.budget import num_steps_within

    model = untrained(recipe, loaded, parts)
    num_steps = num_steps_within(
        seconds, model.net, *samples_of(loaded, parts), recipe, num_classes=len(model.classes)
    )
    counts = parts.counts(loaded.dataset.labels, len(model.classes))
    stepped = recipe.model_copy(update={"steps": num_steps, "epochs": None})
    return fitted_to_number(stepped, counts["train"])


def _check_alone(**others: object) -> None:
    """Raises UsageError for what is given besides the run to resume."""
    given = [name for name, value in others.items() if value]
    if given:
        raise UsageError(
            f"a run that is resumed goes on as it began; leave {' and '.join(given)} away"
        )


@contextlib.contextmanager
def _run_folder(
    out: str | Path | None, dataset: Dataset, resume: str | Path | None
) -> Iterator[Run]:
    """The run folder, held for this process; a new one goes again if nothing is left in it."""
    if resume is not None:
        run = Run(Path(resume))
        with owned(run):
            read_request(run)  # again: another process may have finished it meanwhile
            remove_leftovers(run.path)
            yield run
        return
    run = new_run(Path(out) if out else None, name=dataset.name, root=Path("runs"))
    try:
        with owned(run):
            yield run
    except BaseException:
        if out is None:
            with contextlib.suppress(OSError):  # goes only if nothing was written yet
                run.path.rmdir()
        raise


@contextlib.contextmanager
def _noting(run: Run, request: Request) -> Iterator[None]:
    """Tells an error what is saved, and how to go on."""
    again = run.asked.exists()
    try:
        yield
    except BaseException as error:
        if not run.recipe.exists():
            if not again:  # nothing is lost
                run.asked.unlink(missing_ok=True)
        elif type(error) is EyespotError:  # it would come again
            if run.model.exists():
                error.add_note(f"the best model so far is {run.model}")
        elif not isinstance(error, DataError | UsageError):
            error.add_note(f"go on with: {_go_on(run, request)}")
        raise


def _go_on(run: Run, request: Request) -> str:
    """The command that resumes the run."""
    if request.source is None:
        return f"train(pictures, resume={str(run.path)!r})"
    return f"eyespot train --resume {shlex.quote(str(run.path))}"


def _pictures(loaded: Loaded, valid: Predictions, test: Predictions) -> dict[str, Array]:
    """The images that the report shows, as the model saw them."""
    if not len(test):
        return {}
    places = {name: index for index, name in enumerate(loaded.dataset.names)}
    found = suspects(pooled([valid, test], [*valid.names, *test.names]))
    doubted = [one.name for one in found if one.sure][:NUM_SUSPECTS]
    most = MOST_BYTES // loaded.images[0].nbytes
    chosen = examples(test, besides=doubted, most=most)
    return {name: loaded.images[places[name]] for name in chosen}


def _write_plan(run: Run, plan: Plan, folds: Sequence[int | None] | None = None) -> None:
    """What is known before the training: a run that breaks off can still be understood."""
    write_text(run.recipe, plan.recipe.toml())
    write_split(run.split, plan.loaded, plan.split.parts, folds)
    write_issues(run.issues, plan.issues)
    write_issues(run.quarantine, [issue for issue in plan.issues if issue.left_out])


def _report(run: Run, tell: Progress) -> None:
    """Builds the report; whatever is wrong with a page, the model beside it is finished."""
    try:
        report(run)
    except Exception as error:
        tell.say(
            f"the model is finished, but not its report ({type(error).__name__}: {error}); "
            f"try again: eyespot report {run.path}"
        )


def _require(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="train", action="training")
