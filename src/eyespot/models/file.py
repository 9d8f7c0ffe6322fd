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
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyespot.errors import DataError, ModelError, UsageError
from eyespot.files.atomic import write_bytes
from eyespot.nets.layerlist import layer_shapes
from eyespot.nets.spec import EnsembleSpec, LayersSpec, NetSpec, RefusalSpec
from eyespot.values.arrays import Array
from eyespot.values.model import Views
from eyespot.values.preparation import Preparation

FORMAT = 3
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


class Score(BaseModel):
    """Accuracy on the test part, with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    num: int = Field(ge=1)
    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class ModelCard(BaseModel):
    """What the weights are, how to prepare a picture for them and how to read their answer.

    views: of a picture, over which the logits are averaged. temperature: these are divided by it,
    so that a probability is a share of right answers. refusal: how pictures of something else are
    told; an ensemble's members have their own. num_scores: how many validation images gave a score
    for sets of classes. recipe: digest of the recipe. versions: of the libraries that wrote the
    file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    format: int = FORMAT
    net: NetSpec
    preparation: Preparation
    classes: tuple[str, ...] = Field(min_length=2, max_length=100_000)
    views: Views = "one"
    temperature: float = Field(default=1.0, gt=0, le=1000)
    refusal: RefusalSpec | None = None
    num_scores: int = Field(default=0, ge=0, le=2**16)
    recipe: str = Field(max_length=64)
    score: Score | None = None
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def refuses(self) -> bool:
        """Whether it can say "unknown"."""
        members = self.net.members if isinstance(self.net, EnsembleSpec) else (self,)
        return members[0].refusal is not None


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


def checked_card(path: Path, fields: Mapping[str, Any]) -> ModelCard:
    """The card with these fields, sound in itself. Raises ModelError."""
    if type(fields.get("format")) is int and fields["format"] == 1:  # True equals 1, too
        fields = _from_1(fields)
    if type(fields.get("format")) is int and fields["format"] == 2:
        fields = _from_2(fields)
    if fields.get("format") != FORMAT:
        raise ModelError(_other_format(path, fields.get("format")))
    try:
        card = ModelCard.model_validate(_tuples(fields))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "union_tag_invalid" and first["loc"] == ("net",):
            raise ModelError(
                f"{path} needs the net '{first['ctx']['tag']:.40}', which this eyespot has not; "
                "upgrade eyespot"
            ) from error
        where = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"{path}: its '{where}' does not do: {first['msg']}; train again"
        ) from error
    except RecursionError as error:
        raise ModelError(f"{path} is damaged (its card is nested too deeply)") from error
    shape = card.preparation
    if not len(shape.mean) == len(shape.std) == shape.channels:
        raise ModelError(
            f"{path}: its preparation has {len(shape.mean)} means and {len(shape.std)} deviations "
            f"for {shape.channels} channels; train again"
        )
    if not all(0 <= m <= 1 for m in shape.mean) or not all(1e-4 <= s <= 1 for s in shape.std):
        raise ModelError(f"{path}: its preparation has an impossible brightness; train again")
    if len(set(card.classes)) != len(card.classes):
        raise ModelError(f"{path}: two of its classes have one name; train again")
    members = card.net.members if isinstance(card.net, EnsembleSpec) else ()
    if any(not len(m.mean) == len(m.std) == shape.channels for m in members):
        raise ModelError(
            f"{path}: a member of its ensemble is not for {shape.channels} channels; train again"
        )
    for net in (card.net, *(member.net for member in members)):
        if isinstance(net, LayersSpec):
            _check_layers(path, net, card)
    _check_refusals(path, card)
    return card


def _check_layers(path: Path, net: LayersSpec, card: ModelCard) -> None:
    """Raises ModelError where a picture does not pass through the layers."""
    try:
        layer_shapes(
            net.layers,
            channels=card.preparation.channels,
            size=card.preparation.size,
            num_classes=len(card.classes),
        )
    except UsageError as error:
        raise ModelError(f"{path}: its net cannot be built ({error}); train again") from error


def _check_refusals(path: Path, card: ModelCard) -> None:
    """Raises ModelError unless each net of an ensemble refuses, or none."""
    if not isinstance(card.net, EnsembleSpec):
        return
    known = {member.refusal is not None for member in card.net.members}
    if card.refusal or len(known) > 1:
        raise ModelError(f"{path}: not every member of its ensemble can refuse; train again")


def _from_1(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Format 1 knew neither refusals nor scores; all else is the same."""
    return {**fields, "format": 2}


def _from_2(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Format 2 knew no style of ink; all else is the same."""
    return {**fields, "format": 3}


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that strict validation wants."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _other_format(path: Path, number: object) -> str:
    if isinstance(number, int) and number > FORMAT:
        return f"{path} has format {number}, this eyespot knows up to {FORMAT}; upgrade eyespot"
    return f"{path} has no format number that eyespot knows; train again"


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


def parsed_card(path: Path, text: Any) -> dict[str, Any]:
    """The fields of a card's JSON, unchecked but for being an object. Raises ModelError."""
    try:
        fields = json.loads(text)
        json.dumps(fields)  # what is nested too deeply for this is caught here, once for all
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged (its card is not JSON: {error})") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} is damaged (its card is not an object)")
    return fields


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
