"""Files of a cache: what is torn, foreign or of another version is told by a digest and not used.

A record is a magic line that names its kind and version, a digest, the length and the content.
Nothing here waits for the disk: what a crash of the machine tears is made anew.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from eyespot.values.arrays import Array

_DIGEST_BYTES = 32
_LENGTH_BYTES = 8

Piece = bytes | memoryview


def record(magic: bytes, content: Sequence[Piece]) -> list[Piece]:
    """The pieces of a record, to be written one behind the other."""
    length = sum(map(len, content)).to_bytes(_LENGTH_BYTES, "little")
    return [magic, _digest([length, *content]), length, *content]


def write_sealed(path: Path, magic: bytes, content: Sequence[Piece]) -> bool:
    """Writes a file of one record, whole or not at all; returns whether the disk took it."""
    temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.writelines(record(magic, content))
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        return True
    return False


def read_sealed(path: Path, magic: bytes) -> Array | None:
    """The content of a file of one record, uint8 (bytes,); None unless it is whole and of this
    kind and version."""
    records, rest = _records(path, magic)
    return records[0] if len(records) == 1 and not rest else None


def read_records(path: Path, magic: bytes) -> list[Array]:
    """The contents of the whole records that a file begins with, uint8 (bytes,) each."""
    return _records(path, magic)[0]


def _records(path: Path, magic: bytes) -> tuple[list[Array], int]:
    """The whole records that a file begins with, and how many bytes follow them."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return [], 0
    found: list[Array] = []
    head = len(magic) + _DIGEST_BYTES
    while len(data) >= head + _LENGTH_BYTES and bytes(data[: len(magic)]) == magic:
        length = data[head : head + _LENGTH_BYTES]
        content = data[head + _LENGTH_BYTES :][: int.from_bytes(bytes(length), "little")]
        if bytes(data[len(magic) : head]) != _digest([bytes(length), content.data]):
            break
        found.append(content)
        data = data[head + _LENGTH_BYTES + len(content) :]
    return found, len(data)


def _digest(pieces: Iterable[Piece]) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
