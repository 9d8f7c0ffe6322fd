"""CIFAR-10's binary batches: a byte of label, then 32 x 32 pixels, each colour by itself."""

import tarfile
import zlib
from pathlib import Path

import numpy as np

from eyespot.data.sources.assembly import Piece
from eyespot.errors import DataError
from eyespot.values.arrays import Array

_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = ("test_batch.bin",)
_RECORD = 1 + 3 * 32 * 32


def find_batches(folder: Path) -> Path | None:
    """The folder or the archive that holds all six batches, here or in cifar-10-batches-bin."""
    for place in (folder, folder / "cifar-10-batches-bin"):
        if all((place / name).is_file() for name in (*_TRAIN, *_TEST)):
            return place
    archive = folder / "cifar-10-binary.tar.gz"
    return archive if archive.is_file() else None


def read_batches(place: Path) -> list[Piece]:
    """The train and test images, uint8 (N, 32, 32, 3), and their labels.

    Raises DataError when the place does not hold whole batches.
    """
    try:
        batches = _from_folder(place) if place.is_dir() else _from_archive(place)
        train = np.concatenate([_records(batches[name], name) for name in _TRAIN])
        test = np.concatenate([_records(batches[name], name) for name in _TEST])
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{place} does not hold CIFAR-10 ({error}); get it again") from error
    return [
        Piece("train", _images(train), train[:, 0]),
        Piece("test", _images(test), test[:, 0]),
    ]


def _from_folder(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (*_TRAIN, *_TEST)}


def _from_archive(path: Path) -> dict[str, bytes]:
    """The batches by their names; read into memory, nothing is unpacked to disk."""
    found: dict[str, bytes] = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            name = member.name.rsplit("/", 1)[-1]
            # 10,000 records each; a longer member is not what was published.
            if member.isfile() and name in (*_TRAIN, *_TEST) and member.size <= 10_000 * _RECORD:
                file = archive.extractfile(member)
                found[name] = file.read() if file else b""
    return found


def _records(data: bytes, name: str) -> Array:
    if not data or len(data) % _RECORD:
        raise ValueError(f"{name} is no whole number of records")
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, _RECORD)


def _images(records: Array) -> Array:
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
