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

import numpy as np

from eyespot.data.faintness import faint_images
from eyespot.data.keeping import write_split
from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.data.summary import described, sentences, summarised
from eyespot.data.survey import survey
from eyespot.errors import DataError, EyespotError, MissingExtra, UsageError
from eyespot.evaluation import examples, judge
from eyespot.evaluation.calibration import fit_temperature, tempered
from eyespot.evaluation.record import write_record
from eyespot.files import (
    Run,
    new_run,
    owned,
    remove_leftovers,
    write_issues,
    write_json,
    write_text,
)
from eyespot.line.learning import learn, samples_of
from eyespot.line.planning import Source, arranged_set, loaded_images, read_source, split_of
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
from eyespot.models.file import ModelCard, Score
from eyespot.reports import report
from eyespot.training.fitting import (
    MOST_IMBALANCE,
    fitted_to_images,
    fitted_to_number,
    imbalance,
    input_scale,
)
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe
from eyespot.values import (
    Array,
    Dataset,
    Evaluation,
    Issue,
    Model,
    Part,
    Predictions,
    Preparation,
)

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a training gave. evaluation: of the test part; None where the set is too small."""

    run: Run
    model: "TorchModel"
    recipe: Recipe
    counts: Mapping[Part, Sequence[int]]
    evaluation: Evaluation | None
    seconds: float

    def as_json(self) -> dict[str, object]:
        """What `train --json` prints."""
        accuracy = self.evaluation.accuracy if self.evaluation else None
        return {
            "run": str(self.run.path),
            "model": str(self.run.model),
            **{f"num_{part}": sum(counts) for part, counts in self.counts.items()},
            "classes": list(self.model.classes),
            "seconds": round(self.seconds, 2),
            "accuracy": asdict(accuracy) if accuracy else None,
        }


def train(
    source: Source | None = None,
    *,
    recipe: str | Path | Recipe | None = None,
    settings: Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    quarantine: str | Path | None = None,
    split: str | Path | None = None,
    out: str | Path | None = None,
    minutes: float | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains a classifier on a pile of images and writes its run folder.

    source: anything that `read` takes, or a Dataset. recipe: `standard` if not given. settings:
    recipe fields to replace. quarantine: a table of images to leave out, besides the set's own.
    split: a split.csv whose parts are to be taken as they are, whatever the recipe says of them.
    out: the run folder, `runs/<dataset>-<n>` if not given. The test part is looked at once, at the
    end.

    minutes: a time for reading and training; judging comes on top. The number of steps that fit is
    measured at the start and written into the recipe, so that the run can be repeated without it.

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
            split=path_of(split),
            minutes=minutes,
            recipe=read_recipe(recipe or "standard", settings).toml(),
        )
    else:
        _check_alone(
            recipe=recipe,
            settings=settings,
            columns=columns,
            quarantine=quarantine,
            split=split,
            minutes=minutes,
            out=out,
        )
        request = read_request(Run(Path(resume)))
        source = request.source_or(source)
    dataset = read_source(source, request.columns, request.quarantine, tell)
    dataset = arranged_set(dataset, request.wish)
    with _run_folder(out, dataset, resume) as run, _noting(run, request):
        write_request(run, request)
        trained = _train_in(run, dataset, request, tell, started)
        remove_checkpoints(run)
    return trained


def _train_in(
    run: Run, dataset: Dataset, request: Request, tell: Progress, started: float
) -> Trained:
    """The line, in a run folder that is this process's."""
    from eyespot.training.origin import find_origin

    wish = request.wish
    looks = survey(dataset)
    recipe = fitted_to_images(wish, looks)
    tell.say(described(dataset, looks))
    loaded = loaded_images(dataset, recipe, tell)
    check_unchanged(run, request, loaded)
    parts = split_of(loaded, recipe, split_table(run, request))
    check_same_parts(run, parts)
    counts = parts.counts(loaded.dataset.labels, len(dataset.classes))
    recipe = fitted_to_number(recipe, counts["train"])
    if request.minutes is not None and request.fitted is None:
        seconds = 60 * request.minutes - (time.perf_counter() - started)
        recipe = _within(seconds, recipe, loaded, parts)
    tell.say(f"split: {parts.how}; {_choice(recipe)}")
    faint = faint_images(loaded.dataset, loaded.images)
    issues = (*dataset.issues, *loaded.issues, *faint, *parts.issues)
    notes = [*_cautions(recipe, counts["train"], wish.flip), *sentences(issues)]
    for sentence in notes:
        tell.say(sentence)
    write_request(run, replace(request, fitted=recipe.toml(), classes=loaded.dataset.classes))
    _write_plan(run, recipe, loaded, parts, issues)

    model = _untrained(recipe, loaded, parts)
    history = learn(run, model, loaded, parts, recipe, tell)
    model, valid = _calibrated(model, loaded, parts.indices("valid"))
    test = predictions_of(model, loaded, parts.indices("test"))
    evaluation = judge(test) if len(test) else None
    model = _scored(model, evaluation)
    model.save(run.model)
    write_record(run, valid, test, _pictures(loaded, test))
    origin = find_origin(
        history=history,
        num_parameters=sum(weight.numel() for weight in model.net.parameters()),
        dataset=summarised(loaded, looks, parts),
        notes=notes,
        seconds=time.perf_counter() - started,
    )
    write_json(run.origin, asdict(origin))
    _report(run, tell)
    return Trained(
        run=run,
        model=model,
        recipe=recipe,
        counts=counts,
        evaluation=evaluation,
        seconds=time.perf_counter() - started,
    )


