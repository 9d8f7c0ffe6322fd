"""Reading a set as every verb does: what its source holds, without what its quarantine names."""

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from eyespot.data.quarantine import (
    apply_quarantine,
    extend_quarantine,
    quarantine_path,
    quarantine_rows,
    read_quarantine,
    without_neighbours,
    write_quarantine,
)
from eyespot.data.sources import recognition
from eyespot.data.sources.download import Progress
from eyespot.data.sources.named import NAMED_SETS
from eyespot.data.sources.recognition import Source
from eyespot.errors import DataError, ResourceError
from eyespot.values.dataset import Dataset, Issue

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def read(
    source: Source,
    *,
    columns: Mapping[str, str] | None = None,
    quarantine: str | Path | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The labelled images that the source stands for, not decoded yet.

    source: the name of a named set (digits, mnist, fashion-mnist, emnist-balanced, ..., cifar10); a
    path to a folder, table, .npz or .zip; or a pair (images, labels) in memory. A named set wins
    over a file of that name; `./mnist` and any pathlib.Path mean the file.
    columns: {"image": NAME, "label": NAME, "part": NAME, "group": NAME} of a labels table, where it
    has others than the usual header names. quarantine: a table of images to leave out, besides the
    set's own and what others beside it say of the same files. progress: called while a named set is
    downloaded.
    Raises DataError when there is nothing to learn from, UsageError for columns that are not there.
    """
    dataset = recognition.read(source, columns=columns, progress=progress)
    own = own_quarantine(source)
    if own is not None:
        dataset = without_neighbours(apply_quarantine(dataset, read_quarantine(own)), own)
    return without_quarantined(dataset, quarantine)


def without_quarantined(dataset: Dataset, table: str | Path | None) -> Dataset:
    """The set without the images that a table names, an issue for each.

    Raises DataError when the table is not there, torn, or names all images.
    """
    if table is None:
        return dataset
    if not Path(table).is_file():
        raise DataError(f"there is no quarantine {table}; name a table as eyespot check writes it")
    gone = {issue.name for issue in dataset.issues if issue.kind == "quarantined"}
    rows = [row for row in read_quarantine(Path(table)) if row.name not in gone]
    return apply_quarantine(dataset, rows)


def own_quarantine(source: Source) -> Path | None:
    """Where the quarantine of a source lies, there or not; None for what has no place of its own:
    a named set, arrays in memory."""
    if isinstance(source, tuple) or (isinstance(source, str) and source in NAMED_SETS):
        return None
    return quarantine_path(source)


def set_aside(
    source: Source, dataset: Dataset, issues: Sequence[Issue], *, otherwise: Path
) -> tuple[Path, int] | None:
    """Puts what is wrong for certain into the set's quarantine; returns it, and how many are new.

    None when nothing is wrong for certain, apart from what is in the quarantine already.

    otherwise: the folder that gets the table where the set has no place for one. Raises
    ResourceError then, with the way out.
    """
    rows, own = quarantine_rows(dataset, issues), own_quarantine(source)
    if not rows:
        return None
    try:
        if own is None:
            raise ResourceError(f"{dataset.name} has no folder of its own for a quarantine")
        if not own.parent.stat().st_mode & _WRITABLE:  # root could, but somebody does not want it
            raise ResourceError(f"{own} cannot be written: the folder is read-only")
        return own, extend_quarantine(own, rows)
    except ResourceError as error:
        reason = str(error).partition(";")[0]
    table = otherwise / "quarantine.csv"
    write_quarantine(table, [*(read_quarantine(own) if own else []), *rows])
    raise ResourceError(f"{reason}; train and evaluate leave it out with --quarantine {table}")
