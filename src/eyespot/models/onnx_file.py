"""The ONNX file that an export writes: its card and checksum, read without the onnx package.

A file is the graph's bytes and behind them its metadata: the card's JSON, as in the safetensors
file, the scores for sets of classes, and what the graph computes in. The SHA-256 in the card covers
all the rest, so that what is handed to onnxruntime is what was written. Nothing is taken from other
files.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from eyespot.errors import ModelError
from eyespot.files.atomic import write_bytes
from eyespot.models.card import ModelCard, checked_card, parsed_card
from eyespot.models.file import CHECKSUM, KEY, opened
from eyespot.values.arrays import Array

Form = Literal["float32", "int8"]  # what the convolutions are computed in

SCORES_KEY, FORM_KEY = "eyespot.scores", "eyespot.form"
MAX_BYTES = 2**31 - 1  # protobuf's own limit
_METADATA = 14  # the number of ModelProto's field metadata_props
_AGAIN = "export it again or copy it again"
_EXTERNAL = b"location"  # what every tensor that lies in another file says


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxFile:
    """A sound file. data: the whole of it. scores: float32 (M,), for sets of classes."""

    card: ModelCard
    form: Form
    scores: Array | None
    data: bytes


def write_onnx(
    path: Path, card: ModelCard, graph: bytes, *, form: Form, scores: Array | None = None
) -> None:
    """Writes the file, whole or not at all. graph: a serialised ModelProto without metadata."""
    extras: dict[str, str] = {FORM_KEY: form}
    if scores is not None:
        extras[SCORES_KEY] = base64.b64encode(scores.astype("<f4").tobytes()).decode()
    fields = card.model_dump()
    text = json.dumps({CHECKSUM: _checksum(fields, extras, graph), **fields})
    entries = {KEY: text, **extras}
    write_bytes(path, graph + b"".join(_entry(name, text) for name, text in entries.items()))


def read_onnx(path: Path) -> OnnxFile:
    """The file's card and bytes. Raises ModelError, with the reason, for an unsound file."""
    with opened(path, MAX_BYTES) as file:
        head = file.read(2)
        if not head:
            raise ModelError(f"{path} is empty (0 bytes); {_AGAIN}")
        # Every ONNX file begins with the number of its format, which is small.
        if len(head) < 2 or head[0] != 0x08 or not 0 < head[1] < 64:
            raise ModelError(f"{path} is not an ONNX file; use one written by eyespot export")
        file.seek(0)
        data = file.read()
    try:
        graph, metadata = _taken_apart(data)
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"{path} is damaged ({error}); export it again or copy it again"
        ) from error
    if KEY not in metadata:
        raise ModelError(
            f"{path} is an ONNX file that eyespot has not written (no '{KEY}' in its metadata), so "
            "nothing says how to prepare a picture for it; use one written by eyespot export"
        )
    fields = parsed_card(path, metadata.pop(KEY))
    claimed = fields.pop(CHECKSUM, None)
    card = checked_card(path, fields)
    # Asked before the checksum, which whoever wrote the file could make himself.
    if _EXTERNAL in graph:
        raise ModelError(
            f"{path} keeps weights in another file, which is not read; export it again"
        )
    if _checksum(fields, metadata, graph) != claimed:
        raise ModelError(f"{path} is damaged (its checksum is another); {_AGAIN}")
    return OnnxFile(
        card=card, form=_form(path, metadata), scores=_scores(path, card, metadata), data=data
    )


def _checksum(fields: Mapping[str, Any], extras: Mapping[str, str], graph: bytes) -> str:
    digest = hashlib.sha256(json.dumps([fields, sorted(extras.items())]).encode())
    digest.update(graph)
    return digest.hexdigest()


def _form(path: Path, metadata: Mapping[str, str]) -> Form:
    for form in get_args(Form):
        if metadata.get(FORM_KEY) == form:
            return form  # type: ignore[no-any-return]
    raise ModelError(f"{path} does not say what it computes in; export it again")


def _scores(path: Path, card: ModelCard, metadata: Mapping[str, str]) -> Array | None:
    if not card.num_scores:
        return None
    try:
        data = base64.b64decode(metadata.get(SCORES_KEY, ""), validate=True)
        scores = np.frombuffer(data, "<f4").astype(np.float32)
    except ValueError as error:
        raise ModelError(f"{path} is damaged (its scores: {error}); export it again") from error
    if scores.shape != (card.num_scores,) or not np.isfinite(scores).all():
        raise ModelError(f"{path} has not the scores that its card says; export it again")
    return scores


def _entry(name: str, text: str) -> bytes:
    """One of ModelProto's metadata_props."""
    pair = b"".join(
        bytes([number << 3 | 2]) + _varint(len(part)) + part
        for number, part in ((1, name.encode()), (2, text.encode()))
    )
    return bytes([_METADATA << 3 | 2]) + _varint(len(pair)) + pair


def _taken_apart(data: bytes) -> tuple[bytes, dict[str, str]]:
    """All but the metadata, and the metadata. Raises ValueError, IndexError for torn data."""
    rest, metadata = [], {}
    for number, start, value, end in _parts(data, 0, len(data)):
        if number != _METADATA:
            rest.append(data[start:end])
            continue
        pair = {own: data[first:last] for own, _, first, last in _parts(data, value, end)}
        name = pair.get(1, b"").decode()
        if name in metadata:
            raise ValueError(f"two metadata '{name:.40}'")
        metadata[name] = pair.get(2, b"").decode()
    return b"".join(rest), metadata


def _parts(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, start, start of the value and end of each field of a protobuf message."""
    while place < end:
        start = place
        key, place = _number(data, place)
        kind = key & 7
        if kind == 0:
            value, (_, place) = place, _number(data, place)
        elif kind == 2:
            size, value = _number(data, place)
            place = value + size
        elif kind in (1, 5):
            value, place = place, place + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if place > end:
            raise ValueError("it is cut off")
        yield key >> 3, start, value, place


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("a number that does not end")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
