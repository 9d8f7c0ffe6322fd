"""Every choice that changes the numbers, and nothing else: no path, no device, no thread count.

A field that is None is fitted to the images by fitting.py, or stands for a wish that nobody has; a
run's recipe.toml leaves nothing to be fitted, so it repeats the run whatever a later version would
choose.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from eyespot.errors import UsageError, did_you_mean
from eyespot.nets.spec import NetName
from eyespot.values import Fit

Kind = Literal["ink", "photo"]

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
}


class Recipe(BaseModel):
    """How to train. The order of the fields is the order of recipe.toml.

    Raises UsageError, naming the field, what it wants and what it got; nothing is coerced, but for
    a whole number where any number does.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    name: str = Field("standard", max_length=100)
    seed: int = Field(0, ge=0, lt=2**63)

    # The images. valid and test: shares of a set that has no such parts of its own; per_class: a
    # number of images of each class instead. split: "auto" keeps the set's own parts, "stratified"
    # forgets them, any other word is the column that says them. group: a column, or a regular
    # expression with one group for the names; images of one group never lie in two parts.
    valid: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    valid_per_class: int | None = Field(None, ge=1)
    test_per_class: int | None = Field(None, ge=1)
    split: str = Field("auto", min_length=1, max_length=200)
    group: str | None = Field(None, min_length=1, max_length=200)
    kind: Kind | None = None
    size: int | None = Field(None, ge=8, le=512)
    channels: Literal[1, 3] | None = None
    fit: Fit = "pad"

    # The net. width: channels of its first stage.
    net: NetName = "convnet"
    width: int = Field(64, ge=4, le=512)

    # The loop: AdamW on a one-cycle schedule. views: training images looked at in all, when the
    # number of epochs is not given. rate: its peak.
    views: int = Field(200_000, ge=1)
    epochs: int | None = Field(None, ge=1, le=100_000)
    batch: int | None = Field(None, ge=2, le=65_536)
    rate: float | None = Field(None, gt=0, le=1)
    weight_decay: float = Field(0.05, ge=0, le=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)

    # Classes of unequal size: "weights" counts the images of small classes more, "sampling" shows
    # them more often; "auto" does so above 3 : 1.
    balance: Literal["auto", "none", "weights", "sampling"] = "auto"

    # Augmentation, drawn anew for every view. rotate: degrees either way; shift: share of the
    # side; zoom: 0.15 is from 1/1.15 to 1.15; brightness, contrast: likewise.
    flip: bool | None = None
    rotate: float = Field(12, ge=0, le=180)
    shift: float = Field(0.08, ge=0, le=0.5)
    zoom: float = Field(0.15, ge=0, le=1)
    brightness: float | None = Field(None, ge=0, le=1)
    contrast: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, fields: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # True equals 1 and 3.0 equals 3, so that a Literal of numbers lets them pass.
        if isinstance(fields, Mapping) and type(fields.get("channels", 1)) not in (int, type(None)):
            raise UsageError(f"channels wants 1 or 3, got {_quoted(fields['channels'])}")
        try:
            recipe = handler(fields)
        except ValidationError as error:
            raise UsageError(_sentence(error.errors()[0])) from error
        if recipe.valid + recipe.test >= 1:
            raise UsageError(
                f"valid = {recipe.valid} and test = {recipe.test} leave nothing to train on; "
                "make them smaller"
            )
        return recipe

    def toml(self) -> str:
        """The recipe as a TOML text; fields that are still open are left out."""
        return "".join(
            f"{key} = {_toml(value)}\n"
            for key, value in self.model_dump().items()
            if value is not None
        )

    def digest(self) -> str:
        """A short name for these choices: equal recipes have equal digests."""
        return hashlib.sha256(self.toml().encode()).hexdigest()[:16]


def recipe_names() -> list[str]:
    """The shipped recipes."""
    folder = resources.files("eyespot.training") / "recipes"
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


def read_recipe(
    source: str | Path | Recipe, settings: Mapping[str, object] | None = None
) -> Recipe:
    """A shipped recipe by name or a TOML file, with single fields replaced by `settings`.

    A changed recipe gets a star behind its name. Raises UsageError, naming the field, what it got
    and what it wants.
    """
    if isinstance(source, Recipe):
        fields, where = source.model_dump(), "recipe"
    else:
        text, where = _recipe_text(source)
        fields = _toml_fields(text, where)
    if settings:
        name = fields.get("name")
        if isinstance(name, str):
            fields["name"] = f"{name.removesuffix('*')}*"
        fields |= settings
    try:
        return Recipe(**fields)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def parse_settings(pairs: Sequence[str]) -> dict[str, object]:
    """`["epochs=5", "flip=true"]` -> fields; a value is TOML, or else a plain word.

    Raises UsageError for a pair without `=`.
    """
    settings: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"--set {_quoted(pair)} is not field=value; write for instance --set epochs=5"
            )
        settings[key.strip()] = _value(value.strip())
    return settings


def _value(text: str) -> object:
    try:
        fields = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):  # not TOML, a number of 5,000 digits, 5,000 brackets
        return text
    return fields["v"] if len(fields) == 1 else text  # a line break would smuggle a field in


def _toml_fields(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not TOML: {error}") from error


def _recipe_text(source: str | Path) -> tuple[str, str]:
    if str(source) in recipe_names():
        file = resources.files("eyespot.training") / "recipes" / f"{source}.toml"
        return file.read_text("utf-8"), f"recipe {source}"
    path = Path(source)
    if path.suffix != ".toml":
        names = recipe_names()
        raise UsageError(
            f"recipe '{source}' is not one of {', '.join(names)} and not a .toml file"
            f"{did_you_mean(str(source), names)}"
        )
    try:
        if path.exists() and not path.is_file():  # a pipe would hang
            raise UsageError(f"recipe {path} cannot be read: it is not a file")
        return path.read_text("utf-8"), str(path)
    except OSError as error:
        raise UsageError(f"recipe {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a null character in the name, or no UTF-8
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeError) else error
        raise UsageError(f"recipe {path} cannot be read: {reason}") from error


def _sentence(fault: ErrorDetails) -> str:
    """What is wrong with a field, in words."""
    field, kind = str(fault["loc"][0]), fault["type"]
    if kind == "extra_forbidden":
        return f"there is no field '{field}'{did_you_mean(field, Recipe.model_fields)}"
    wanted = _WANTED.get(kind, fault["msg"]).format_map(fault.get("ctx", {})).replace("'", '"')
    value, hint = fault["input"], ""
    if kind == "literal_error" and isinstance(value, str):
        hint = did_you_mean(value, re.findall(r'"(\w+)"', wanted))
    return f"{field} wants {wanted}, got {_quoted(value)}{hint}"


def _quoted(value: object) -> str:
    text = _toml(value) if isinstance(value, str | bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    return repr(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
