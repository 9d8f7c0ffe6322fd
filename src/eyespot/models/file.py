"""The model file: safetensors with one JSON in its header. Nothing in it is ever executed.

The JSON (`ModelCard`) says everything that predicting needs. A foreign or broken file is refused
with a ModelError before memory is taken for it.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyespot.errors import ModelError
from eyespot.files import write_bytes
from eyespot.nets.spec import NetSpec
from eyespot.values import Array, Preparation

FORMAT = 1
KEY = "eyespot"
MAX_HEADER = 8 * 2**20
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (.pt, .pt2, .keras)",
    b"\x80": "a pickle (.pkl, .pt)",
    b"\x89HDF": "an HDF5 file (.h5)",
    b"\x08": "an ONNX file",
}


class Score(BaseModel):
    """Accuracy on the test part, with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    num: int = Field(ge=1)
    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class ModelCard(BaseModel):
    """What the weights are, how to prepare a picture for them and how to read their answer.

    temperature: the logits are divided by it, so that a probability is a share of right answers.
    recipe: digest of the recipe. versions: of the libraries that wrote the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int = FORMAT
    net: NetSpec
    preparation: Preparation
    classes: tuple[str, ...] = Field(min_length=2, max_length=100_000)
    temperature: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    recipe: str = Field(max_length=64)
    score: Score | None = None
    versions: dict[str, str] = Field(default_factory=dict)


def write_model(path: Path, card: ModelCard, weights: Mapping[str, Array]) -> None:
    """Writes the model file, whole or not at all."""
    write_bytes(path, safetensors.numpy.save(dict(weights), {KEY: card.model_dump_json()}))


def read_model(path: Path) -> tuple[ModelCard, dict[str, Array]]:
    """The card and the weights. Raises ModelError, with the reason, for an unsound file."""
    card = read_card(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except Exception as error:  # the library raises its own, undocumented kinds
        raise ModelError(f"{path} is damaged ({error}); train again or copy it again") from error
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelError(f"{path}: the weights '{name}' are not finite numbers; train again")
    return card, weights


def read_card(path: Path) -> ModelCard:
    """The card alone, from the header; the weights are not read."""
    fields = _metadata(path)
    if fields.get("format") != FORMAT:
        raise ModelError(_other_format(path, fields.get("format")))
    try:
        card = ModelCard.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"{path}: its '{where}' does not do: {first['msg']}; train again"
        ) from error
    if len(card.preparation.mean) != card.preparation.channels != len(card.preparation.std):
        raise ModelError(f"{path}: its preparation does not fit together; train again")
    if len(set(card.classes)) != len(card.classes):
        raise ModelError(f"{path}: two of its classes have one name; train again")
    return card


def _other_format(path: Path, number: object) -> str:
    if isinstance(number, int) and number > FORMAT:
        return f"{path} has format {number}, this eyespot knows up to {FORMAT}; upgrade eyespot"
    return f"{path} has no format number that eyespot knows; train again"


def _metadata(path: Path) -> dict[str, object]:
    """The JSON under our key in the header, read by hand so that no size in it is trusted."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            size = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            text = file.read(size) if 0 < size <= MAX_HEADER else b""
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if not head:
        raise ModelError(f"{path} is empty (0 bytes); train again or copy it again")
    if not text.startswith(b"{") or len(text) != size:
        for magic, kind in _FOREIGN.items():
            if head.startswith(magic):
                raise ModelError(
                    f"{path} is {kind}, which eyespot does not open because it can run code; "
                    "use a model.safetensors written by eyespot train"
                )
        raise ModelError(f"{path} is not a safetensors file; use one written by eyespot train")
    try:
        fields = json.loads(json.loads(text)["__metadata__"][KEY])
    except KeyError as error:
        raise ModelError(
            f"{path} holds weights but was not written by eyespot (no '{KEY}' in its header)"
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged (its header is not JSON: {error})") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} is damaged (its card is not an object)")
    return fields
