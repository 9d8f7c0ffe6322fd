"""One trial of a search for a recipe: which fields it tries, and how well it does, by the
validation part alone."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.data.survey import Survey
from eyespot.errors import EyespotError, UsageError, did_you_mean
from eyespot.line.model import untrained
from eyespot.line.progress import Progress
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.history import best_epoch
from eyespot.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

NAME = "eyespot"
_LEAST_TRIALS = 4  # that end before others are measured by them
_LEAST_SHARE = 0.3  # of a trial's epochs before it may be given up


@dataclass(frozen=True)
class Span:
    """The values to try of a field, from `low` to `high`; log: of its size; whole: numbers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: "Trial", name: str) -> float | int:
        if self.whole:
            num: int = trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
            return num
        return rounded(trial.suggest_float(name, self.low, self.high, log=self.log))


USUAL = ("rate", "weight_decay", "label_smoothing", "dropout", "rotate", "shift", "zoom")
OTHERS = ("width", "batch", "ema", "mixup", "cutmix", "erase", "momentum")
_SPANS = {
    "label_smoothing": Span(0, 0.2),
    "dropout": Span(0, 0.4),
    "rotate": Span(0, 30),
    "shift": Span(0, 0.2),
    "zoom": Span(0, 0.4),
    "ema": Span(0, 0.999),
    "mixup": Span(0, 0.6),
    "cutmix": Span(0, 1),
    "erase": Span(0, 0.6),
    "momentum": Span(0.8, 0.99),
}


def spans_of(fields: Sequence[str] | None, fitted: Recipe) -> dict[str, Span]:
    """What to try of each field: around the fitted recipe's own, where its scale is unknown.

    Raises UsageError for a field that is not searched.
    """
    known = (*USUAL, *OTHERS)
    chosen = list(fields or USUAL)
    for name in chosen:
        if name not in known:
            hint = did_you_mean(name, known) or f"; write some of {', '.join(known)}"
            raise UsageError(f"'{name}' is no field that is searched{hint}")
    if fitted.net != "convnet":
        chosen = [name for name in chosen if name not in ("width", "dropout")]
    assert fitted.rate and fitted.batch, "the recipe is not fitted"
    decay = fitted.weight_decay or 1e-3
    spans = _SPANS | {
        "rate": Span(fitted.rate / 5, min(fitted.rate * 5, 1), log=True),
        "weight_decay": Span(decay / 10, min(decay * 10, 1), log=True),
        "width": Span(max(fitted.width // 2, 4), min(fitted.width * 3 // 2, 512), True, True),
        "batch": Span(max(fitted.batch // 2, 2), fitted.batch * 2, True, True),
    }
    return {name: spans[name] for name in chosen}


@dataclass(frozen=True, kw_only=True)
class Search:
    """What all trials have in common. end: by the clock on the wall, None for no end.

    wish: the recipe to start from, not fitted; journal: the file that keeps all trials.
    """

    wish: Recipe
    spans: Mapping[str, Span]
    base: Mapping[str, float]
    loaded: Loaded
    parts: Split
    looks: Survey
    journal: Path
    end: float | None

    @property
    def over(self) -> bool:
        return self.end is not None and time.time() >= self.end


def study_of(journal: Path, *, seed: int = 0, at_once: int = 1) -> "Study":
    """The search as Optuna keeps it, in a file that several processes write to."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=NAME,
        storage=JournalStorage(JournalFileBackend(str(journal))),
        sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=at_once > 1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_LEAST_TRIALS),
        direction="maximize",
        load_if_exists=True,
    )


def try_one(search: Search, number: int, tell: Progress) -> None:
    """One trial, kept in the journal; nothing where the time is over."""
    if search.over:
        return
    study = study_of(search.journal, seed=search.wish.seed + number, at_once=2)
    study.optimize(lambda trial: _score(search, trial, tell), n_trials=1)


def _score(search: Search, trial: "Trial", tell: Progress) -> float:
    """The validation accuracy of the trial's best epoch."""
    import optuna

    from eyespot.training.loop import fit
    from eyespot.training.state import State
    from eyespot.training.world import find_world

    started = time.perf_counter()
    fields = {name: span.suggest(trial, name) for name, span in search.spans.items()}
    recipe = fitted(search, fields)
    model, world = untrained(recipe, search.loaded, search.parts), find_world()
    state = State.of(model.net, recipe, world, num_classes=len(model.classes))
    train, valid = _samples(search, world)
    assert recipe.epochs, "the recipe is not fitted"
    try:
        for epoch in fit(state, train, valid, recipe, world, pause=lambda: search.over):
            trial.report(epoch.valid_accuracy, epoch.epoch)
            if trial.should_prune() and epoch.epoch >= _LEAST_SHARE * recipe.epochs:
                tell.say(f"trial {trial.number + 1}: given up after {epoch.epoch} epochs")
                raise optuna.TrialPruned
    except EyespotError as error:  # its numbers are not finite at any rate: a bad recipe, no fault
        tell.say(f"trial {trial.number + 1}: {error}")
        raise optuna.TrialPruned from error
    finally:
        trial.set_user_attr("epochs", len(state.history))
        trial.set_user_attr("seconds", round(time.perf_counter() - started, 2))
    if not state.history or search.over and len(state.history) < recipe.epochs:
        raise optuna.TrialPruned
    best = best_epoch(state.history, recipe.monitor)
    trial.set_user_attr("loss", best.valid_loss if math.isfinite(best.valid_loss) else None)
    tell.say(f"trial {trial.number + 1}: {best.valid_accuracy:.4f} with {spelled(fields)}")
    return best.valid_accuracy


def fitted(search: Search, fields: Mapping[str, Any]) -> Recipe:
    """The recipe of a trial, nothing of it left open."""
    recipe = fitted_to_images(with_fields(search.wish, fields), search.looks)
    labels = search.loaded.dataset.labels
    counts = search.parts.counts(labels, len(search.loaded.dataset.classes))
    return fitted_to_number(recipe, counts["train"])


def with_fields(wish: Recipe, fields: Mapping[str, Any]) -> Recipe:
    """The recipe with these fields, checked."""
    named = {name: getattr(wish, name) for name in wish.model_fields_set}
    return Recipe(**{**named, "name": f"{wish.name.removesuffix('*')}*", **fields})


def rounded(value: float) -> float:
    """Three digits, which are all that a recipe is worth."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def spelled(fields: Mapping[str, Any]) -> str:
    """`rate 0.0021, zoom 0.2`."""
    return ", ".join(f"{name} {value:.3g}" for name, value in fields.items())


def _samples(search: Search, world: Any) -> tuple[Any, Any]:
    """Of the training and the validation part; nothing here reads the test part."""
    from eyespot.training.samples import Samples

    images, labels = search.loaded.images, search.loaded.dataset.labels
    train, valid = (
        Samples.of(images, labels, world, search.parts.indices(part)) for part in ("train", "valid")
    )
    return train, valid
