"""The work of a prediction, cut into portions: each is answered by one worker, in one file."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from eyespot.cluster.storage import Place, is_url, place
from eyespot.data.sources.parquet import (
    PARQUET_SUFFIXES,
    ParquetColumn,
    ParquetFile,
    image_column,
    open_parquet,
    parquet_names,
)
from eyespot.data.sources.tree import hidden, suffix
from eyespot.data.sources.unlabelled import pictures
from eyespot.errors import DataError, ImageError
from eyespot.images.decode import IMAGE_SUFFIXES, MAX_BYTES

BATCH = 256  # a portion holds whole batches of the model, so that they are those of one process
_MOST = 4_096  # images of a portion: what a lost worker costs, and what a part's file holds
_SHARE = 64  # portions of a small set, so that all workers end together


@dataclass(frozen=True)
class Portion:
    """Some of the images, to be opened where it is worked on. Can be pickled."""

    number: int
    names: Sequence[str]
    images: Sequence[Any]


@dataclass(frozen=True, eq=False)
class Remote(Sequence[bytes]):
    """The bytes of files below a place, read when they are asked for."""

    root: Place
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Remote": ...
    def __getitem__(self, index: int | slice) -> "bytes | Remote":
        if isinstance(index, slice):
            return Remote(self.root, self.names[index])
        name = self.names[index]
        try:
            return (self.root / name if name else self.root).read(MAX_BYTES + 1)
        except DataError as error:
            if isinstance(error.__cause__, FileNotFoundError):  # gone since it was listed
                raise ImageError("is missing") from error
            raise


@dataclass(frozen=True, eq=False)
class Stock:
    """All images of a prediction. portions: made anew at each call, the same each time.

    digest: of what they are, so that a prediction goes on with the same ones alone.
    """

    num: int
    digest: str
    pieces: tuple["_Listed | _Shard", ...]
    size: int

    def portions(self) -> Iterator[Portion]:
        number = 0
        for piece in self.pieces:
            for names, images in piece.cut(self.size):
                yield Portion(number, names, images)
                number += 1

    @property
    def num_portions(self) -> int:
        return sum(piece.num_portions(self.size) for piece in self.pieces)


@dataclass(frozen=True, eq=False)
class _Listed:
    """Images whose names are known."""

    names: Sequence[str]
    images: Any

    @property
    def num(self) -> int:
        return len(self.names)

    def cut(self, size: int) -> Iterator[tuple[Sequence[str], Any]]:
        for start in range(0, len(self.names), size):
            yield self.names[start : start + size], self.images[start : start + size]

    def num_portions(self, size: int) -> int:
        return -(-len(self.names) // size)

    def digest(self) -> bytes:
        told = hashlib.blake2b(digest_size=16)
        for name in self.names:
            told.update(name.encode("utf-8", "surrogatepass") + b"\0")
        return told.digest()


@dataclass(frozen=True)
class _Shard:
    """A Parquet file, of which only the end was looked at."""

    file: ParquetFile
    column: str

    @property
    def num(self) -> int:
        return self.file.num

    def cut(self, size: int) -> Iterator[tuple[Sequence[str], Any]]:
        for first, last in self._bounds(size):
            images = ParquetColumn(self.file, self.column, first, last)
            yield parquet_names(self.file, first, last), images

    def num_portions(self, size: int) -> int:
        return len(self._bounds(size))

    def digest(self) -> bytes:
        return f"{self.file.shown} {self.column} {self.file.groups}".encode()

    def _bounds(self, size: int) -> list[tuple[int, int]]:
        """Whole groups of rows, until they are `size` rows or more."""
        bounds, first, rows = [], 0, 0
        for group, num in enumerate(self.file.groups, 1):
            rows += num
            if rows and (rows >= size or group == len(self.file.groups)):
                bounds.append((first, group))
                first, rows = group, 0
        return bounds


def stock(sources: Sequence[str], *, size: int | None = None) -> Stock:
    """The images that the sources stand for: what `predict` takes on one machine, or a URL of
    images or of Parquet files with images in them, or a folder of such files.

    size: images of a portion, chosen from their number if not given. Raises DataError where there
    is none, or a place cannot be reached.
    """
    pieces = tuple(piece for source in sources for piece in _pieces(source))
    num = sum(piece.num for piece in pieces)
    if not num:
        raise DataError(f"{' '.join(sources) or 'nothing'} holds no image; name files or folders")
    told = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        told.update(piece.digest())
    size = size or min(max(num // _SHARE // BATCH * BATCH, BATCH), _MOST)
    return Stock(num=num, digest=told.hexdigest(), pieces=pieces, size=size)


def _pieces(source: str) -> Iterator[_Listed | _Shard]:
    root = place(source)
    if not is_url(source) and not _has_parquet(source):
        found = pictures([source])
        yield _Listed(found.names, found.images)
        return
    known = root.files()
    names = [name for name in known if not any(map(hidden, name.split("/")))]
    if shards := [name for name in names if suffix(name or root.path) in PARQUET_SUFFIXES]:
        for name in shards:
            at = root / name if name else root
            file = open_parquet(at.path, filesystem=at.filesystem, shown=at.shown)
            yield _Shard(file, image_column(file))
        return
    images = [name for name in names if not name or suffix(name) in IMAGE_SUFFIXES]
    if not images:
        raise DataError(f"{root.shown} holds no image and no Parquet file; look at the address")
    shown = [f"{root.shown}/{name}" if name else root.shown for name in images]
    yield _Listed(tuple(shown), Remote(root, tuple(images)))


def _has_parquet(path: str) -> bool:
    """Whether a file is one, or a folder holds some and no folders."""
    if not os.path.isdir(path):
        return suffix(path) in PARQUET_SUFFIXES
    with os.scandir(path) as entries:
        found = [entry for entry in entries if not hidden(entry.name)]
    shards = [one for one in found if suffix(one.name) in PARQUET_SUFFIXES]
    return bool(shards) and not any(one.is_dir() for one in found)
