"""The model file: safetensors with one JSON in its header. Nothing in it is ever executed.

The JSON (`ModelCard`) says everything that predicting needs; a SHA-256 in it covers the rest of it
and the weights. A foreign or broken file is refused with a ModelError before memory is taken for
it.
"""

import contextlib
import hashlib
import json
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from eyespot.errors import DataError, ModelError
from eyespot.files.atomic import write_bytes
from eyespot.models.card import ModelCard, checked_card, parsed_card
from eyespot.values.arrays import Array

KEY = "eyespot"
CHECKSUM = "sha256"
# What the names of arrays begin with that are not the net's: its refusals, and its scores.
REFUSAL, SCORES = "refusal.", "scores"
MAX_HEADER = 8 * 2**20
MAX_BYTES = 4 * 2**30  # more than the largest net that a card can describe

# A tensor's shape and its type as safetensors writes it, such as ((10, 64), "F32").
Form = tuple[tuple[int, ...], str]

_FOREIGN = {
    b"PK\x03\x04": "a zip archive (.pt, .pt2, .keras)",
    b"\x80": "a pickle (.pkl, .pt)",
    b"\x89HDF": "an HDF5 file (.h5)",
}


def write_model(path: Path, card: ModelCard, weights: Mapping[str, Array]) -> None:
    """Writes the model file, whole or not at all.

    Raises DataError when the class names are too long, or the weights too many, to be read back.
    """
    # Python's JSON, because a class name that is not Unicode, from a folder's name, has an escape
    # in it and none in pydantic's.
    fields = card.model_dump()
    # One key, because safetensors writes several in any order: equal models make equal files.
    text = json.dumps({CHECKSUM: checksum(fields, weights), **fields})
    data = safetensors.numpy.save(dict(weights), {KEY: text})
    if struct.unpack_from("<Q", data)[0] > MAX_HEADER:
        raise DataError(f"{path}: the names of {len(card.classes):,} classes are too long to keep")
    if len(data) > MAX_BYTES:
        raise DataError(
            f"{path} would be too large to be read again ({len(data):,} bytes); "
            "take a smaller net, or fewer folds"
        )
    write_bytes(path, data)


def read_model(path: Path) -> tuple[ModelCard, dict[str, Array]]:
    """The card and the weights. Raises ModelError, with the reason, for an unsound file."""
    fields = _fields(path)
    claimed = fields.pop(CHECKSUM, None)
    card = checked_card(path, fields)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except Exception as error:  # the library raises its own, undocumented kinds
        raise ModelError(f"{path} is damaged ({error}); train again or copy it again") from error
    if checksum(fields, weights) != claimed:
        raise ModelError(
            f"{path} is damaged (its checksum is another); train again or copy it again"
        )
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelError(f"{path}: the weights '{name}' are not finite numbers; train again")
    return card, weights


def read_forms(path: Path) -> dict[str, Form]:
    """Shape and type of every tensor; the weights are not read. Raises ModelError."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_slice(name) for name in file.keys()}
            return {name: (tuple(t.get_shape()), t.get_dtype()) for name, t in tensors.items()}
    except Exception as error:
        raise ModelError(f"{path} is damaged ({error}); train again or copy it again") from error


def read_card(path: Path) -> ModelCard:
    """The card alone, from the header; the weights are not read. Raises ModelError."""
    fields = _fields(path)
    fields.pop(CHECKSUM, None)
    return checked_card(path, fields)


def checksum(fields: Mapping[str, Any], weights: Mapping[str, Array]) -> str:
    """SHA-256 of the card's fields and of every tensor with its name, shape and type."""
    digest = hashlib.sha256(json.dumps(fields).encode())
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"\0{name}\0{array.shape}\0{array.dtype}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _fields(path: Path) -> dict[str, Any]:
    """The JSON in a header that is read by hand: no size in it is trusted."""
    head, size, text = _header(path)
    if not head:
        raise ModelError(f"{path} is empty (0 bytes); train again or copy it again")
    if not text.startswith(b"{") or len(text) != size:
        if head.startswith(b"\x08"):
            raise ModelError(f"{path} is an ONNX file under another name; call it model.onnx")
        for magic, kind in _FOREIGN.items():
            if head.startswith(magic):
                raise ModelError(
                    f"{path} is {kind}, which eyespot does not open because it can run code; "
                    "use a model.safetensors written by eyespot train"
                )
        raise ModelError(f"{path} is not a safetensors file; use one written by eyespot train")
    try:
        card = json.loads(text)["__metadata__"][KEY]
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{path} holds weights but was not written by eyespot (no '{KEY}' in its header)"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged (its header is not JSON: {error})") from error
    return parsed_card(path, card)


def _header(path: Path) -> tuple[bytes, int, bytes]:
    """The first bytes, the header's claimed length, and the header; nothing for an absurd claim."""
    with opened(path) as file:
        head = file.read(8)
        size = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        return head, size, file.read(size) if 0 < size <= MAX_HEADER else b""


@contextlib.contextmanager
def opened(path: Path, limit: int = MAX_BYTES) -> Iterator[BinaryIO]:
    """A file that may be a model by its kind and size. Raises ModelError, reading it included."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # a pipe would hang, a device would never end
            raise ModelError(f"{path} is not a file; name a run folder or a model file")
        if status.st_size > limit:
            raise ModelError(
                f"{path} is too large for a model ({status.st_size:,} bytes); "
                "name a run folder or a model file"
            )
        with open(path, "rb") as file:
            yield file
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ModelError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
