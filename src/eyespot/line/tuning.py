"""A search for the recipe that suits a set: trials one after the other, or side by side."""

import contextlib
import importlib.util
import json
import math
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyespot.data.summary import described
from eyespot.data.survey import survey
from eyespot.errors import DataError, EyespotError, MissingExtra, ResourceError, UsageError
from eyespot.files.atomic import write_bytes, write_json, write_text
from eyespot.files.lock import owned
from eyespot.files.run import Run, new_run
from eyespot.files.tables import write_table
from eyespot.line.engine import Engine, Here
from eyespot.line.planning import Source, arranged_set, loaded_images, read_source, split_of
from eyespot.line.progress import Progress, Silence
from eyespot.line.resuming import path_of
from eyespot.line.searching import (
    Search,
    rounded,
    spans_of,
    spelled,
    study_of,
    try_one,
    with_fields,
)
from eyespot.reports.search import Trial, search_chart
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TRIALS = 20  # where neither a number nor a time is given
MOST_TRIALS = 1_000


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """How a search ended. best: its recipe, not fitted yet. first: of the recipe that the search
    began with. The accuracies are of the validation part, by which the best was chosen, so that its
    own is too good; the test part will say."""

    path: Path
    best: Recipe
    first: Trial
    trials: tuple[Trial, ...]
    seconds: float

    @property
    def winner(self) -> Trial:
        return max(_ended(self.trials), key=_merit)

    @property
    def recipe(self) -> Path:
        return self.path / "best.toml"

    def sentences(self) -> list[str]:
        """The result in a few lines."""
        won, first = self.winner, self.first
        told = [f"{len(self.trials)} trials, {len(_ended(self.trials))} of them to their end"]
        if first.accuracy is not None:
            told.append(f"validation accuracy {first.accuracy:.4f} before")
        told.append(f"validation accuracy {won.accuracy:.4f} in trial {won.number}")
        return [*told, spelled(won.fields)]

    def as_json(self) -> dict[str, object]:
        """What `tune --json` prints."""
        return {
            "recipe": str(self.recipe),
            "picture": str(self.path / "search.png"),
            "num_trials": len(self.trials),
            "num_ended": len(_ended(self.trials)),
            "valid_accuracy": self.winner.accuracy,
            "valid_accuracy_before": self.first.accuracy,
            "fields": dict(self.winner.fields),
            "seconds": round(self.seconds, 2),
        }


