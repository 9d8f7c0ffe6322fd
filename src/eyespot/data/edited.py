"""Tables of eyespot's that a person has edited: any spreadsheet's way of saving, line by line."""

import math
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eyespot.data.sources.table import read_rows
from eyespot.errors import DataError, did_you_mean
from eyespot.files.tables import unquoted


@dataclass(frozen=True, kw_only=True)
class EditedRow:
    """One row. cells: by the names of their columns, as they were typed. line: counted from 1."""

    path: Path
    line: int
    encoding: str
    cells: dict[str, str]

    def word(self, column: str) -> str:
        """What a cell says."""
        return next(_meanings(self.cells[column], self.encoding))

    def number(self, column: str) -> float:
        """The number in a cell. Raises DataError, with the line, where there is none."""
        cell = self.cells[column]
        try:
            number = float(cell.replace(",", "."))  # as half of the world writes it
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataError(f"{self.path} line {self.line}: {column} = '{cell}' is no number")
        return number

    def answer(self, column: str) -> bool:
        """Whether a cell says yes. Raises DataError, with the line, for anything but yes or no."""
        word = self.cells[column].strip().casefold()
        if word not in ("yes", "no"):
            raise DataError(
                f"{self.path} line {self.line}: {column} = '{word}' is neither yes nor no"
            )
        return word == "yes"

    def one_of(self, column: str, known: Collection[str], noun: str) -> str:
        """The known word that a cell means. noun: what it is, for the error.

        Raises DataError, with the line and the nearest known word, where it means none.
        """
        cell = self.cells[column]
        for word in _meanings(cell, self.encoding):
            if word in known:
                return word
        raise DataError(
            f"{self.path} line {self.line}: {noun} '{cell}' is not one of {_some(known)}"
            f"{did_you_mean(cell, known) or '; mend the row or remove it'}"
        )


def edited_rows(path: Path, columns: Sequence[str]) -> list[EditedRow]:
    """The rows of a table that has these columns, and maybe others, in any order.

    Raises DataError when it cannot be read, lacks a column, or a row lacks a cell.
    """
    table = read_rows(path)
    header = [name.lower() for name in table.header]
    lacking = [name for name in columns if name not in header]
    if lacking:
        raise DataError(
            f"{path} has no column '{lacking[0]}'; it needs the columns {', '.join(columns)}"
        )
    rows = []
    for line, cells in table.rows:
        if len(cells) < len(header):
            raise DataError(
                f"{path} line {line}: {len(cells)} cells under {len(header)} column names; "
                "mend the line"
            )
        named = dict(zip(header, cells, strict=False))
        rows.append(EditedRow(path=path, line=line, encoding=table.encoding, cells=named))
    return rows


def _meanings(cell: str, encoding: str) -> Iterator[str]:
    """What a cell may mean: with eyespot's own quoting undone, or as it stands.

    A file that is not UTF-8 was saved so by a spreadsheet, or holds a file name's odd bytes.
    """
    typed = [cell, cell.strip()]
    if encoding == "latin-1":
        typed += [os.fsdecode(word.encode("latin-1")) for word in typed]
    for word in typed:
        try:
            yield unquoted(word)
        except ValueError:
            pass
        yield word


def _some(known: Collection[str]) -> str:
    """`a, b, c`: the known words, or the first of very many."""
    words = sorted(known)
    return ", ".join(words if len(words) <= 12 else [*words[:4], "..."])
