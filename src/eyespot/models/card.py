"""The model card: all that predicting needs to know, as the JSON of a model file or an export.

It is checked before anything is made of it; cards of earlier formats are taken up to this one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyespot.errors import ModelError, UsageError
from eyespot.nets.layerlist import layer_shapes
from eyespot.nets.spec import EnsembleSpec, LayersSpec, NetSpec, RefusalSpec
from eyespot.values.model import Views
from eyespot.values.preparation import Preparation

FORMAT = 3


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
