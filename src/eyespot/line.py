"""The whole line, to be read from top to bottom: read, look, load, split, train, judge, save."""

import importlib.util
import math
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from eyespot import __version__
from eyespot.data import read
from eyespot.data.fingerprint import fingerprint
from eyespot.data.loading import Loaded, load_images
from eyespot.data.splits import Split, split
from eyespot.data.survey import Survey, survey
from eyespot.errors import DataError, MissingExtra, count, did_you_mean
from eyespot.evaluation import examples, judge
from eyespot.evaluation.calibration import fit_temperature, tempered
from eyespot.files import (
    Run,
    new_run,
    owned,
    read_table,
    write_issues,
    write_json,
    write_predictions,
    write_table,
    write_text,
)
from eyespot.models.file import ModelCard, Score
from eyespot.models.loading import load, model_path
from eyespot.reports import report
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.recipe import Recipe, read_recipe
from eyespot.values import (
    PARTS,
    Array,
    Dataset,
    DataSummary,
    Epoch,
    Evaluation,
    Issue,
    Model,
    Origin,
    Part,
    Predictions,
    Preparation,
)

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel

Source = str | Path | tuple[Array, Array] | Dataset


class Progress(Protocol):
    """Who is told how the work goes on; the command line prints it."""

    def say(self, sentence: str) -> None: ...

    def image(self, done: int, num: int) -> None: ...

    def epoch(self, epoch: Epoch, num: int) -> None: ...


class Silence:
    """Tells nobody."""

    def say(self, sentence: str) -> None: ...

    def image(self, done: int, num: int) -> None: ...

    def epoch(self, epoch: Epoch, num: int) -> None: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a training gave. evaluation: of the test part; None where the set is too small."""

    run: Run
    model: "TorchModel"
    recipe: Recipe
    counts: Mapping[Part, Sequence[int]]
    evaluation: Evaluation | None
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What an evaluation gave. how: which images it is about, in words."""

    evaluation: Evaluation
    predictions: Predictions
    how: str
    issues: tuple[Issue, ...]
    counts: Mapping[Part, int]


