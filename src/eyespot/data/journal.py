"""What an unfinished look at a set has found so far, so that an interrupted one goes on from there.

Rows are appended to a file of this process alone. Reading stops where a kill has torn its end, and
a look that ends removes the files of all the unfinished ones before it.
"""

import contextlib
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from eyespot.data.inventory import MAGIC, Inventory, joined, packed, unpacked
from eyespot.data.measurement import fingerprints
from eyespot.data.sealing import read_records, record

T = TypeVar("T")

# A kill loses what was found in this time. Writing takes at most a twentieth of it.
_SECONDS = 2.0
_SHARE = 0.05


def read_journals(file: Path) -> tuple[Inventory, list[Path]]:
    """The rows of unfinished looks at the set with this inventory file, and where they lie.

    The newest come first, as a file that was looked at twice has changed in between.
    """
    paths = sorted(file.parent.glob(f"{file.name}-*.part"), key=_age)
    found = [unpacked(content) for path in paths for content in read_records(path, MAGIC)]
    inventory = joined(found[::-1])
    inventory.rows["fingerprint"] = fingerprints(inventory.rows["thumb"])
    return inventory, paths


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


class Journal:
    """A context: rows that are noted in it are on the disk soon, and all of them if it fails.

    file: the inventory's own, None keeps nothing. inventory: what is being found; its rows are
    complete when they are noted, but for their fingerprints. A disk that does not take it is no
    failure.
    """

    def __init__(self, file: Path | None, inventory: Inventory) -> None:
        self._path = file and file.with_name(f"{file.name}-{secrets.token_hex(8)}.part")
        self._inventory = inventory
        self._file: BinaryIO | None = None
        self._pending: list[int] = []
        self._due = time.monotonic() + _SECONDS

    def __enter__(self) -> "Journal":
        return self

    def note(self, place: int) -> None:
        """This row is not to be found again."""
        self._pending.append(place)
        if time.monotonic() >= self._due:
            self._write()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._write()
        if self._file:
            self._file.close()
            if isinstance(error, KeyboardInterrupt):
                error.add_note("what was found is kept: the same command goes on from there")

    def forget(self) -> None:
        """Removes the file: its rows are in the inventory."""
        if self._path:
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        started = time.monotonic()
        if self._path and self._pending:
            found = self._inventory
            part = Inventory(
                names=(),
                rows=found.rows[self._pending],
                remarks=_of(self._pending, found.remarks),
                errors=_of(self._pending, found.errors),
            )
            with contextlib.suppress(OSError):
                if self._file is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._file = open(self._path, "xb", buffering=0)
                self._file.write(b"".join(record(MAGIC, packed(part))))
        self._pending.clear()
        now = time.monotonic()
        self._due = now + max(_SECONDS, (now - started) / _SHARE)


def _of(places: list[int], words: Mapping[int, T]) -> dict[int, T]:
    return {at: words[place] for at, place in enumerate(places) if place in words}
