"""Delimited text as people save it: any of four delimiters, four encodings, quoted newlines."""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from eyespot.data.sources.assembly import shortened
from eyespot.data.sources.tree import suffix
from eyespot.errors import DataError, UsageError, did_you_mean
from eyespot.images.decode import IMAGE_SUFFIXES

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
# In order of preference: a table with `id` and `filename` means the second.
IMAGE_HEADERS = (
    "image filename file_name file path image_path file_path filepath img name image_name "
    "image_id id"
).split()
LABEL_HEADERS = "label class target category y labels class_name".split()
PART_HEADERS = ("part", "split", "set")
GROUP_HEADERS = ("group",)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Columns(NamedTuple):
    """Which cell of a row is what; None where the table has no such column."""

    image: int | None
    label: int | None
    part: int | None
    group: int | None


@dataclass(frozen=True)
class Table:
    """header: the column names, empty when the first line is a row already.

    rows: the number of the line on which each row starts, counted from 1, and its cells.
    """

    path: Path
    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    encoding: str


def read_rows(path: Path) -> Table:
    """The table's header and rows; empty lines are skipped.

    Raises DataError when the file is empty, is no text or has a quote that is never closed.
    """
    text, encoding = read_text(path)
    rows = []
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(path, text), strict=True
    )
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path} line {line}: {error}; mend the row") from error
    if not rows:
        raise DataError(f"{path} is empty; a labels table has a header and a row for each image")
    first = rows[0][1]
    bare = any(suffix(cell.strip()) in IMAGE_SUFFIXES for cell in first)
    header = () if bare else tuple(cell.strip() for cell in rows.pop(0)[1])
    return Table(path, header, rows, encoding)


def read_text(path: Path) -> tuple[str, str]:
    """The file's text and its encoding: what its byte order mark says, else UTF-8, else Latin-1."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    encodings = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    if not encodings and b"\0\0" in (data[0:4:2], data[1:4:2]):
        encodings = ["utf-16-be" if data[0] == 0 else "utf-16-le"]
    for encoding in encodings or ["utf-8", "latin-1"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise DataError(f"{path} is not a text table; save it as CSV in UTF-8")


def _delimiter(path: Path, text: str) -> str:
    """The delimiter under which the first line has the most known names, then the most cells."""
    start = text[:65536]

    def merit(delimiter: str) -> tuple[int, int]:
        try:
            first = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])
        except csv.Error:
            first = []
        names = {cell.strip().lower() for cell in first}
        return len(names & {*IMAGE_HEADERS, *LABEL_HEADERS, *PART_HEADERS}), len(first)

    return max("\t,;|" if suffix(path.name) == ".tsv" else ",;\t|", key=merit)


def find_columns(table: Table, named: Mapping[str, str] | None = None) -> Columns:
    """Where image, label, part and group stand, by `named` and by the usual header names.

    named: {"image": NAME, "label": NAME, ...}, any of them. In a table of two columns of
    which one is known, the other one is the missing one.
    Raises UsageError when a named column is not there.
    """
    if not table.header:
        return _by_content(table)
    names = [name.lower() for name in table.header]
    image = _position(table, "image", named, IMAGE_HEADERS)
    label = _position(table, "label", named, LABEL_HEADERS)
    if len(names) == 2 and (image is None) != (label is None):
        image, label = (
            (1 - label, label) if image is None and label is not None else (image, 1 - (image or 0))
        )
    group = _position(table, "group", named, GROUP_HEADERS)
    if group in (image, label):
        group = None
    return Columns(image, label, _position(table, "part", named, PART_HEADERS), group)


def _position(
    table: Table, role: str, named: Mapping[str, str] | None, usual: Sequence[str]
) -> int | None:
    wanted = (named or {}).get(role)
    if wanted is not None:
        if wanted not in table.header:
            raise UsageError(
                f"{table.path} has no column '{wanted}'"
                f"{did_you_mean(wanted, table.header) or '; it has ' + shortened(table.header)}"
            )
        return table.header.index(wanted)
    lowered = [name.lower() for name in table.header]
    return next((lowered.index(name) for name in usual if name in lowered), None)


def _by_content(table: Table) -> Columns:
    cells = table.rows[0][1]
    image = next(i for i, cell in enumerate(cells) if suffix(cell.strip()) in IMAGE_SUFFIXES)
    return Columns(image, 1 - image if len(cells) == 2 else None, None, None)
