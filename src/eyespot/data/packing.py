"""A set as shards: its encoded images, labels, names and parts in few large files."""

import importlib.util
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from eyespot.data.sources.tarred import LABELS
from eyespot.data.sources.tree import suffix
from eyespot.errors import DataError, ImageError, MissingExtra
from eyespot.files.folders import appearing, check_free
from eyespot.files.tables import table_text, write_issues
from eyespot.images.decode import IMAGE_SUFFIXES, MAX_BYTES, open_image
from eyespot.images.encode import encoded
from eyespot.images.parallel import in_order
from eyespot.values.dataset import Dataset, Issue

Form = Literal["parquet", "tar"]

SHARD_BYTES = 256 * 2**20
_GROUP_BYTES = 4 * 2**20  # of a group of rows, which is read at once
_GROUP_ROWS = 1_024
_OWN = ("image", "name", "label", "part", "group")


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What was written. left_out: images that cannot be read, named in left-out.csv."""

    path: Path
    num: int
    num_bytes: int
    shards: tuple[str, ...]
    left_out: tuple[Issue, ...]


class _Row(NamedTuple):
    """An image with its cells, in the order of the header."""

    data: bytes
    kind: str
    cells: Sequence[str]


class _Shard(Protocol):
    def add(self, rows: Sequence[_Row]) -> None: ...

    def close(self) -> None: ...


def pack(
    dataset: Dataset,
    out: Path,
    *,
    form: Form = "parquet",
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int, int], None] = lambda done, num: None,
) -> Packed:
    """Writes the set into a new folder, which appears when it is complete, or not at all.

    Files are taken byte for byte; pictures in memory become PNG. Memory holds one shard at most.
    Raises UsageError where `out` holds something, DataError where nothing can be read.
    """
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", extra="cluster", action="--form parquet")
    check_free(out)
    header, left_out, shards = _header(dataset), list[Issue](), list[str]()
    num = num_bytes = 0
    with appearing(out) as folder:
        for rows in _by_size(_rows(dataset, header, left_out, progress), shard_bytes):
            shards.append(f"{dataset.name}-{len(shards):05}.{form}")
            path = folder / shards[-1]
            shard: _Shard = _Parquet(path, header) if form == "parquet" else _Tar(path, header)
            with closing(shard):
                shard.add(rows)
            num += len(rows)
            num_bytes += path.stat().st_size
        if not num:
            raise DataError(f"{dataset.name} holds no image that can be read; nothing was packed")
        if left_out:
            write_issues(folder / "left-out.csv", left_out)
    return Packed(
        path=out,
        num=num,
        num_bytes=num_bytes,
        shards=tuple(shards),
        left_out=tuple(left_out),
    )


def _header(dataset: Dataset) -> list[str]:
    """The columns besides the image."""
    header = ["name", "label"]
    header += ["part"] if dataset.parts is not None else []
    header += ["group"] if dataset.groups is not None else []
    return header + [name for name in dataset.columns if name.lower() not in _OWN]


def _rows(
    dataset: Dataset,
    header: Sequence[str],
    left_out: list[Issue],
    progress: Callable[[int, int], None],
) -> Iterator[_Row]:
    own = {"part": dataset.parts, "group": dataset.groups, **dataset.columns}
    places = range(len(dataset))

    def read(place: int) -> tuple[bytes, str] | ImageError:
        try:
            return _encoded(dataset.images[place])
        except ImageError as error:
            return error

    for place, found in zip(places, in_order(read, places, batch=16), strict=True):
        name = dataset.names[place]
        progress(place + 1, len(dataset))
        if isinstance(found, ImageError):
            issue = Issue(kind="unreadable", name=name, detail=str(found), left_out=True)
            left_out.append(issue)
            continue
        cells = [name, dataset.classes[dataset.labels[place]]]
        cells += [(own[column] or {})[place] or "" for column in header[2:]]  # type: ignore[index]
        yield _Row(*found, [_text(cell) for cell in cells])


def _encoded(image: Any) -> tuple[bytes, str]:
    """The bytes of an image and the suffix that suits them. Raises ImageError."""
    if isinstance(image, bytes):
        return image, ""
    if not isinstance(image, str | Path):
        return encoded(open_image(image).pixels, ".png"), ".png"
    try:
        with open(image, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error})") from error
    if len(data) > MAX_BYTES:
        raise ImageError(f"is too large (at most {MAX_BYTES:,} bytes are read)")
    return data, suffix(str(image))


def _by_size(rows: Iterator[_Row], num_bytes: int) -> Iterator[list[_Row]]:
    """The rows in lists of about so many bytes of images."""
    part, size = list[_Row](), 0
    for row in rows:
        part.append(row)
        size += len(row.data)
        if size >= num_bytes:
            yield part
            part, size = [], 0
    if part:
        yield part


class _Parquet:
    def __init__(self, path: Path, header: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._header = header
        self._schema = pa.schema(
            [("image", pa.binary()), *((name, pa.string()) for name in header)]
        )
        packed = {"image": "NONE", **dict.fromkeys(header, "ZSTD")}  # an image is packed already
        self._writer = pq.ParquetWriter(
            path, self._schema, compression=packed, use_dictionary=list(header[1:])
        )

    def add(self, rows: Sequence[_Row]) -> None:
        import pyarrow as pa

        for start in range(0, len(rows), _GROUP_ROWS):
            part = iter(rows[start : start + _GROUP_ROWS])
            for group in _by_size(part, _GROUP_BYTES):
                columns: list[list[Any]] = [[row.data for row in group]]
                columns += [[row.cells[at] for row in group] for at in range(len(self._header))]
                self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _Tar:
    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._header = header
        self._archive = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)

    def add(self, rows: Sequence[_Row]) -> None:
        kinds = [row.kind if row.kind in IMAGE_SUFFIXES else ".img" for row in rows]
        names = [f"{number:07}{kind}" for number, kind in enumerate(kinds)]
        lines = ([name, *row.cells] for name, row in zip(names, rows, strict=True))
        self._member(LABELS, table_text(["image", *self._header], lines).encode())
        for name, row in zip(names, rows, strict=True):
            self._member(name, row.data)

    def _member(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._archive.addfile(info, io.BytesIO(data))

    def close(self) -> None:
        self._archive.close()


def _text(cell: str) -> str:
    """Bytes that are no UTF-8 are written as escapes: shards hold Unicode alone."""
    return cell.encode("utf-8", "backslashreplace").decode()
