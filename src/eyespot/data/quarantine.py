"""quarantine.csv: the images that every later verb leaves out, in a table that a person can edit.

Removing a row brings the image back; nothing is ever deleted.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from eyespot.data.selection import selected
from eyespot.data.sources.tree import Paths, hidden
from eyespot.errors import DataError, ResourceError, count
from eyespot.files.tables import read_table, write_table
from eyespot.values.dataset import Dataset, Issue

# What nobody can learn from, or what makes a test dishonest, beyond doubt. Whatever is a matter of
# taste or of a threshold (blur, size, look-alikes) is only told, and so are copies with one label.
QUARANTINED = frozenset({"empty-file", "unreadable", "blank", "contradicting-label", "leak"})

# Of these, what is so whatever the labels and parts are.
_OF_PIXELS = frozenset({"empty-file", "unreadable", "blank"})

HEADER = ("name", "kind", "detail")


class Row(NamedTuple):
    """One image that is left out, and why."""

    name: str
    kind: str
    detail: str


def quarantine_path(source: str | Path) -> Path | None:
    """Where the table of a set lies: in its folder, or beside its file; None for a named set."""
    path = Path(source)
    if path.is_dir():
        return path / "quarantine.csv"
    return path.with_name(f"{path.name}.quarantine.csv") if path.is_file() else None


def quarantine_rows(
    dataset: Dataset, issues: Iterable[Issue], *, kinds: Collection[str] = QUARANTINED
) -> list[Row]:
    """A row for each image with an issue of these kinds, in the order of the set.

    Of an image with several, the first counts; rows of tables and files that reading has left out
    already get none.
    """
    rows: dict[str, Row] = {}
    for issue in issues:
        if issue.kind in kinds:
            rows.setdefault(issue.name, Row(issue.name, issue.kind, issue.detail))
    return [rows[name] for name in dataset.names if name in rows]


def write_quarantine(path: Path, rows: Iterable[Row]) -> None:
    """Writes the table, whole or not at all. Raises ResourceError where it cannot be written."""
    try:
        write_table(path, HEADER, rows)
    except ResourceError as error:
        raise ResourceError(
            f"{error}; write it elsewhere and name it with --quarantine FILE of train and evaluate"
        ) from error


def extend_quarantine(path: Path, rows: Sequence[Row]) -> int:
    """Adds rows for images that the table does not name yet; returns how many there were.

    The other rows stay as they are. Raises ResourceError where it cannot be written.
    """
    old = read_quarantine(path)
    named = {row.name for row in old}
    new = [row for row in rows if row.name not in named]
    if new:
        write_quarantine(path, [*old, *new])
    return len(new)


def read_quarantine(path: Path) -> list[Row]:
    """The rows of a table, which need no kind and detail; none where there is no table.

    Raises DataError when it is torn or has no column `name`.
    """
    if not path.exists():
        return []
    rows = read_table(path)
    if rows and "name" not in rows[0]:
        raise DataError(f"{path} has no column 'name'; give it the columns {', '.join(HEADER)}")
    return [Row(row["name"], row.get("kind", ""), row.get("detail", "")) for row in rows]


def apply_quarantine(dataset: Dataset, rows: Sequence[Row]) -> Dataset:
    """The set without the images of these rows, an issue for each; its classes stay.

    A row for an image that is not there is an issue, too; one that reading has left out anyhow is
    none. Raises DataError when no image is left.
    """
    if not rows:
        return dataset
    wanted = {row.name: row for row in rows}
    there = set(dataset.names)
    known = {issue.name for issue in dataset.issues if issue.left_out}
    gone = [row for name, row in wanted.items() if name not in there and name not in known]
    if len(dataset) and there <= wanted.keys():
        raise DataError(f"{dataset.name}: every image is in quarantine; remove rows from its table")
    kept = [place for place, name in enumerate(dataset.names) if name not in wanted]
    issues = (*dataset.issues, *_left_out(dataset, wanted), *map(_missing, gone))
    if len(kept) == len(dataset):
        return replace(dataset, issues=issues)
    return replace(selected(dataset, kept), issues=issues)


def without_neighbours(dataset: Dataset, own: Path) -> Dataset:
    """The set without what other quarantines beside its images say of the same files.

    own: the set's own quarantine. A folder has one, and each table in it has one. What they found
    broken or blank is so for all of them, and what was found under the same labels, too; of the
    rest, which goes by labels or parts that may be others here, an issue tells.
    """
    if not isinstance(dataset.images, Paths):
        return dataset
    root, names = dataset.images.root, set(dataset.names)
    for path in sorted(root.glob("*quarantine.csv")):
        if not hidden(path.name) or os.path.realpath(path) == os.path.realpath(own):
            continue
        rows = [row for row in read_quarantine(path) if row.name in names]
        table = path.name.removesuffix("quarantine.csv").rstrip(".")
        same = bool(table) and f"({table})" in dataset.form
        taken = [row for row in rows if same or row.kind in _OF_PIXELS]
        noted = [row._replace(detail=f"{row.detail} (in {path.name})") for row in taken]
        dataset = apply_quarantine(dataset, noted)
        if num := len(rows) - len(taken):
            images = count(num, "more image")
            detail = (
                f"names {images} for labels of its own; copy its rows to {own.name} if they fit"
            )
            issue = Issue(kind="other-quarantine", name=path.name, detail=detail, score=0.0)
            dataset = replace(dataset, issues=(*dataset.issues, issue))
        names.difference_update(row.name for row in taken)
    return dataset


def _left_out(dataset: Dataset, wanted: dict[str, Row]) -> Iterator[Issue]:
    for name in dataset.names:
        if row := wanted.get(name):
            why = ": ".join(filter(None, (row.kind, row.detail))) or "its row says no reason"
            yield Issue(kind="quarantined", name=name, detail=why, left_out=True)


def _missing(row: Row) -> Issue:
    detail = "the quarantine names it, but it is not in the set; remove its row"
    return Issue(kind="not-there", name=row.name, detail=detail, score=0.0)