def tune(
    source: Source,
    *,
    recipe: str | Path | Recipe | None = None,
    settings: Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    quarantine: str | Path | None = None,
    over: Sequence[str] | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    out: str | Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Looks for better values of a recipe's fields by the accuracy on the validation part.

    The test part is not looked at. The first trial is the recipe itself. over: the fields to
    search, the usual ones if not given. trials, minutes: when to stop, whichever comes first; a
    trial that the time cuts off does not count. out: a new folder, or one to go on in with the
    same arguments, `runs/<dataset>-search-<n>` if not given. engine: who computes.
    Raises EyespotError as `train` does.
    """
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtra("optuna", extra="tune", action="tuning")
    if minutes is not None and not 0 < minutes < math.inf:
        raise UsageError(f"minutes = {minutes:g}; give a number above 0")
    tell, started, begun = progress or Silence(), time.perf_counter(), time.time()
    wish = read_recipe(recipe or "standard", settings)
    if wish.folds or wish.net == "backbone":
        raise UsageError(
            "tune does not search with folds; tune without, then train with them"
            if wish.folds
            else "tune does not search on a backbone, whose head train chooses in folds; train"
        )
    dataset = arranged_set(read_source(source, columns, quarantine, tell), wish)
    looks = survey(dataset)
    tell.say(described(dataset, looks))
    fitted = fitted_to_images(wish, looks)
    loaded = loaded_images(dataset, fitted, tell)
    parts = split_of(loaded, fitted, None)
    if not parts.indices("valid"):
        raise DataError(f"{dataset.name} has no validation part to judge by; give it more images")
    counts = parts.counts(loaded.dataset.labels, len(dataset.classes))
    fitted = fitted_to_number(fitted, counts["train"])
    spans = spans_of(over, fitted)
    search = {
        "source": path_of(source),
        "recipe": wish.toml(),
        "fields": {name: [span.low, span.high] for name, span in spans.items()},
        "images": len(loaded.dataset),
    }
    number = trials or (MOST_TRIALS if minutes else TRIALS)
    with _folder(out, dataset.name, search) as run:
        shared = Search(
            wish=wish,
            spans=spans,
            base={name: getattr(fitted, name) for name in spans},
            loaded=loaded,
            parts=parts,
            looks=looks,
            journal=run.path.absolute() / "trials.journal",
            end=begun + 60 * minutes if minutes else None,
        )
        known = _prepare(shared)
        tell.say(f"searching {', '.join(spans)}; {number - known} trials to go")
        try:
            (engine or Here()).each(try_one, shared, range(known, number), tell)
        except (KeyboardInterrupt, ResourceError) as error:
            error.add_note(f"go on with the same command and --out {shlex.quote(str(run.path))}")
            raise
        tuned = _told(run.path, shared, time.perf_counter() - started)
    return tuned


@contextlib.contextmanager
def _folder(out: str | Path | None, name: str, search: Mapping[str, Any]) -> Iterator[Run]:
    """The folder of the search, held for this process."""
    told = Path(out) / "search.json" if out else None
    if told and told.exists():
        run = Run(told.parent)
        if json.loads(told.read_text("utf-8")) != json.loads(json.dumps(search)):
            raise UsageError(
                f"{run.path} holds another search; name a new folder, or give the same data, "
                "recipe and fields"
            )
    else:
        run = new_run(Path(out) if out else None, name=f"{name}-search", root=Path("runs"))
    with owned(run):
        write_json(run.path / "search.json", search)
        yield run


def _prepare(search: Search) -> int:
    """How many trials have been made; those that a kill has cut off are told to be over."""
    from optuna.trial import TrialState

    study = study_of(search.journal)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    made = _made(search)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if not any(map(_is_first, (*made, *waiting))):
        study.enqueue_trial(dict(search.base))
    return len(made)


def _made(search: Search) -> "list[FrozenTrial]":
    """The trials that came to an end, or were given up."""
    from optuna.trial import TrialState

    over = (TrialState.COMPLETE, TrialState.PRUNED)
    made: list[FrozenTrial] = study_of(search.journal).get_trials(deepcopy=False, states=over)
    return made


def _is_first(trial: "FrozenTrial") -> bool:
    """Whether it is of the recipe that the search began with, which Optuna has not chosen."""
    return "fixed_params" in trial.system_attrs


def _told(path: Path, search: Search, seconds: float) -> Tuned:
    """Writes the best recipe, a table of all trials and their picture."""
    from eyespot.reports.drawing import png, style

    made = [trial for trial in _made(search) if trial.params]
    trials = tuple(map(_trial, made))
    ended = _ended(trials)
    if not ended:
        raise EyespotError("no trial came to its end; give more --minutes, or a quicker --recipe")
    best = with_fields(search.wish, max(ended, key=_merit).fields)
    write_text(path / "best.toml", best.toml())
    names = list(search.spans)
    header = ["trial", "valid_accuracy", "valid_loss", "epochs", "seconds", *names]
    rows = [
        [t.number, t.accuracy, t.loss, t.epochs, t.seconds, *(t.fields.get(n) for n in names)]
        for t in trials
    ]
    write_table(path / "trials.csv", header, rows)
    with style():
        write_bytes(path / "search.png", png(search_chart(trials, search.spans)))
    first = next((one for one, own in zip(trials, made, strict=True) if _is_first(own)), trials[0])
    return Tuned(path=path, best=best, first=first, trials=trials, seconds=seconds)


def _trial(made: "FrozenTrial") -> Trial:
    return Trial(
        number=made.number + 1,
        fields={name: rounded(value) for name, value in made.params.items()},
        accuracy=made.value if made.state.name == "COMPLETE" else None,
        loss=made.user_attrs.get("loss"),
        epochs=made.user_attrs.get("epochs", 0),
        seconds=made.user_attrs.get("seconds", 0.0),
    )


def _ended(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.accuracy is not None]


def _merit(trial: Trial) -> tuple[float, float]:
    """Of equally accurate ones the one with the lowest loss."""
    return trial.accuracy or 0.0, -(math.inf if trial.loss is None else trial.loss)
