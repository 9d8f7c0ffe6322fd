"""What a training was asked for, kept in its run folder until it is done: `train --resume RUN`."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eyespot.data.keeping import changes, such
from eyespot.data.loading import Loaded
from eyespot.data.sources.named import NAMED_SETS
from eyespot.data.splits import Split
from eyespot.errors import DataError, UsageError
from eyespot.files.atomic import write_json
from eyespot.files.run import Run
from eyespot.files.tables import read_table
from eyespot.line.planning import Source
from eyespot.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of a training, with absolute paths: resume.json.

    source: None for pictures in memory, which only the caller has. recipe: as TOML, before it was
    fitted to the images. named: whether a person chose it. fitted: the same, afterwards. classes:
    of the images that can be read.
    """

    source: str | None
    columns: Mapping[str, str] | None
    quarantine: str | None
    split: str | None
    minutes: float | None
    recipe: str
    labels: str | None = None
    ensemble: bool = False
    named: bool = True
    fitted: str | None = None
    classes: Sequence[str] | None = None

    @property
    def wish(self) -> Recipe:
        """The recipe to start from."""
        return Recipe(**tomllib.loads(self.fitted or self.recipe))

    @property
    def words(self) -> list[str]:
        """What to type behind `eyespot train` to read the same images; nothing for memory."""
        if self.source is None:
            return []
        named = ",".join(f"{role}={name}" for role, name in (self.columns or {}).items())
        options = {"--columns": named, "--quarantine": self.quarantine}
        given = [word for pair in options.items() if pair[1] for word in pair]
        return [self.source, *map(str, given)]

    def source_or(self, given: Source | None) -> Source:
        """The source to read again. given: the pictures that were in memory.

        Raises UsageError when these are missing, or are given without need.
        """
        if (source := self.source or given) is None:
            raise UsageError(
                "the run was trained on pictures in memory; give them again, as in "
                "train(pictures, resume=run)"
            )
        if self.source is not None and given is not None:
            raise UsageError(f"the run knows its data, {self.source}; leave yours away")
        return source


def path_of(source: object) -> str | None:
    """The source as another process finds it, wherever it runs: a set's name, or a whole path."""
    if isinstance(source, str) and source in NAMED_SETS:
        return source
    return os.path.abspath(source) if isinstance(source, str | Path) else None


def write_request(run: Run, request: Request) -> None:
    """Writes resume.json."""
    write_json(run.asked, asdict(request))


def read_request(run: Run) -> Request:
    """What the run was asked for. Raises UsageError when there is nothing to go on with."""
    if not run.path.is_dir():
        raise UsageError(f"{run.path} is no run folder; name one that `eyespot train` has made")
    # A kill while a finished run is tidied up may leave resume.json alone; a run of folds has no
    # other file to go on from.
    goes_on = run.asked if run.folds else run.resume
    if run.origin.exists() and not (goes_on.exists() or run.previous.exists()):
        raise UsageError(f"{run.path} is finished; there is nothing to go on with")
    whole = Run(run.path.absolute().parent)
    if not run.asked.exists() and whole.asked.exists():
        raise UsageError(f"{run.path} is a fold; go on with the whole run, {whole.path}")
    if not run.asked.exists():
        raise UsageError(
            f"{run.path} holds no {run.asked.name}, so nothing says what to go on with; train anew"
        )
    try:
        request = Request(**run.read_json(run.asked))
        _ = request.wish  # raises where it is no recipe
    except (TypeError, ValueError, UsageError) as error:
        raise DataError(f"{run.asked} was changed ({error}); train anew") from error
    return request


def split_table(run: Run, request: Request) -> str | Path | None:
    """The table of parts that was asked for; what the run kept of it, where that one is gone."""
    gone = request.split is not None and not os.path.exists(request.split)
    return run.split if gone and run.split.exists() else request.split


def check_unchanged(run: Run, request: Request, loaded: Loaded) -> None:
    """Raises DataError with what has changed since the run began, in its recipe or its images."""
    told: list[str] = []
    if request.fitted is not None and run.recipe.exists():
        told += _recipe_changes(request.fitted, run.recipe.read_text("utf-8"))
    if run.split.exists():
        told += changes(run.split, loaded)
    classes = loaded.dataset.classes
    if not told and request.classes is not None and list(request.classes) != list(classes):
        told.append(f"the classes were {_listed(request.classes)} and are {_listed(classes)}")
    _refuse(run, told)


def check_same_parts(run: Run, parts: Split, folds: Sequence[int | None] | None = None) -> None:
    """Raises DataError where split.csv, written when the run began, says another part or fold."""
    if not run.split.exists():
        return
    rows = read_table(run.split)
    moved = [r["name"] for r, part in zip(rows, parts.parts, strict=True) if r["part"] != part]
    if moved:
        _refuse(run, [f"{such(moved)} in another part of {run.split.name}"])
    pairs = zip(rows, folds or (), strict=bool(folds))
    moved = [r["name"] for r, fold in pairs if r.get("fold") != str(fold or "")]
    if moved:
        _refuse(run, [f"{such(moved)} in another fold of {run.split.name}"])


def _refuse(run: Run, told: Sequence[str]) -> None:
    if told:
        raise DataError(
            f"{run.path} cannot go on, because {'; '.join(told)}; undo that, or train anew"
        )


def _listed(classes: Sequence[str]) -> str:
    """`cat, dog and 3 more`."""
    more = f" and {len(classes) - 5:,} more" if len(classes) > 5 else ""
    return ", ".join(classes[:5]) + more


def _recipe_changes(before: str, now: str) -> Sequence[str]:
    """`epochs was 5 and is 6 in recipe.toml`, for each field."""
    if before == now:
        return []
    try:
        old, new = tomllib.loads(before), tomllib.loads(now)
    except ValueError as error:
        return [f"recipe.toml is not TOML any more ({error})"]
    return [
        f"{field} was {old.get(field)} and is {new.get(field)} in recipe.toml"
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    ]
