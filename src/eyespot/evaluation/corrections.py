"""suspects.csv as a person has edited it, and the labels of the run corrected by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eyespot.data.edited import EditedRow, edited_rows
from eyespot.data.relabelling import HEADER
from eyespot.data.sources.tree import hidden, suffix
from eyespot.errors import DataError, ResourceError, UsageError
from eyespot.evaluation.record import SUSPECTS, write_suspects
from eyespot.evaluation.suspects import Suspect
from eyespot.files.run import Run
from eyespot.files.tables import read_table, write_table


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A table of labels that was written, and how many of them are not the run's."""

    table: Path
    num: int
    num_changed: int


def read_suspects(run: Run) -> list[Suspect]:
    """What the run's suspects.csv says, which is made again where it has gone.

    Raises DataError, with the line, for what cannot be read.
    """
    return [
        Suspect(
            name=row.word("name"),
            label=row.word("label"),
            proposed=row.word("proposed"),
            probability=row.number("probability"),
            own=row.number("own"),
            sure=row.answer("sure"),
        )
        for row in _rows(run, SUSPECTS[:-1])
    ]


def write_corrected(run: Run, table: Path) -> Corrected:
    """Writes the label of every image of the run; of those that suspects.csv calls sure, the
    proposed one. A person may have edited that: removed rows, changed `proposed` and `sure`.

    Raises UsageError where the table must not lie, DataError, with the line, for what suspects.csv
    must not say.
    """
    _check_place(run, table)
    labels = {row["name"]: row["label"] for row in read_table(run.split)}
    proposed = _agreed(run, labels)
    rows = [(name, proposed.get(name, label)) for name, label in labels.items()]
    num_changed = sum(labels[name] != label for name, label in rows)
    write_table(table, HEADER, rows)
    return Corrected(table=table, num=len(rows), num_changed=num_changed)


def _agreed(run: Run, labels: dict[str, str]) -> dict[str, str]:
    """The new class of each image whose row says `sure`."""
    classes = run.read_json(run.origin)["dataset"]["classes"]
    agreed: dict[str, str] = {}
    for row in _rows(run, ("name", "proposed", "sure")):
        name = row.one_of("name", labels, "the image")
        proposed = row.one_of("proposed", classes, "the class")
        if not row.answer("sure"):
            continue
        if agreed.setdefault(name, proposed) != proposed:
            raise DataError(
                f"{run.suspects} line {row.line}: '{name}' is to be '{agreed[name]}' by a line "
                f"above, and '{proposed}' here; leave one"
            )
    return agreed


def _rows(run: Run, columns: Sequence[str]) -> list[EditedRow]:
    if not run.suspects.exists():
        write_suspects(run, run.read_predictions("valid"), run.read_predictions("test"))
    return edited_rows(run.suspects, columns)


def _check_place(run: Run, table: Path) -> None:
    """Raises UsageError where the table would take the place of something, or change the data."""
    if suffix(table.name) != ".csv":
        raise UsageError(f"'{table}' is no table's name; let it end with .csv")
    if hidden(table.name):
        raise UsageError(f"'{table.name}' has a meaning of its own; name the table otherwise")
    try:
        if table.exists() or table.is_symlink():
            raise UsageError(f"{table} is already there; name a new file")
    except OSError as error:
        raise ResourceError(f"{table} cannot be made: {error.strerror or error}") from error
    source = run.read_json(run.origin).get("source")
    if source and Path(source[0]).is_dir():
        folder = Path(source[0]).resolve()
        if table.resolve().is_relative_to(folder):
            raise UsageError(
                f"{table} would lie in the data's own folder, {folder}, and be read as a part of "
                "it; name a place outside"
            )
