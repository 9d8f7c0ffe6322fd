"""A table of answers that grows while they come, and goes on where it was interrupted."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from eyespot.errors import ResourceError
from eyespot.files.atomic import encoded, write_bytes
from eyespot.files.tables import row_text, unquoted
from eyespot.models.tables import Result, answer_header, answer_row


class GrowingTable:
    """Rows that were there before, and those that are added. See `growing_table`.

    num_before: rows that an earlier, interrupted run has left; num_broken: those of them that say
    why a picture cannot be read.
    """

    def __init__(self, file: IO[bytes], before: Sequence[list[str]], *, top: int, sets: bool):
        self.num_before = len(before)
        self.num_broken = sum(row[-1] != "" for row in before)
        self._file, self._top, self._sets = file, top, sets

    def add(self, results: Sequence[Result]) -> None:
        """Adds a row for each, in one write: whoever kills the process cuts no row but the last."""
        rows = (answer_row(result, top=self._top, sets=self._sets) for result in results)
        self._file.write(encoded("".join(map(row_text, rows))))
        self._file.flush()


@contextlib.contextmanager
def growing_table(
    path: Path,
    names: Sequence[str],
    about: Mapping[str, object],
    *,
    top: int,
    sets: bool,
    together: int,
) -> Iterator[GrowingTable]:
    """The table at `path`, in `path`.part until all rows are there.

    names: of all pictures, in order. about: what else the answers hang on, model and options. A
    part that an earlier run has left is gone on with, if that was about the same; it keeps so many
    rows as fill whole parts of `together`, so that the answers to come are worked out as they would
    have been. What ends this context early leaves the part for the next run.
    Raises ResourceError when there is no room or no right to write.
    """
    part, header = path.with_name(f"{path.name}.part"), answer_header(top=top, sets=sets)
    first = json.dumps({**about, "columns": header})
    before = _rows_before(part, first, header, names)
    if len(before) < len(names):
        del before[len(before) - len(before) % together :]
    rows = "".join(map(row_text, before))
    write_bytes(part, encoded(first + "\n" + rows))
    try:
        with open(part, "ab") as file:
            yield GrowingTable(file, before, top=top, sets=sets)
            file.flush()
            os.fsync(file.fileno())
        with open(part, "rb") as done, open(_whole(path), "wb") as whole:
            done.readline()
            whole.write(encoded(row_text(header)))
            while block := done.read(2**20):
                whole.write(block)
            whole.flush()
            os.fsync(whole.fileno())
        os.replace(_whole(path), path)
        part.unlink()
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # of whoever reads what is printed
            raise
        raise ResourceError(f"{path} cannot be written: {error.strerror or error}") from error


def _whole(path: Path) -> Path:
    return path.with_name(f"{path.name}.whole")


def _rows_before(
    part: Path, first: str, header: Sequence[str], names: Sequence[str]
) -> list[list[str]]:
    """The whole rows of a part that is about the same pictures and options; none of another."""
    try:
        text = part.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError:
        return []
    head, _, rows = text.partition("\n")
    if head != first:
        return []
    found: list[list[str]] = []
    # The last row may be cut off, in the middle of a cell, too.
    with contextlib.suppress(csv.Error, ValueError):
        reader = csv.reader(io.StringIO(rows, newline=""), strict=True)
        for row, name in zip(reader, names, strict=False):
            cells = [unquoted(cell) for cell in row]
            if len(cells) != len(header) or cells[0] != name:
                break
            found.append(cells)
        else:
            if found and not rows.endswith("\n"):
                found.pop()
    return found
