"""Sets of millions of images in few files: Parquet or tar shards, as `eyespot pack` writes them.

A Parquet file has the encoded image in one column and its label in another; a tar has a member for
each image and a `labels.csv` as its first one, or a folder for each class.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.data.sources.assembly import encode, part_of, quoted, slug
from eyespot.data.sources.encoded import Encoded
from eyespot.data.sources.parquet import (
    NAME_COLUMNS,
    PARQUET_SUFFIXES,
    ParquetColumn,
    ParquetFile,
    find_column,
    image_column,
    open_parquet,
    parquet_names,
    read_cells,
)
from eyespot.data.sources.table import GROUP_HEADERS, LABEL_HEADERS, PART_HEADERS
from eyespot.data.sources.tarred import Tarred, open_tar
from eyespot.data.sources.tree import suffix
from eyespot.errors import DataError, UsageError
from eyespot.files.tables import unquoted
from eyespot.values.dataset import Dataset, Issue, Part, Pictures

TAR = ".tar"
SHARD_SUFFIXES = PARQUET_SUFFIXES | {TAR}


@dataclass
class _Rows:
    """What is told of the images of one shard, a cell for each."""

    images: Sequence[Any]
    names: list[str]
    labels: list[str] | None
    parts: list[str] | None
    groups: list[str] | None
    columns: dict[str, list[str]] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()


def shard_files(names: Iterable[str]) -> list[str]:
    """Those of these files that are shards."""
    return [name for name in names if suffix(name) in SHARD_SUFFIXES]


def read_shards(
    paths: Sequence[Path], columns: Mapping[str, str] | None = None, *, root: Path
) -> Dataset:
    """The labelled images of shards of one kind. root: what the user gave.

    Raises DataError when a shard has no labels or is torn, UsageError for a column that it lacks.
    """
    shards = [_rows(path, columns or {}) for path in _of_one_kind(paths)]
    if bare := [path for path, one in zip(paths, shards, strict=True) if one.labels is None]:
        raise DataError(
            f"{bare[0]} says no labels; name their column by --columns label=NAME, or predict it"
        )
    names = [name for one in shards for name in one.names]
    labels = [label for one in shards for label in one.labels or ()]
    parts = _joined(shards, "parts")
    groups = _joined(shards, "groups")
    others = sorted(set.intersection(*(set(one.columns) for one in shards)))
    cells = {name: [cell for one in shards for cell in one.columns[name]] for name in others}
    kept = [place for place, label in enumerate(labels) if label.strip()]
    gone = sorted(set(range(len(names))) - set(kept))
    issues = [issue for one in shards for issue in one.issues]
    issues += [
        Issue(kind="no-label", name=names[place], detail="its label is empty", left_out=True)
        for place in gone
    ]
    numbers, classes = encode(labels[place].strip() for place in kept)

    def those(values: Sequence[Any] | None) -> Any:
        return None if values is None else tuple(values[place] for place in kept)

    kind = "Parquet" if suffix(paths[0].name) in PARQUET_SUFFIXES else "tar"
    found: tuple[Part | None, ...] | None = None
    if parts is not None:
        found = tuple(part_of(parts[place]) for place in kept)
    return Dataset(
        name=slug(root),
        form=f"{len(paths):,} {kind} shard{'s' if len(paths) > 1 else ''}",
        images=Encoded.of(one.images for one in shards).at(kept),
        names=those(names),
        labels=numbers if len(kept) else np.empty(0, np.int64),
        classes=classes,
        parts=found,
        groups=those(groups),
        columns={name: those(values) for name, values in cells.items()},
        issues=tuple(issues),
    )


def shard_pictures(paths: Sequence[Path]) -> Pictures:
    """The images of shards, whether they have labels or not."""
    shards = [_rows(path, {}) for path in _of_one_kind(paths)]
    names = tuple(name for one in shards for name in one.names)
    return Pictures(images=Encoded.of(one.images for one in shards), names=names)


def _of_one_kind(paths: Sequence[Path]) -> Sequence[Path]:
    kinds = {suffix(path.name) == TAR for path in paths}
    if len(kinds) > 1:
        names = quoted([path.name for path in paths])
        raise DataError(f"there are Parquet and tar shards beside each other ({names}); name one")
    return paths


def _rows(path: Path, wanted: Mapping[str, str]) -> _Rows:
    if suffix(path.name) == TAR:
        if wanted:
            raise UsageError(f"{path} is a tar; --columns is for labels tables and Parquet")
        return _of_tar(path, open_tar(path))
    return _of_parquet(open_parquet(path), wanted, path)


def _of_parquet(file: ParquetFile, wanted: Mapping[str, str], path: Path) -> _Rows:
    image, num = image_column(file, wanted.get("image")), len(file.groups)
    found = {
        "label": _column(file, "label", wanted, LABEL_HEADERS),
        "part": _column(file, "part", wanted, PART_HEADERS),
        "group": _column(file, "group", wanted, GROUP_HEADERS),
    }
    taken = {image, find_column(file, NAME_COLUMNS), *found.values()}
    others = [name for name in file.text_columns if name not in taken]
    stem = next((part for word in path.stem.split("-") if (part := part_of(word))), None)
    parts = _cells(file, found["part"])
    return _Rows(
        images=ParquetColumn(file, image, 0, num),
        names=[name for name in parquet_names(file, 0, num)],
        labels=_cells(file, found["label"]),
        parts=[stem] * file.num if parts is None and stem else parts,
        groups=_cells(file, found["group"]),
        columns={name: _cells(file, name) or [] for name in others},
    )


def _column(
    file: ParquetFile, role: str, wanted: Mapping[str, str], usual: Sequence[str]
) -> str | None:
    if role in wanted:
        return image_column(file, wanted[role])
    return find_column(file, usual)


def _cells(file: ParquetFile, column: str | None) -> list[str] | None:
    """A column as words; numbers of classes as the words that the file has for them."""
    if column is None:
        return None
    words = file.words.get(column)
    cells = [cell for at in range(len(file.groups)) for cell in read_cells(file, at, column)]
    if words:
        return [
            words[cell] if cell is not None and 0 <= cell < len(words) else "" for cell in cells
        ]
    return ["" if cell is None else str(cell) for cell in cells]


def _of_tar(path: Path, tar: Tarred) -> _Rows:
    if tar.table is None:
        return _of_folders(tar)
    reader = csv.DictReader(io.StringIO(tar.table, newline=""), strict=True)
    try:
        rows = {row["image"]: row for row in reader}
        told = [rows[name] for name in tar.names]
    except (KeyError, csv.Error) as error:
        raise DataError(f"{path}: its labels.csv does not fit its images ({error})") from error

    def cells(name: str) -> list[str] | None:
        if name not in (reader.fieldnames or ()):
            return None
        return [unquoted(row[name] or "") for row in told]

    own = ("image", "name", "label", "part", "group")
    others = [name for name in reader.fieldnames or () if name not in own]
    return _Rows(
        images=tar.images,
        names=cells("name") or tar.names,
        labels=cells("label"),
        parts=cells("part"),
        groups=cells("group"),
        columns={name: cells(name) or [] for name in others},
        issues=tar.issues,
    )


def _of_folders(tar: Tarred) -> _Rows:
    """A folder for each class, maybe in folders of parts."""
    tops = {name.split("/", 1)[0] for name in tar.names if "/" in name}
    depth = 1 if tops and all(map(part_of, tops)) else 0
    pieces = [name.split("/") for name in tar.names]
    labels = [piece[depth] if len(piece) > depth + 1 else "" for piece in pieces]
    parts = [piece[0] for piece in pieces] if depth else None
    known = labels if any(labels) else None
    return _Rows(tar.images, tar.names, known, parts, None, issues=tar.issues)


def _joined(shards: Sequence[_Rows], role: str) -> list[str] | None:
    """The cells of all shards; None unless each has them."""
    told = [getattr(one, role) for one in shards]
    return None if None in told else [cell for cells in told for cell in cells]
