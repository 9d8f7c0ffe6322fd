"""A recipe's values in TOML, and what is wrong with one in words."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic_core import ErrorDetails

from eyespot.errors import did_you_mean
from eyespot.nets.layerlist import LAYERS

# What pydantic calls a fault -> what the field wants; {} holds the bound or the choices.
_WANTED = {
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge}",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "string_too_short": "a word",
    "string_too_long": "at most {max_length} letters",
    "string_type": "a word",
    "string_unicode": "a word in Unicode",
    "too_long": "at most {max_length} layers",
    "tuple_type": "a list of layers",
}
# What a field wants that takes words and numbers.
_EITHER = {
    "padding": '"valid", "same" or a whole number from 0 to 15',
    "size": 'a whole number from 2 to 64 or "all"',
}


def sentence(fault: ErrorDetails, fields: Iterable[str]) -> str:
    """What is wrong with a recipe. fields: the names that it knows."""
    place = fault["loc"]
    if place[0] == "layers" and len(place) > 1:
        return _layer_sentence(fault, place)
    if fault["type"] == "extra_forbidden":
        return f"there is no field '{place[0]}'{did_you_mean(str(place[0]), fields)}"
    return f"{place[0]} {_wish(fault)}"


def _layer_sentence(fault: ErrorDetails, place: tuple[int | str, ...]) -> str:
    """place: "layers", the index, and further in the layer's type and its field."""
    layer, kind, value = f"layer {int(place[1]) + 1}", fault["type"], fault["input"]
    if kind == "union_tag_not_found":
        return f"{layer} has no type; it wants one of {', '.join(LAYERS)}"
    if kind == "union_tag_invalid":
        tag = value["type"]
        hint = did_you_mean(tag, LAYERS) if isinstance(tag, str) else ""
        return f"{layer}: type wants one of {', '.join(LAYERS)}, got {quoted(tag)}{hint}"
    if len(place) < 4:
        return f"{layer} wants to be a table of fields, got {quoted(value)}"
    layer, field = f"{layer} ({place[2]})", str(place[3])
    if kind == "extra_forbidden":
        known = LAYERS[str(place[2])].model_fields
        return f"{layer} has no field '{field}'{did_you_mean(field, known)}"
    if kind == "missing":
        return f"{layer} lacks its {field}"
    if value == "softmax":
        return f'{layer}: leave activation = "softmax" away, because the net gives logits'
    return f"{layer}: {field} {_wish(fault, either=_EITHER.get(field) if place[4:] else None)}"


def _wish(fault: ErrorDetails, *, either: str | None = None) -> str:
    """`wants a whole number, got "5"`."""
    kind, value, hint = fault["type"], fault["input"], ""
    if kind == "too_long":
        value = len(value)
    wanted = _WANTED.get(kind, fault["msg"]).format_map(fault.get("ctx", {})).replace("'", '"')
    wanted = either or wanted
    if isinstance(value, str) and (either or kind == "literal_error"):
        hint = did_you_mean(value, re.findall(r'"([\w-]+)"', wanted))
    return f"wants {wanted}, got {quoted(value)}{hint}"


def quoted(value: object) -> str:
    """The value as it would be written, cut after 60 letters."""
    text = in_toml(value) if isinstance(value, str | bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def table(fields: dict[str, Any]) -> str:
    """A line for each field that has a value."""
    return "".join(
        f"{key} = {in_toml(value)}\n" for key, value in fields.items() if value is not None
    )


def in_toml(value: object) -> str:
    """A word, number, true or false in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    return repr(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