def train(
    source: Source,
    *,
    recipe: str | Path | Recipe = "standard",
    settings: Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains a classifier on a pile of images and writes its run folder.

    source: anything that `read` takes, or a Dataset. settings: recipe fields to replace. out: the
    run folder, `runs/<dataset>-<n>` if not given. The test part is looked at once, at the end.
    Raises EyespotError: UsageError, DataError, ResourceError or MissingExtra.
    """
    _require("torch", "matplotlib", "jinja2")
    tell, started = progress or Silence(), time.perf_counter()
    chosen = read_recipe(recipe, settings)

    dataset = source if isinstance(source, Dataset) else read(source, columns=columns)
    looks = survey(dataset)
    chosen = fitted_to_images(chosen, looks)
    tell.say(f"{dataset.name}: {_description(dataset, looks)}")

    loaded = _loaded(dataset, chosen, tell)
    parts = split(
        loaded.dataset,
        seed=chosen.seed,
        valid=chosen.valid,
        test=chosen.test,
        digests=loaded.digests,
    )
    chosen = fitted_to_number(chosen, parts.parts.count("train"))
    issues = (*dataset.issues, *loaded.issues, *parts.issues)
    tell.say(f"split: {parts.how}; {_choice(chosen)}")
    for sentence in _warnings(issues):
        tell.say(sentence)

    run = new_run(Path(out) if out else None, name=dataset.name, root=Path("runs"))
    with owned(run):
        _write_plan(run, chosen, loaded.dataset, parts, issues)
        model, history = _trained(run, loaded, parts, chosen, tell)
        model, valid, test = _judged(model, loaded, parts)
        evaluation = judge(test) if len(test) else None
        model = _finished(model, evaluation)
        model.save(run.model)
        _write_judgement(run, valid, test, loaded)
        origin = _origin(model, history, _summary(loaded, looks, parts), issues)
        seconds = round(time.perf_counter() - started, 2)
        write_json(run.origin, asdict(replace(origin, seconds=seconds)))
        report(run)
    return Trained(
        run=run,
        model=model,
        recipe=chosen,
        counts=parts.counts(loaded.dataset.labels, len(dataset.classes)),
        evaluation=evaluation,
        seconds=time.perf_counter() - started,
    )


def evaluate(
    model: "str | Path | TorchModel",
    source: Source,
    *,
    part: Part | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Judged:
    """How good a model is on labelled images that it was not trained on.

    Of the set that it was trained on, its test part, as the run folder keeps it; of another set
    with parts of its own, that set's test part; else all images. part: one of these by name.
    Raises DataError when a class is not one of the model's, or when no image is left.
    """
    tell = progress or Silence()
    path = model_path(model) if isinstance(model, str | Path) else None
    judged = load(model) if isinstance(model, str | Path) else model
    dataset = source if isinstance(source, Dataset) else read(source, columns=columns)
    dataset = _with_classes(dataset, judged.classes)
    loaded = _loaded(dataset, judged.preparation, tell)
    parts, wanted, how = _wanted(loaded, part, Run(path.parent) if path else None)
    indices = [index for index, own in enumerate(parts) if own == wanted]
    if not indices:
        raise DataError(f"{dataset.name} has no images in its {wanted} part; name another --part")
    predictions = _predictions(judged, loaded, indices)
    return Judged(
        evaluation=judge(predictions),
        predictions=predictions,
        how=how,
        issues=loaded.issues,
        counts={name: parts.count(name) for name in PARTS},
    )


def _loaded(dataset: Dataset, shape: Recipe | Preparation, tell: Progress) -> Loaded:
    assert shape.size and shape.channels, "the recipe is not fitted"
    return load_images(
        dataset,
        size=shape.size,
        channels=shape.channels,
        fit=shape.fit,
        on_image=lambda done: tell.image(done, len(dataset)),
    )


def _trained(
    run: Run, loaded: Loaded, parts: Split, recipe: Recipe, tell: Progress
) -> "tuple[TorchModel, list[Epoch]]":
    """The model of the epoch that is best on the validation part, and what every epoch gave."""
    import torch

    from eyespot.models.torch_model import TorchModel, weights_of
    from eyespot.nets.build import build_net, fitted_net
    from eyespot.training.loop import Samples, fit
    from eyespot.training.randomness import seeded
    from eyespot.training.world import find_world

    assert recipe.size and recipe.epochs, "the recipe is not fitted"
    images, labels, world = loaded.images, loaded.dataset.labels, find_world()
    trained, validated = parts.indices("train"), parts.indices("valid")
    card = ModelCard(
        net=fitted_net(recipe.net, width=recipe.width, size=recipe.size),
        preparation=_preparation(recipe, images[trained]),
        classes=loaded.dataset.classes,
        recipe=recipe.digest(),
        versions=_versions(),
    )
    with seeded(recipe.seed, "weights"):
        net = build_net(card.net, card.preparation, len(card.classes))
    model = TorchModel(card, net)
    train_part = Samples.of(images[trained], labels[trained], world)
    valid_part = Samples.of(images[validated], labels[validated], world)
    history: list[Epoch] = []
    best: dict[str, Array] = {}
    for epoch in fit(net, train_part, valid_part, recipe, world):
        history.append(epoch)
        write_table(run.history, [f.name for f in fields(Epoch)], map(astuple, history))
        if best_epoch(history) is epoch:
            best = weights_of(net)
            model.save(run.model)  # from now on there is a model, even if the power fails
        tell.epoch(epoch, recipe.epochs)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in best.items()})
    return model, history


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The epoch with the highest validation accuracy; of equals the one with the lowest loss.

    The last one where there is no validation part.
    """
    if math.isnan(history[-1].valid_loss):
        return history[-1]
    return max(history, key=lambda epoch: (epoch.valid_accuracy, -epoch.valid_loss))


def _judged(
    model: "TorchModel", loaded: Loaded, parts: Split
) -> "tuple[TorchModel, Predictions, Predictions]":
    """The model with its temperature, and what it says of the validation and the test part."""
    from eyespot.models.torch_model import TorchModel

    valid = _predictions(model, loaded, parts.indices("valid"))
    temperature = fit_temperature(valid)
    model = TorchModel(model.card.model_copy(update={"temperature": temperature}), model.net)
    valid = replace(valid, probs=tempered(valid.probs, temperature))
    return model, valid, _predictions(model, loaded, parts.indices("test"))


def _predictions(model: Model, loaded: Loaded, indices: Sequence[int]) -> Predictions:
    chosen = np.asarray(indices, dtype=np.int64)
    return Predictions(
        names=tuple(loaded.dataset.names[index] for index in indices),
        classes=model.classes,
        labels=loaded.dataset.labels[chosen],
        probs=model.probabilities(loaded.images[chosen]),
    )


def _finished(model: "TorchModel", evaluation: Evaluation | None) -> "TorchModel":
    """The model with the score of its test part in its card."""
    from eyespot.models.torch_model import TorchModel

    if evaluation is None:
        return model
    score = Score(num=evaluation.num, **asdict(evaluation.accuracy))
    return TorchModel(model.card.model_copy(update={"score": score}), model.net)


def _preparation(recipe: Recipe, images: Array) -> Preparation:
    """The preparation of these training images, with their mean and deviation."""
    assert recipe.size and recipe.channels, "the recipe is not fitted"
    counts_C256 = [
        np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(images, 3, 0)
    ]
    levels = np.arange(256) / 255
    mean = [float(np.average(levels, weights=counts)) for counts in counts_C256]
    variance = [
        float(np.average((levels - m) ** 2, weights=counts))
        for m, counts in zip(mean, counts_C256, strict=True)
    ]
    return Preparation(
        size=recipe.size,
        channels=recipe.channels,
        fit=recipe.fit,
        mean=tuple(mean),
        std=tuple(max(math.sqrt(v), 0.01) for v in variance),  # a set of blank pictures has none
    )


def _with_classes(dataset: Dataset, classes: tuple[str, ...]) -> Dataset:
    """The same images with the numbers that the model gives its classes."""
    numbers = {name: number for number, name in enumerate(classes)}
    for name in dataset.classes:
        if name not in numbers:
            known = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
            raise DataError(
                f"{dataset.name}: class '{name}' is not one of the model's {known}"
                f"{did_you_mean(name, classes)}"
            )
    table = np.array([numbers[name] for name in dataset.classes], dtype=np.int64)
    return replace(dataset, labels=table[dataset.labels], classes=classes)


def _wanted(
    loaded: Loaded, part: Part | None, run: Run | None
) -> tuple[Sequence[Part | None], Part, str]:
    """The part of each image, the one to judge by, and in words where it comes from."""
    dataset, parts, own = loaded.dataset, loaded.dataset.parts, "its own"
    if run is not None and run.split.exists() and run.origin.exists():
        trained_on = run.read_json(run.origin)["dataset"]["fingerprint"]
        if trained_on == fingerprint(dataset, loaded.digests):
            rows = {row["name"]: cast(Part, row["part"]) for row in read_table(run.split)}
            parts, own = tuple(rows[name] for name in dataset.names), "the run's"
    if parts is None or (part is None and "test" not in parts):
        if part:
            raise DataError(
                f"{dataset.name} has no parts; leave --part away to judge by all images"
            )
        everything: list[Part | None] = ["test"] * len(dataset)
        return everything, "test", "all images"
    return parts, part or "test", f"{own} {part or 'test'} part"


def _write_plan(
    run: Run, recipe: Recipe, dataset: Dataset, parts: Split, issues: Sequence[Issue]
) -> None:
    write_text(run.recipe, recipe.toml())
    labels = (dataset.classes[label] for label in dataset.labels)
    rows = zip(dataset.names, labels, parts.parts, strict=True)
    write_table(run.split, ("name", "label", "part"), rows)
    write_issues(run.issues, issues)
    write_issues(run.quarantine, [issue for issue in issues if issue.left_out])


def _write_judgement(run: Run, valid: Predictions, test: Predictions, loaded: Loaded) -> None:
    places = {name: index for index, name in enumerate(loaded.dataset.names)}
    pictures = {name: loaded.images[places[name]] for name in examples(test)} if len(test) else {}
    write_predictions(run, valid, test, pictures)
    rows = []
    for part, predictions in (("valid", valid), ("test", test)):
        for name, truth, said, probs in zip(
            predictions.names,
            predictions.labels,
            predictions.predicted,
            predictions.probs,
            strict=True,
        ):
            classes = predictions.classes
            rows.append((name, part, classes[truth], classes[said], f"{probs[said]:.6f}"))
    write_table(run.predictions_table, ("name", "part", "label", "predicted", "probability"), rows)
    scores = {
        part: asdict(judge(predictions))
        for part, predictions in (("test", test), ("valid", valid))
        if len(predictions)
    }
    write_json(run.evaluation, scores)


def _origin(
    model: "TorchModel", history: Sequence[Epoch], summary: DataSummary, issues: Sequence[Issue]
) -> Origin:
    import torch

    from eyespot.training.world import find_world

    world = find_world()
    return Origin(
        eyespot=__version__,
        command=shlex.join(["eyespot", *sys.argv[1:]]),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=math.nan,
        train_seconds=round(sum(epoch.seconds for epoch in history), 2),
        versions=_versions(),
        device=str(world.device),
        precision=world.precision,
        threads=world.threads,
        processor=torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        best_epoch=best_epoch(history).epoch,
        num_parameters=sum(weight.numel() for weight in model.net.parameters()),
        dataset=summary,
        notes=_warnings(issues),
    )


def _summary(loaded: Loaded, looks: Survey, parts: Split) -> DataSummary:
    dataset = loaded.dataset
    return DataSummary(
        name=dataset.name,
        form=dataset.form,
        fingerprint=fingerprint(dataset, loaded.digests),
        classes=dataset.classes,
        counts=parts.counts(dataset.labels, len(dataset.classes)),
        colour=looks.colour,
        split=parts.how,
    )


def _versions() -> dict[str, str]:
    own = {"python": platform.python_version(), "eyespot": __version__}
    return own | {package: version(package) for package in ("torch", "numpy", "pillow")}


def _description(dataset: Dataset, looks: Survey) -> str:
    images = count(len(dataset), f"{looks.colour} image")
    return f"{dataset.form}, {images} of {count(len(dataset.classes), 'class', 'classes')}"


def _choice(recipe: Recipe) -> str:
    """What was chosen to fit the images, in one line."""
    kind = "characters" if recipe.kind == "ink" else "photos"
    colour = "grey" if recipe.channels == 1 else "colour"
    flips = ", mirrored" if recipe.flip else ""
    return (
        f"{kind}, {colour} {recipe.size}x{recipe.size}{flips}, "
        f"{recipe.epochs} epochs in batches of {recipe.batch}"
    )


def _warnings(issues: Sequence[Issue]) -> list[str]:
    """A sentence for each kind of issue, with its number and its first case."""
    kinds: dict[str, list[Issue]] = {}
    for issue in issues:
        kinds.setdefault(issue.kind, []).append(issue)
    return [
        f"{len(found):,} x {kind}, for instance {found[0].name}: {found[0].detail}"
        for kind, found in kinds.items()
    ]


def _require(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="train", action="training")
