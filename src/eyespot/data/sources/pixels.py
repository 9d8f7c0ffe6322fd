"""A table of pixels: a row for each image, a column for each pixel, and perhaps a label."""

import codecs
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from eyespot.data.sources.assembly import encode, index_names, slug
from eyespot.data.sources.table import IMAGE_HEADERS, LABEL_HEADERS, read_text
from eyespot.errors import DataError, count
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue

_FEWEST_PIXELS = 16
_BLOCK_BYTES = 8_000_000
_NUMBER = re.compile(rb"[0-9]{1,9}(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Layout:
    """shape: (H, W) or (H, W, 3), pixel by pixel. extra: the cell of a row that is no pixel."""

    delimiter: bytes
    has_header: bool
    shape: tuple[int, ...]
    extra: Literal["none", "first", "last"]
    is_label: bool

    @property
    def num_pixels(self) -> int:
        return int(np.prod(self.shape))

    def __str__(self) -> str:
        return f"a table of pixels, {' x '.join(map(str, self.shape))}"


class PixelTable(NamedTuple):
    """images: uint8 (N, H, W) or (N, H, W, 3). extras: the cells that are no pixels, N or none."""

    images: Array
    extras: list[str]
    issues: list[Issue]


def find_layout(path: Path) -> Layout | None:
    """How the table's rows lie, from its first two lines; None when it is no table of pixels."""
    with _lines(path) as file:
        first, second = file.readline(_BLOCK_BYTES), file.readline(_BLOCK_BYTES)
    for delimiter in (b",", b";", b"\t"):
        cells = [cell.strip(b' "\r\n') for cell in first.split(delimiter)]
        if len(cells) < _FEWEST_PIXELS:
            continue
        has_header = not all(_is_pixel(cell) for cell in cells[1:-1])
        row = [cell.strip(b' "\r\n') for cell in (second if has_header else first).split(delimiter)]
        if len(row) != len(cells) or not all(_is_pixel(cell) for cell in row[1:-1]):
            continue
        header = [cell.decode("utf-8", "replace").lower() for cell in cells] if has_header else []
        return _layout(delimiter, header, len(cells))
    return None


def _layout(delimiter: bytes, header: list[str], num: int) -> Layout | None:
    extra: Literal["none", "first", "last"] = "none"
    is_label = False
    if header:
        known = {*LABEL_HEADERS, *IMAGE_HEADERS}
        extra = "first" if header[0] in known else "last" if header[-1] in known else "none"
        is_label = header[0 if extra == "first" else -1] in LABEL_HEADERS
    elif _shape(num) is None:
        extra, is_label = "first", True
    shape = _shape(num - (extra != "none"))
    return Layout(delimiter, bool(header), shape, extra, is_label) if shape else None


def _shape(num: int) -> tuple[int, ...] | None:
    """The square, or the square of three colours, that has so many values."""
    if isqrt(num) ** 2 == num:
        return isqrt(num), isqrt(num)
    side = isqrt(num // 3)
    return (side, side, 3) if 3 * side * side == num else None


def _is_pixel(cell: bytes) -> bool:
    return _NUMBER.fullmatch(cell) is not None and float(cell) <= 255


def read_pixels(path: Path, layout: Layout) -> Dataset:
    """The labelled images of the table; names are the rows' numbers, counted from 0.

    Raises DataError when more than half of the rows cannot be read.
    """
    table = read_pixel_rows(path, layout)
    stripped = [cell.strip() for cell in table.extras]
    kept = [index for index, label in enumerate(stripped) if label]
    names = index_names(len(stripped))
    labels, classes = encode(stripped[index] for index in kept)
    empty = [
        Issue(kind="no-label", name=name, detail="the label is empty", left_out=True)
        for name, label in zip(names, stripped, strict=True)
        if not label
    ]
    return Dataset(
        name=slug(path),
        form=str(layout),
        images=table.images if not empty else table.images[kept],
        names=tuple(names[index] for index in kept),
        labels=labels,
        classes=classes,
        issues=(*table.issues, *empty),
    )


def read_pixel_rows(path: Path, layout: Layout) -> PixelTable:
    """The images and other cells of every row that can be read, in order.

    42,000 rows of 784 pixels take about a second: whole blocks of lines are parsed as one array of
    bytes, and only a block that does not fit exactly is read row by row.
    Raises DataError when more than half of the rows cannot be read.
    """
    blocks: list[Array] = []
    extras: list[bytes] = []
    issues: list[Issue] = []
    line = 1
    with _lines(path) as file:
        if layout.has_header:
            file.readline()
            line += 1
        while lines := file.readlines(_BLOCK_BYTES):
            numbered = [(line + i, *_split(text, layout)) for i, text in enumerate(lines)]
            line += len(lines)
            rows = [row for row in numbered if row[1] or row[2]]
            block = _parse([pixels for _, _, pixels in rows], layout)
            if block is None:
                rows, block, wrong = _sift(rows, layout, path.name)
                issues += wrong
            blocks.append(block.reshape(len(block), *layout.shape))
            extras += (extra for _, extra, _ in rows)
    num = sum(map(len, blocks))
    if not num and not issues:
        raise DataError(f"{path} holds a header and no row; add a row for each image")
    if len(issues) > num:
        raise DataError(
            f"{path}: {len(issues):,} of {count(len(issues) + num, 'row')} cannot be read, the "
            f"first is line {issues[0].name.rsplit(' ', 1)[-1]}: {issues[0].detail}"
        )
    words = [extra.decode("utf-8", "surrogateescape").strip(' "') for extra in extras]
    return PixelTable(np.concatenate(blocks), words, issues)


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[BinaryIO]:
    """The table as lines of UTF-8, without its byte order mark."""
    try:
        with open(path, "rb") as file:
            start = file.read(3)
            if b"\0" in start or start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                yield io.BytesIO(read_text(path)[0].encode())
                return
            if start != codecs.BOM_UTF8:
                file.seek(0)
            yield file
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _split(line: bytes, layout: Layout) -> tuple[bytes, bytes]:
    """The cell that is no pixel, and the pixels with their delimiters."""
    line = line.strip(b" \r\n")
    if layout.extra == "first":
        extra, _, pixels = line.partition(layout.delimiter)
    elif layout.extra == "last":
        pixels, _, extra = line.rpartition(layout.delimiter)
    else:
        extra, pixels = b"", line
    return extra, pixels


def _parse(rows: list[bytes], layout: Layout) -> Array | None:
    """uint8 (N, pixels), or None unless every row is exactly so many whole numbers up to 255."""
    text = np.frombuffer(b"\n".join([*rows, b""]), dtype=np.uint8)
    digits = text - np.uint8(ord("0"))  # wraps round: every other character is above 9
    ends = np.flatnonzero(digits > 9)
    if len(ends) != len(rows) * layout.num_pixels:
        return None
    breaks = text[ends].reshape(len(rows), layout.num_pixels)
    if (breaks[:, :-1] != layout.delimiter[0]).any() or (breaks[:, -1] != ord("\n")).any():
        return None
    widths = np.diff(ends, prepend=-1) - 1
    if len(rows) and not 1 <= widths.min() <= widths.max() <= 3:
        return None
    values = digits[ends - 1].astype(np.uint16)
    for place, weight in ((2, 10), (3, 100)):
        values += np.where(widths >= place, digits[ends - place], 0) * np.uint16(weight)
    if len(rows) and values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(len(rows), layout.num_pixels)


def _sift(
    rows: list[tuple[int, bytes, bytes]], layout: Layout, table: str
) -> tuple[list[tuple[int, bytes, bytes]], Array, list[Issue]]:
    """The rows that can be read, their pixels, and an issue for each other row."""
    good: list[tuple[int, bytes, bytes]] = []
    images: list[Array] = []
    issues: list[Issue] = []
    for row in rows:
        try:
            images.append(_pixels(row[2], layout))
            good.append(row)
        except ValueError as error:
            issues.append(
                Issue(
                    kind="bad-row", name=f"{table} line {row[0]}", detail=str(error), left_out=True
                )
            )
    block = np.array(images, dtype=np.uint8).reshape(len(images), layout.num_pixels)
    return good, block, issues


def _pixels(text: bytes, layout: Layout) -> Array:
    """The pixels of one row. Raises ValueError with what is wrong."""
    cells = [cell.strip(b' "') for cell in text.split(layout.delimiter)]
    if len(cells) != layout.num_pixels:
        raise ValueError(f"{count(len(cells), 'pixel')} instead of {layout.num_pixels}")
    wrong = next((cell for cell in cells if not _is_whole(cell)), None)
    if wrong is not None:
        word = wrong.decode("utf-8", "replace")
        raise ValueError(f"the pixel '{word}' is not a whole number from 0 to 255")
    return np.array(cells, dtype=np.float64).astype(np.uint8)


def _is_whole(cell: bytes) -> bool:
    return _is_pixel(cell) and float(cell).is_integer()
