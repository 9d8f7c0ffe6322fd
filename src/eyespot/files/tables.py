"""CSV tables that a spreadsheet opens and runs nothing of."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from eyespot.errors import DataError
from eyespot.files.atomic import write_text
from eyespot.values.dataset import Issue

# A cell that starts with one of these runs as a formula when a spreadsheet opens the table.
# Source: OWASP, CSV injection; the four wide ones are what Japanese keyboards type.
_LIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
# Half of a surrogate pair, from a Windows file name or a table; the gap are POSIX's odd bytes.
_UNPAIRED = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_MARKS = re.compile('[,"\r\n]')
_EMPTY = '""'  # a bare empty line would be no row at all
_ESCAPED = "'\\"


def table_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV table as text; a cell that a spreadsheet would run as a formula gets a quote."""
    return "".join(map(row_text, (header, *rows)))


def row_text(row: Sequence[object]) -> str:
    """One row of it, with its end."""
    return (",".join(map(_spelled, row)) or _EMPTY) + "\n"


def _spelled(value: object) -> str:
    """One cell. The csv module's own writer, up to Python 3.12, leaves a carriage return bare."""
    text = "" if value is None else str(value)
    if not isinstance(value, int | float | np.number):
        text = _quiet(text)
    return '"' + text.replace('"', '""') + '"' if _MARKS.search(text) else text


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV table as `table_text` spells it, whole or not at all."""
    write_text(path, table_text(header, rows))


def write_issues(path: Path, issues: Iterable[Issue]) -> None:
    """Writes issues as a table: name, kind, detail."""
    rows = ((issue.name, issue.kind, issue.detail) for issue in issues)
    write_table(path, ("name", "kind", "detail"), rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a table that `write_table` wrote, every cell a string.

    A byte order mark and empty lines, which a spreadsheet adds, do not count. Raises DataError when
    the file is missing, empty or torn, or a row has more or fewer cells than the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(f"{path} is empty; make it anew")
        for row in filter(None, reader):
            if len(row) != len(header):
                raise ValueError(f"{len(row)} cells under {len(header)} column names")
            rows.append({key: unquoted(cell) for key, cell in zip(header, row, strict=True)})
    except (csv.Error, ValueError) as error:
        raise DataError(f"{path} line {reader.line_num}: {error}; mend the line") from error
    return rows


def _quiet(cell: str) -> str:
    if not cell.isascii() and _UNPAIRED.search(cell):
        return _ESCAPED + cell.encode("unicode_escape").decode()
    return f"'{cell}" if cell.startswith(_LIVE) else cell


def unquoted(cell: str) -> str:
    """What `table_text` was given for this cell. Raises ValueError for one it cannot have made."""
    if cell.startswith(_ESCAPED):
        try:
            return cell[len(_ESCAPED) :].encode().decode("unicode_escape")
        except UnicodeError as error:
            raise ValueError(f"{cell} is not an escaped name") from error
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_LIVE) else cell
