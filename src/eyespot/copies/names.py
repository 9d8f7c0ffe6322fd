"""The names of originals and copies, free on every file system."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from eyespot.data.sources.tree import suffix
from eyespot.errors import DataError
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, ImageInput

ORIGINALS = "Data"
_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_LONGEST = 200  # bytes of one file name; 255 is the most that file systems take


class Copy(NamedTuple):
    """One copy to make: of which image, the how manyth of it, and under which name."""

    place: int
    number: int
    name: str


def names_of(dataset: Dataset, numbers: Array, folder: str) -> tuple[list[str], list[Copy]]:
    """The new name of each image, and the copies to make, in this folder of the new set.

    numbers: int (N,), so many copies of each image.
    """
    names = _Names()
    originals = [
        names.new(f"{ORIGINALS}/{name}", _kind(image))
        for name, image in zip(dataset.names, dataset.images, strict=True)
    ]
    return originals, list(_copies(originals, numbers, folder, names))


class _Names:
    """Names that differ on every file system and that a table can hold."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, path: str, kind: str, mark: str = "") -> str:
        """The path with this suffix, and with `mark` before it; numbered if it is taken."""
        stem = path[: -len(suffix(path))] if suffix(path) else path
        # Half of a character is no UTF-8, and a backslash divides folders on Windows.
        pieces = [re.sub("[\ud800-\udfff\\\\]", "_", piece) for piece in stem.split("/")]
        pieces = [_cut(piece) for piece in pieces]
        for number in range(1, 10_000_000):
            again = f"~{number}" if number > 1 else ""
            name = "/".join([*pieces[:-1], f"{pieces[-1]}{again}{mark}{kind}"])
            key = _folded(name)
            if key not in self._taken:
                self._taken.add(key)
                return name
        raise DataError(f"{path} has no free name")  # pragma: no cover


def _cut(piece: str) -> str:
    data = piece.encode()
    return piece if len(data) <= _LONGEST else data[:_LONGEST].decode(errors="ignore")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _kind(image: ImageInput) -> str:
    """The suffix under which an original is kept: its file's own one; PNG for pixels and bytes."""
    return suffix(os.fspath(image)) if isinstance(image, str | Path) else ".png"


def _copies(originals: Sequence[str], numbers: Array, folder: str, names: _Names) -> Iterator[Copy]:
    for index, original in enumerate(originals):
        kind = ".jpg" if suffix(original) in _JPEG else ".png"
        inner = original.removeprefix(f"{ORIGINALS}/")
        for number in range(1, int(numbers[index]) + 1):
            yield Copy(index, number, names.new(f"{folder}/{inner}", kind, f"-{number}"))
