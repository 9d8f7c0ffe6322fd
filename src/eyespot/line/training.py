"""The whole line, to be read from top to bottom: read, look, load, split, train, judge, save."""

import importlib.util
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from eyespot.data.loading import Loaded
from eyespot.data.relabelling import relabelled
from eyespot.data.splits import Split
from eyespot.data.summary import described, sentences
from eyespot.data.survey import survey
from eyespot.errors import MissingExtra, UsageError
from eyespot.files.run import Run
from eyespot.line.choices import cautions, choice
from eyespot.line.crossing import train_all_folds
from eyespot.line.engine import Engine, Here
from eyespot.line.featuring import anchored, faint_of, featured, on_backbone
from eyespot.line.folding import check_folds, plan_folds
from eyespot.line.holding import noting, run_folder
from eyespot.line.inking import fitted_to_ink
from eyespot.line.learning import samples_of
from eyespot.line.model import untrained
from eyespot.line.planning import Plan, Source, arranged_set, loaded_images, read_source, split_of
from eyespot.line.progress import Progress, Silence
from eyespot.line.proposing import proposed
from eyespot.line.resuming import (
    Request,
    check_same_parts,
    check_unchanged,
    path_of,
    read_request,
    split_table,
    write_request,
)
from eyespot.line.single import Work, train_one, write_plan
from eyespot.line.trained import Trained
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe
from eyespot.values.dataset import Dataset


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
    engine: Engine | None = None,
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
    for a source that was in memory. engine: who computes; this process if not given.
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
            recipe=anchored(read_recipe(recipe or "standard", settings)).toml(),
            named=recipe is not None or minutes is not None,
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
    with run_folder(out, dataset, resume) as run, noting(run, request):
        write_request(run, request)
        trained = _train_in(run, dataset, request, engine or Here(), tell, started)
        remove_checkpoints(run)
    if told := trained.doubt():
        tell.say(told)
    return trained


def _train_in(
    run: Run, dataset: Dataset, request: Request, engine: Engine, tell: Progress, started: float
) -> Trained:
    """The line, in a run folder that is this process's."""
    wish = request.wish
    looks = survey(dataset)
    if not request.named and request.fitted is None:
        wish = proposed(wish, dataset, looks, tell)
    recipe = fitted_to_images(on_backbone(wish), looks)
    tell.say(described(dataset, looks))
    frozen = recipe.net == "backbone" and not recipe.unfrozen
    load_all = featured if frozen else loaded_images
    loaded = load_all(dataset, recipe, tell)
    check_unchanged(run, request, loaded)
    made = plan_folds(loaded, recipe) if recipe.folds else None
    parts = made.folds.split if made else split_of(loaded, recipe, split_table(run, request))
    check_same_parts(run, parts, made.folds.numbers if made else None)
    # All folds take the recipe that fits the first.
    trained_on, first = (made.loaded, made.splits[0]) if made else (loaded, parts)
    counts = first.counts(trained_on.dataset.labels, len(dataset.classes))
    recipe = fitted_to_number(recipe, counts["train"])
    recipe = fitted_to_ink(recipe, wish, trained_on, first.indices("train"))
    if request.minutes is not None and request.fitted is None and not frozen:
        seconds = 60 * request.minutes - (time.perf_counter() - started)
        recipe = _within(seconds / (recipe.folds or 1), recipe, trained_on, first)
    tell.say(
        f"split: {made.folds.how if made else parts.how}; {choice(recipe, sum(counts['train']))}"
    )
    faint = faint_of(loaded, recipe)
    found = made.issues if made else parts.issues
    issues = (*dataset.issues, *loaded.issues, *faint, *found)
    notes = [*cautions(recipe, counts, wish.flip), *sentences(issues)]
    for sentence in notes:
        tell.say(sentence)
    write_request(run, replace(request, fitted=recipe.toml(), classes=loaded.dataset.classes))
    plan = Plan(recipe=recipe, loaded=loaded, split=parts, issues=issues)
    write_plan(run, plan, made.folds.numbers if made else None)
    work = Work(
        looks=looks,
        notes=notes,
        source=request.words,
        tell=tell,
        started=started,
        engine=engine,
    )
    if made:
        return train_all_folds(run, plan, made, work, ensembled=request.ensemble)
    return train_one(run, plan, work)


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


def _require(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="train", action="training")