def _within(seconds: float, recipe: Recipe, loaded: Loaded, parts: Split) -> Recipe:
    """The recipe with as many steps as fit into this time."""
    from eyespot.training.budget import num_steps_within

    model = _untrained(recipe, loaded, parts)
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


def _untrained(recipe: Recipe, loaded: Loaded, parts: Split) -> "TorchModel":
    """The model before its first step."""
    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.build import build_net, fitted_net
    from eyespot.training.origin import versions
    from eyespot.training.randomness import seeded

    assert recipe.size and recipe.channels and recipe.test_views != "auto", "it is not fitted"
    mean, deviation = input_scale(recipe, loaded.images, parts.indices("train"))
    card = ModelCard(
        net=fitted_net(
            recipe.net,
            width=recipe.width,
            size=recipe.size,
            dropout=recipe.dropout,
            layers=recipe.layers,
        ),
        preparation=Preparation(
            size=recipe.size, channels=recipe.channels, fit=recipe.fit, mean=mean, std=deviation
        ),
        classes=loaded.dataset.classes,
        views=recipe.test_views,
        recipe=recipe.digest(),
        versions=versions(),
    )
    with seeded(recipe.seed, "weights"):
        net = build_net(card.net, card.preparation, len(card.classes))
    return TorchModel(card, net)


def _calibrated(
    model: "TorchModel", loaded: Loaded, indices: Sequence[int]
) -> "tuple[TorchModel, Predictions]":
    """The model with the temperature that suits the validation part, and what it says of it."""
    valid = predictions_of(model, loaded, indices)
    temperature = fit_temperature(valid)
    valid = replace(valid, probs=tempered(valid.probs, temperature))
    return _with_card(model, temperature=temperature), valid


def _scored(model: "TorchModel", evaluation: Evaluation | None) -> "TorchModel":
    """The model with the accuracy on its test part in its card."""
    if evaluation is None:
        return model
    return _with_card(model, score=Score(num=evaluation.num, **asdict(evaluation.accuracy)))


def _with_card(model: "TorchModel", **changes: object) -> "TorchModel":
    return type(model)(model.card.model_copy(update=changes), model.net)


def predictions_of(model: Model, loaded: Loaded, indices: Sequence[int]) -> Predictions:
    """What the model says of the images at these places."""
    chosen = np.asarray(indices, dtype=np.int64)
    return Predictions(
        names=tuple(loaded.dataset.names[index] for index in indices),
        classes=model.classes,
        labels=loaded.dataset.labels[chosen],
        probs=model.probabilities(loaded.images[chosen]),
    )


def _pictures(loaded: Loaded, test: Predictions) -> dict[str, Array]:
    """The test images that the report shows, as the model saw them."""
    if not len(test):
        return {}
    places = {name: index for index, name in enumerate(loaded.dataset.names)}
    return {name: loaded.images[places[name]] for name in examples(test)}


def _write_plan(
    run: Run, recipe: Recipe, loaded: Loaded, parts: Split, issues: Sequence[Issue]
) -> None:
    """What is known before the training: a run that breaks off can still be understood."""
    write_text(run.recipe, recipe.toml())
    write_split(run.split, loaded, parts.parts)
    write_issues(run.issues, issues)
    write_issues(run.quarantine, [issue for issue in issues if issue.left_out])


def _report(run: Run, tell: Progress) -> None:
    """Builds the report; whatever is wrong with a page, the model beside it is finished."""
    try:
        report(run)
    except Exception as error:
        tell.say(
            f"the model is finished, but not its report ({type(error).__name__}: {error}); "
            f"try again: eyespot report {run.path}"
        )


def _choice(recipe: Recipe) -> str:
    """What was chosen to fit the images, in one line."""
    kind = "characters" if recipe.kind == "ink" else "photos"
    colour = "grey" if recipe.channels == 1 else "colour"
    flips = ", mirrored" if recipe.flip else ""
    return (
        f"{kind}, {colour} {recipe.size}x{recipe.size}{flips}, "
        f"{recipe.epochs} epochs in batches of {recipe.batch}"
    )


def _cautions(
    recipe: Recipe, counts: Sequence[int], mirrored_on_purpose: bool | None
) -> Iterator[str]:
    """What a person should know about the choices. counts: training images per class."""
    how = {
        "none": "and nothing is done about it",
        "sampling": "so the training shows images of small classes more often",
        "weights": "so in training images of small classes count more",
    }
    ratio = imbalance(counts)
    if ratio > MOST_IMBALANCE or (ratio > 1.05 and recipe.balance != "none"):
        yield (
            f"the largest class has {ratio:.1f} times the images of the smallest, "
            f"{how[recipe.balance]} (balance = {recipe.balance})"
        )
    if mirrored_on_purpose and recipe.kind == "ink":
        yield (
            "these look like characters, and flip = true mirrors them: a mirrored b is a d, and "
            "most others are no characters at all; leave it away unless you know better"
        )


def _require(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="train", action="training")
