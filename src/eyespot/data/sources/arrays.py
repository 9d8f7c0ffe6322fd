"""Images and labels as arrays: an .npz file, or a pair of arrays in memory."""

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.data.sources.assembly import (
    Piece,
    encode,
    index_names,
    part_of,
    shortened,
    slug,
    stacked,
)
from eyespot.errors import DataError
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS, Dataset, Part

_IMAGE_KEYS = {"x", "image", "images", "data"}
_LABEL_KEYS = {"y", "label", "labels", "target", "targets"}
_MOST_BYTES = 20_000_000_000


def read_npz(path: Path) -> Dataset:
    """The images and labels of an .npz file, with its parts and its `classes` where it has them.

    Keys: images/labels or x/y, alone or with a part, such as x_train, val_images, Y_test.
    Raises DataError when they are not there, hold Python objects or do not fit together.
    """
    arrays = load_arrays(path)
    found = {key: role for key in arrays if (role := _role(key))}
    parts = sorted({part for part, _ in found.values()}, key=[None, *PARTS].index)
    keys = {role: key for key, role in found.items()}
    pairs = [part for part in parts if {(part, "images"), (part, "labels")} <= keys.keys()]
    if not pairs:
        raise DataError(
            f"{path} holds the arrays {shortened(list(arrays))}; it needs images and labels, "
            "or x_train, y_train, x_test and y_test"
        )
    pieces = [
        Piece(
            part,
            as_images(arrays[keys[part, "images"]], f"{path}: {keys[part, 'images']}"),
            _as_labels(arrays[keys[part, "labels"]], f"{path}: {keys[part, 'labels']}"),
        )
        for part in pairs
    ]
    classes = arrays.get("classes")
    names = None if classes is None else [str(name).strip() for name in np.ravel(classes).tolist()]
    return stacked(pieces, name=slug(path), form="an .npz file of arrays", classes=names)


def read_memory(images: Sequence[Any] | Array, labels: Sequence[Any] | Array) -> Dataset:
    """Images in memory, an array (N, H, W) or (N, H, W, C) or a sequence of anything that
    `open_image` takes, with one label each: integers, or strings, which become the class names."""
    truth = _as_labels(np.asarray(labels), "labels")
    if isinstance(images, np.ndarray):
        piece = Piece(None, as_images(images, "images"), truth)
        return stacked([piece], name="arrays", form="arrays in memory")
    if len(images) != len(truth):
        raise DataError(f"{len(truth):,} labels for {len(images):,} images; give one for each")
    numbers, classes = encode(str(label).strip() for label in truth.tolist())
    return Dataset(
        name="images",
        form="images in memory",
        images=images,
        names=tuple(index_names(len(images))),
        labels=numbers,
        classes=classes,
    )


def npz_images(path: Path) -> Iterator[tuple[str, Array]]:
    """Every array of images in the file with its key; labels are not asked for."""
    arrays = load_arrays(path)
    found = [key for key in arrays if (role := _role(key)) and role[1] == "images"]
    if not found:
        raise DataError(
            f"{path} holds the arrays {shortened(list(arrays))}; it needs images, x or x_test"
        )
    for key in found:
        yield key, as_images(arrays[key], f"{path}: {key}")


def _role(key: str) -> tuple[Part | None, str] | None:
    """What an array is: `x_train`, `train_images` and `X` are (part or None, "images")."""
    words = key.lower().split("_")
    parts = [part for word in words if (part := part_of(word))]
    rest = [word for word in words if not part_of(word)]
    if len(rest) != 1 or len(parts) > 1:
        return None
    kind = "images" if rest[0] in _IMAGE_KEYS else "labels" if rest[0] in _LABEL_KEYS else None
    return (parts[0] if parts else None, kind) if kind else None


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file; never unpickles.

    Raises DataError when it is broken, holds Python objects or promises more than it holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _MOST_BYTES:
                raise DataError(f"{path} unpacks to more than 20 GB; split it")
            for member in members:
                _check_header(archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as .npz: {error}") from error


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuses an array that is larger than its member, before numpy takes the memory for it."""
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        if dtype.hasobject:
            raise ValueError(
                f"{member.filename} holds Python objects, which are never loaded; save numbers or "
                "strings (numpy.array(labels, dtype=str))"
            )
        if math.prod(shape) * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} promises {shape} {dtype} and is shorter")


def as_images(images: Array, where: str) -> Array:
    """uint8 (N, H, W) or (N, H, W, C): as given, or bool, or 0..1 floats, or (N, C, H, W).

    Raises DataError for other shapes and for values outside 0..255.
    """
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise DataError(
            f"{where} has the shape {images.shape}; images are (N, height, width) or "
            "(N, height, width, channels)"
        )
    if images.ndim == 4 and images.shape[3] not in (1, 3, 4) and images.shape[1] in (1, 3):
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    if images.ndim == 4 and images.shape[3] not in (1, 3, 4):
        raise DataError(f"{where} has {images.shape[3]} channels; images have 1, 3 or 4")
    if images.dtype == np.uint8:
        return images
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind not in "iuf":
        raise DataError(f"{where} is of the type {images.dtype}; images are numbers from 0 to 255")
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 255:  # also when one of them is not a number
        raise DataError(f"{where} runs from {low:g} to {high:g}; bring it to 0..255 or 0..1")
    scale = 255.0 if images.dtype.kind == "f" and high <= 1 else 1.0
    out = np.empty(images.shape, dtype=np.uint8)
    for index, image in enumerate(images):  # one at a time: no second copy as floats
        out[index] = np.rint(image * scale)
    return out


def _as_labels(labels: Array, where: str) -> Array:
    """Integers or strings (N,). Raises DataError for other shapes and types."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"{where} has the shape {labels.shape}; give one label for each image")
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    if labels.dtype.kind == "f" and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        raise DataError(
            f"{where} is of the type {labels.dtype}; labels are whole numbers or strings"
        )
    return labels.astype(np.int64) if labels.dtype.kind == "b" else labels
