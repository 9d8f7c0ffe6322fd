"""Every choice that changes the numbers, and nothing else: no path, no device, no thread count.

A field that is None is fitted to the images by `fitted`; a run's recipe.toml has none left, so it
repeats the run whatever a later version would choose.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyespot.errors import UsageError, did_you_mean
from eyespot.values import Fit

Kind = Literal["ink", "photo"]
Share = Field(ge=0, lt=1)


class Recipe(BaseModel):
    """How to train. The order of the fields is the order of recipe.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = "standard"
    seed: int = Field(0, ge=0, lt=2**63)

    # The images. valid and test: shares of a set that has no such parts of its own.
    valid: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    kind: Kind | None = None
    size: int | None = Field(None, ge=8, le=512)
    channels: Literal[1, 3] | None = None
    fit: Fit = "pad"

    # The net. width: channels of its first stage.
    net: str = "convnet"
    width: int = Field(64, ge=4, le=512)

    # The loop: AdamW on a one-cycle schedule. views: training images looked at in all, when the
    # number of epochs is not given. rate: its peak.
    views: int = Field(200_000, ge=1)
    epochs: int | None = Field(None, ge=1, le=100_000)
    batch: int | None = Field(None, ge=2, le=65_536)
    rate: float | None = Field(None, gt=0, le=1)
    weight_decay: float = Field(0.05, ge=0, le=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)

    # Augmentation, drawn anew for every view. rotate: degrees either way; shift: share of the
    # side; zoom: 0.15 is from 1/1.15 to 1.15; brightness, contrast: likewise.
    flip: bool | None = None
    rotate: float = Field(12, ge=0, le=180)
    shift: float = Field(0.08, ge=0, le=0.5)
    zoom: float = Field(0.15, ge=0, le=1)
    brightness: float | None = Field(None, ge=0, le=1)
    contrast: float | None = Field(None, ge=0, le=1)

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

    Raises UsageError, naming the field, what it got and what it wants.
    """
    if isinstance(source, Recipe):
        return _recipe({**source.model_dump(), **(settings or {})}, "recipe")
    text, where = _recipe_text(source)
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not TOML: {error}") from error
    if settings and "name" not in settings and "name" in fields:
        settings = {**settings, "name": f"{str(fields['name']).removesuffix('*')}*"}
    return _recipe({**fields, **(settings or {})}, where)


def parse_settings(pairs: Sequence[str]) -> dict[str, object]:
    """`["epochs=5", "flip=true"]` -> fields; a value is TOML, or else a plain word.

    Raises UsageError for a pair without `=`.
    """
    settings: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"--set {pair!r} is not field=value; write for instance --set epochs=5"
            )
        try:
            settings[key.strip()] = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            settings[key.strip()] = value.strip()
    return settings


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
        return path.read_text("utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"recipe {path} cannot be read: {reason}") from error


def _recipe(fields: Mapping[str, Any], where: str) -> Recipe:
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"{where}: there is no field '{field}'{did_you_mean(field, Recipe.model_fields)}"
            ) from error
        raise UsageError(
            f"{where}: {field} = {first['input']!r} does not do: {_lower(first['msg'])}"
        ) from error


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
