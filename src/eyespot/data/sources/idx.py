"""IDX files, the format of MNIST: a header of big-endian numbers, then bytes; plain or gzipped."""

import gzip
import math
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from eyespot.data.sources.assembly import Piece, slug, stacked
from eyespot.errors import DataError
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Part

_NAME = re.compile(
    r"(?:.*[-_.])?(?P<part>train|t10k|test)[-_.](?P<kind>images|labels)[-_.]idx[13](-ubyte)?(\.gz)?"
)
_PARTS: dict[str, Part] = {"train": "train", "t10k": "test", "test": "test"}
# deflate cannot pack more tightly: a header that promises more than this lies.
_TIGHTEST = 1032


class Pair(NamedTuple):
    """An images file and its labels file."""

    part: Part
    images: Path
    labels: Path


def is_idx_name(name: str) -> bool:
    """True for names such as train-images-idx3-ubyte.gz or t10k-labels.idx1-ubyte."""
    return _NAME.fullmatch(name.lower()) is not None


def is_images_name(name: str) -> bool:
    """True for IDX names that promise images rather than labels."""
    match = _NAME.fullmatch(name.lower())
    return match is not None and match["kind"] == "images"


def find_pairs(folder: Path, names: Sequence[str]) -> list[Pair]:
    """The pairs among these names in the folder: train, then test; a plain file wins over its .gz.

    Raises DataError when there are IDX files but no images file has its labels file beside it, or
    when one of two kinds stands alone.
    """
    found: dict[tuple[Part, str], Path] = {}
    for name in sorted(names, reverse=True):  # the shorter name, without .gz, is kept
        match = _NAME.fullmatch(name.lower())
        if match:
            key = _PARTS[match["part"]], match["kind"]
            other = found.setdefault(key, folder / name)
            if other.name.lower().removesuffix(".gz") != name.lower().removesuffix(".gz"):
                raise DataError(
                    f"{folder} holds two sets of IDX files, {name} and {other.name}; give each a "
                    "folder"
                )
            found[key] = folder / name
    pairs = []
    parts: tuple[Part, ...] = ("train", "test")
    for part in parts:
        images, labels = found.get((part, "images")), found.get((part, "labels"))
        if images and labels:
            pairs.append(Pair(part, images, labels))
        elif images or labels:
            missing = "labels" if images else "images"
            there = images or labels
            raise DataError(f"{there} has no {missing} file beside it; put it there and try again")
    return pairs


def read_pairs(pairs: Sequence[Pair], *, folder: Path) -> Dataset:
    """The images of the pairs as one data set; its classes are the numbers that occur."""
    return stacked(read_pieces(pairs), name=slug(folder), form="IDX files")


def read_pieces(pairs: Sequence[Pair]) -> list[Piece]:
    """The images and labels of each pair. Raises DataError when they are not equally many."""
    pieces = [
        Piece(pair.part, read_images(pair.images), read_labels(pair.labels)) for pair in pairs
    ]
    for pair, piece in zip(pairs, pieces, strict=True):
        if len(piece.images) != len(piece.labels):
            raise DataError(
                f"{pair.labels} holds {len(piece.labels):,} labels for the {len(piece.images):,} "
                f"images of {pair.images.name}; get both files from one place"
            )
    return pieces


def read_images(path: Path) -> Array:
    """uint8 (N, H, W). Raises DataError when the file is no whole IDX file of images."""
    return _read(path, dimensions=3)


def read_labels(path: Path) -> Array:
    """uint8 (N,). Raises DataError when the file is no whole IDX file of labels."""
    return _read(path, dimensions=1)


def _read(path: Path, *, dimensions: int) -> Array:
    try:
        with open(path, "rb") as file:
            return parse(file, name=str(path), dimensions=dimensions)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def parse(file: BinaryIO, *, name: str, dimensions: int) -> Array:
    """The uint8 array in an open IDX file, gzipped or not; name is for an error's sentence."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    try:
        if packed:
            with gzip.GzipFile(fileobj=file) as plain:
                return _body(plain, name, dimensions, size * _TIGHTEST)
        return _body(file, name, dimensions, size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} is damaged ({error}); get it again") from error


def _body(file: BinaryIO | gzip.GzipFile, name: str, dimensions: int, most: int) -> Array:
    header = file.read(4 + 4 * dimensions)
    what = "images" if dimensions == 3 else "labels"
    magic = 0x0800 + dimensions
    if len(header) < 4 or int.from_bytes(header[:4]) != magic:
        raise DataError(
            f"{name} is no IDX file of {what}: it starts with 0x{header[:4].hex()}, "
            f"not with 0x{magic:08x}; get it again"
        )
    shape = [int.from_bytes(header[i : i + 4]) for i in range(4, len(header), 4)]
    expected = math.prod(shape)
    # Checked before the memory is taken: a header may promise 16 exabytes.
    if len(shape) == dimensions and expected <= most:
        array = np.empty(expected, dtype=np.uint8)
        there = _fill(file, array)
        if there == expected and not file.read(1):
            return array.reshape(shape)
        verdict = "goes on after them" if there == expected else f"ends after {there:,}"
    else:
        verdict = "is shorter"
    promised = f"{' x '.join(f'{num:,}' for num in shape)} bytes"
    raise DataError(
        f"{name} is damaged: its header promises {promised}, the file {verdict}; get it again"
    )


def _fill(file: BinaryIO | gzip.GzipFile, array: Array) -> int:
    """Reads into the array; the number of bytes that were there."""
    view, there = array.data, 0
    while there < len(view):
        num = file.readinto(view[there : there + 2**24])  # type: ignore[union-attr]
        if not num:
            break
        there += num
    return there
