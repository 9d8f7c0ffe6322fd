"""Recipes by name, from files and from settings; writing one is `Recipe.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from eyespot.errors import UsageError, did_you_mean
from eyespot.training.recipe import Recipe
from eyespot.training.wording import quoted


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
        # Without its defaults: some of them depend on what is to be set.
        fields = {name: getattr(source, name) for name in {"name", *source.model_fields_set}}
        where = "recipe"
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
                f"--set {quoted(pair)} is not field=value; write for instance --set epochs=5"
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
