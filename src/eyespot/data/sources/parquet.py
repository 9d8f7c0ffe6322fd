"""Parquet shards: the encoded images in one column, read a group of rows at a time.

Memory holds two groups of rows of each column, whatever the number of images.
"""

import importlib.util
import json
import posixpath
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from eyespot.data.sources.assembly import shortened
from eyespot.errors import DataError, MissingExtra, UsageError

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
IMAGE_COLUMNS = ("image", "bytes", "image_bytes", "img", "jpg", "jpeg", "png", "webp")
NAME_COLUMNS = ("name", "file", "filename", "file_name", "path", "id", "__key__")

_HELD = 2  # groups of rows; images are looked at in their order, by several threads


@dataclass(frozen=True)
class ParquetFile:
    """A file and what stands at its end. filesystem: of pyarrow; None for this machine's own.

    path: there. shown: in names and errors. columns: its column names. groups: rows of each group.
    text_columns: those that hold words. words: for a column of class numbers, the classes.
    """

    filesystem: Any
    path: str
    shown: str
    columns: tuple[str, ...]
    groups: tuple[int, ...]
    text_columns: tuple[str, ...] = ()
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def num(self) -> int:
        return sum(self.groups)


def open_parquet(path: str | Path, *, filesystem: Any = None, shown: str = "") -> ParquetFile:
    """What a file holds, from its end alone. Raises DataError for one that is no Parquet."""
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", extra="cluster", action=f"reading {shown or path}")
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(str(path), filesystem=filesystem) as file:
            meta, schema = file.metadata, file.schema_arrow
            groups = tuple(meta.row_group(at).num_rows for at in range(meta.num_row_groups))
    except (OSError, ValueError) as error:  # ValueError: pyarrow's own
        raise DataError(f"{shown or path} is no whole Parquet file ({_reason(error)})") from error
    return ParquetFile(
        filesystem,
        str(path),
        shown or str(path),
        tuple(schema.names),
        groups,
        tuple(column.name for column in schema if str(column.type) in ("string", "large_string")),
        _class_words(schema.metadata or {}),
    )


def _class_words(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The names of numbered classes, as the Hub's `datasets` writes them beside the columns."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: [str(name) for name in told["names"]]
            for column, told in features.items()
            if isinstance(told, dict) and told.get("_type") == "ClassLabel"
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


@dataclass(eq=False)
class ParquetColumn(Sequence[Any]):
    """The cells of a column, read when they are asked for. Can be pickled; then it reads there.

    first, last: the groups of rows that it covers, of all of the file's.
    """

    file: ParquetFile
    column: str
    first: int
    last: int
    _held: OrderedDict[int, list[Any]] = field(default_factory=OrderedDict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return sum(self.file.groups[self.first : self.last])

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        group = self.first
        while row >= self.file.groups[group]:
            row -= self.file.groups[group]
            group += 1
        return self._cells(group)[row]

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "column": self.column, "first": self.first, "last": self.last}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _cells(self, group: int) -> list[Any]:
        with self._lock:
            if group in self._held:
                self._held.move_to_end(group)
            else:
                self._held[group] = read_cells(self.file, group, self.column)
                while len(self._held) > _HELD:
                    self._held.popitem(last=False)
            return self._held[group]


def read_cells(file: ParquetFile, group: int, column: str) -> list[Any]:
    """The cells of a column in one group of rows; of a picture with its path, the picture.

    Raises DataError when the file has changed or cannot be read any more.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path, filesystem=file.filesystem) as opened:
            cells = opened.read_row_group(group, columns=[column]).column(0).to_pylist()
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{file.shown} cannot be read any more ({_reason(error)})") from error
    return [cell.get("bytes") if isinstance(cell, dict) else cell for cell in cells]


def image_column(file: ParquetFile, wanted: str | None = None) -> str:
    """The column that holds the images. Raises UsageError or DataError where there is none."""
    if wanted is not None:
        if wanted not in file.columns:
            raise UsageError(f"{file.shown} has no column '{wanted}', only {_listed(file)}")
        return wanted
    if found := find_column(file, IMAGE_COLUMNS):
        return found
    raise DataError(
        f"{file.shown} has the columns {_listed(file)}: none is called "
        f"{', '.join(IMAGE_COLUMNS[:4])} or the like; say which holds the images by "
        "--columns image=NAME"
    )


def find_column(file: ParquetFile, names: Sequence[str]) -> str | None:
    """The first of these names that is a column, in whatever case."""
    known = {column.lower(): column for column in file.columns}
    return next((known[name] for name in names if name in known), None)


@dataclass(frozen=True, eq=False)
class ParquetNames(Sequence[str]):
    """A name for every row: its cell, or the file and the row's number where there is none."""

    cells: ParquetColumn | None
    file: ParquetFile
    first: int
    last: int

    def __len__(self) -> int:
        return sum(self.file.groups[self.first : self.last])

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        if self.cells is not None:
            return str(self.cells[row])
        number = sum(self.file.groups[: self.first]) + row
        return f"{posixpath.basename(self.file.shown)}/{number:06}"


def parquet_names(file: ParquetFile, first: int, last: int) -> ParquetNames:
    """Of the rows of these groups."""
    column = find_column(file, NAME_COLUMNS)
    cells = ParquetColumn(file, column, first, last) if column else None
    return ParquetNames(cells, file, first, last)


def _listed(file: ParquetFile) -> str:
    return shortened(file.columns)


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
