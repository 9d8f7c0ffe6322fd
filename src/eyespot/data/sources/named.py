"""The named sets: on this computer first, then from the network."""

import io
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eyespot.data.sources.assembly import Piece, stacked
from eyespot.data.sources.cifar import find_batches, read_batches
from eyespot.data.sources.download import Progress, Remote, fetch
from eyespot.data.sources.idx import Pair, find_pairs, parse, read_pieces
from eyespot.data.sources.published import (
    CIFAR10_CLASSES,
    CIFAR10_FILE,
    DIGITS,
    EMNIST_CLASSES,
    EMNIST_FILE,
    FASHION_CLASSES,
    FASHION_FILES,
    MNIST_FILES,
)
from eyespot.errors import DataError, MissingExtra
from eyespot.files.cache import cache_folder
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Part

NAMED_SETS = ("digits", "mnist", "fashion-mnist", *EMNIST_CLASSES, "cifar10")


def read_named(name: str, *, progress: Progress | None = None) -> Dataset:
    """One of NAMED_SETS, from $EYESPOT_DATA/<name>, the cache folder or the network, in this order.

    Raises DataError with where to put which files when the set is nowhere, MissingExtra when
    `digits` is asked for without scikit-learn.
    """
    if name == "digits":
        return _digits()
    if name == "mnist":
        return _idx_set(name, MNIST_FILES, DIGITS, "MNIST's handwritten digits", progress)
    if name == "fashion-mnist":
        form = "Fashion-MNIST's pieces of clothing"
        return _idx_set(name, FASHION_FILES, FASHION_CLASSES, form, progress)
    if name == "cifar10":
        return _cifar10(progress)
    return _emnist(name, progress)


def _digits() -> Dataset:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra("scikit-learn", extra="train", action="reading digits") from error
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return stacked(
        [Piece(None, images, digits.target)],
        name="digits",
        form="scikit-learn's handwritten digits",
        classes=DIGITS,
    )


def _idx_set(
    name: str,
    files: Sequence[Remote],
    classes: Sequence[str],
    form: str,
    progress: Progress | None,
) -> Dataset:
    for folder in places(name):
        if len(pairs := _pairs(folder)) == 2:
            break
    else:
        folder = _fetched(name, name, files, progress)
        pairs = _pairs(folder)
    return stacked(read_pieces(pairs), name=name, form=form, classes=classes)


def _emnist(name: str, progress: Progress | None) -> Dataset:
    """EMNIST's images lie on their sides: rows and columns are exchanged against MNIST's."""
    for folder in places(name):
        if len(pairs := _pairs(folder, prefix=f"{name}-")) == 2:
            pieces = read_pieces(pairs)
            break
        if (folder / EMNIST_FILE.name).is_file():
            pieces = _from_zip(folder / EMNIST_FILE.name, name)
            break
    else:
        folder = _fetched(name, "emnist", [EMNIST_FILE], progress)
        pieces = _from_zip(folder / EMNIST_FILE.name, name)
    first = 1 if name == "emnist-letters" else 0  # the letters count from 1
    upright = [
        Piece(
            part, np.ascontiguousarray(images.transpose(0, 2, 1)), labels.astype(np.int64) - first
        )
        for part, images, labels in pieces
    ]
    form = f"EMNIST's handwritten characters ({name.removeprefix('emnist-')})"
    return stacked(upright, name=name, form=form, classes=EMNIST_CLASSES[name])


def _from_zip(path: Path, name: str) -> list[Piece]:
    parts: tuple[Part, ...] = ("train", "test")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.rsplit("/", 1)[-1]: member for member in archive.namelist()}

            def array(part: Part, kind: str, dimensions: int) -> Array:
                member = members[f"{name}-{part}-{kind}-idx{dimensions}-ubyte.gz"]
                return parse(io.BytesIO(archive.read(member)), name=member, dimensions=dimensions)

            return [
                Piece(part, array(part, "images", 3), array(part, "labels", 1)) for part in parts
            ]
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DataError(f"{path} is not the archive of EMNIST ({error}); get it again") from error


def _cifar10(progress: Progress | None) -> Dataset:
    found = [place for folder in places("cifar10") if (place := find_batches(folder))]
    if not found:
        found = [_fetched("cifar10", "cifar10", [CIFAR10_FILE], progress) / CIFAR10_FILE.name]
    form = "CIFAR-10's small photographs"
    return stacked(read_batches(found[0]), name="cifar10", form=form, classes=CIFAR10_CLASSES)


def places(name: str) -> list[Path]:
    """The folders on this computer in which the set may lie, in the order of looking."""
    own = os.environ.get("EYESPOT_DATA")
    bases = [*([Path(own)] if own else []), cache_folder()]
    folders = [name, "emnist"] if name in EMNIST_CLASSES else [name]
    return [base / folder for folder in folders for base in bases]


def _pairs(folder: Path, *, prefix: str = "") -> list[Pair]:
    """The IDX pairs in the folder; none when a file is missing, so that the next place is tried."""
    try:
        names = [name for name in os.listdir(folder) if name.lower().startswith(prefix)]
        return find_pairs(folder, names)
    except (OSError, DataError):
        return []


def _fetched(name: str, place: str, files: Sequence[Remote], progress: Progress | None) -> Path:
    """The cache folder that holds the files, downloaded where they are missing."""
    folder = cache_folder() / place
    try:
        for remote in files:
            fetch(remote, folder, progress=progress)
    except DataError as error:
        wanted = " and ".join(
            part for part in (", ".join(file.name for file in files[:-1]), files[-1].name) if part
        )
        raise DataError(
            f"{name} is not on this computer and {error}; put {wanted} into {folder}, or into "
            f"a folder {place} in the one that EYESPOT_DATA names"
        ) from error
    return folder
