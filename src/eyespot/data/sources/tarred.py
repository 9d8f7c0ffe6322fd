"""Tar shards: images as members, found by one walk along the headers, read where they lie."""

import contextlib
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from eyespot.data.sources.tree import hidden, suffix
from eyespot.errors import DataError, ImageError
from eyespot.images.decode import IMAGE_SUFFIXES, MAX_BYTES
from eyespot.values.arrays import Array
from eyespot.values.dataset import Issue

LABELS = "labels.csv"  # the first member of a shard that eyespot has packed
_MOST_TABLE = 2**28  # bytes


@dataclass(frozen=True, eq=False)
class TarMembers(Sequence[bytes]):
    """Images in an uncompressed tar. starts, sizes: int64 (N,), bytes from its beginning."""

    path: Path
    starts: Array
    sizes: Array

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "TarMembers": ...
    def __getitem__(self, index: int | slice) -> "bytes | TarMembers":
        if isinstance(index, slice):
            return TarMembers(self.path, self.starts[index], self.sizes[index])
        start, size = int(self.starts[index]), int(self.sizes[index])
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                return file.read(min(size, MAX_BYTES + 1))
        except OSError as error:
            reason = error.strerror or error
            raise ImageError(f"cannot be read from {self.path} ({reason})") from error


class Tarred(NamedTuple):
    """What a tar holds: its images and their member names, and its table, if it has one."""

    images: TarMembers
    names: list[str]
    table: str | None
    issues: tuple[Issue, ...]


def open_tar(path: Path) -> Tarred:
    """The images of a tar, none of them read yet, nothing unpacked.

    Links, devices and names that lead out of it become issues. Raises DataError for a file that is
    no whole, uncompressed tar.
    """
    names: list[str] = []
    places: list[tuple[int, int]] = []
    issues: list[Issue] = []
    table = None
    with _walked(path) as archive:
        for member in archive:
            # Python keeps every member that it has seen; a million take a gigabyte.
            archive.members = []  # type: ignore[attr-defined]
            name = member.name.removeprefix("./")
            if name == LABELS and table is None and member.isreg() and member.size < _MOST_TABLE:
                file = archive.extractfile(member)
                table = file.read().decode("utf-8", "surrogateescape") if file else None
            elif member.isdir() or any(hidden(one) for one in name.split("/") if one != ".."):
                continue
            elif reason := _fault(member, name):
                detail = f"left in the archive: {reason}"
                issues.append(Issue(kind="refused-member", name=name, detail=detail, left_out=True))
            elif suffix(name) in IMAGE_SUFFIXES:
                names.append(name)
                places.append((member.offset_data, member.size))
    starts, sizes = np.array(places, np.int64).reshape(-1, 2).T
    return Tarred(TarMembers(path, starts, sizes), names, table, tuple(issues))


@contextlib.contextmanager
def _walked(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(f"{path} is no whole, uncompressed tar ({error})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _fault(member: tarfile.TarInfo, name: str) -> str | None:
    if not member.isreg() or member.issparse():
        return "it is a link, a device or a sparse file"
    if name.startswith("/") or ".." in name.split("/"):
        return "its path leads out of the archive"
    return None
