"""Recipes by name, from files and from settings; what is shipped, and that it trains."""

import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from eyespot.data.survey import Survey
from eyespot.errors import UsageError
from eyespot.nets.build import build_net, fitted_net
from eyespot.nets.layerlist import Conv, Flatten
from eyespot.training.augmentation import augment
from eyespot.training.fitting import fitted_to_images, fitted_to_number, input_scale
from eyespot.training.mixing import mixed
from eyespot.training.optimizers import build_optimizer
from eyespot.training.randomness import seeded, stream
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import parse_settings, read_recipe, recipe_names
from eyespot.training.schedules import rate_share
from eyespot.values.preparation import Preparation

FLAT: dict[str, Any] = {"type": "flatten"}


def fitted(recipe: Recipe, survey: Survey, num_train: int) -> Recipe:
    return fitted_to_number(fitted_to_images(recipe, survey), [num_train])


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_says_its_own_name(name: str) -> None:
    assert read_recipe(name).name == name


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_says_what_it_is_before_anything_else(name: str) -> None:
    file = resources.files("eyespot.training") / "recipes" / f"{name}.toml"

    assert file.read_text("utf-8").startswith("# ")


MADE = [name for name in recipe_names() if read_recipe(name).net != "backbone"]  # not read


@pytest.mark.parametrize("name", MADE)
def test_a_shipped_recipe_takes_a_step(name: str) -> None:
    wish = read_recipe(name)
    survey = Survey(side=28, coloured=False, kind="ink")
    recipe = fitted(wish, survey, 60_000)
    assert recipe.size and recipe.channels and recipe.rate and recipe.epochs
    mean, std = input_scale(recipe, np.full((2, 28, 28, 1), 51, np.uint8), [0, 1])
    preparation = Preparation(
        size=recipe.size, channels=recipe.channels, fit="pad", mean=mean, std=std
    )
    spec = fitted_net(
        recipe.net,
        width=recipe.width,
        size=recipe.size,
        dropout=recipe.dropout,
        layers=recipe.layers,
    )
    with seeded(0):
        net = build_net(spec, preparation, 10).train()
    optimizer = build_optimizer(net, recipe)
    before = [weight.detach().clone() for weight in net.parameters()]

    x = augment(torch.rand(4, 1, 28, 28) * 255, recipe, generator=stream(0))
    x, targets = mixed(x, torch.eye(10)[:4], recipe, generator=stream(0))
    for group in optimizer.param_groups:
        group["lr"] = recipe.rate * rate_share(recipe, 0, 100, [])
    torch.nn.functional.cross_entropy(net(x), targets).backward()
    optimizer.step()

    pairs = zip(before, net.parameters(), strict=True)
    assert all(not torch.equal(old, new) and torch.isfinite(new).all() for old, new in pairs)


@pytest.mark.parametrize("name", ["two-conv", "augmented", "plateau", "batchnorm", "characters"])
@pytest.mark.parametrize("kind", ["ink", "photo"])
def test_a_classic_recipe_is_not_fitted_where_it_says_what_it_wants(name: str, kind: Any) -> None:
    wish = read_recipe(name)
    done = fitted(wish, Survey(side=64, coloured=kind == "photo", kind=kind), 10_000)

    said = wish.model_fields_set
    assert done.model_dump(include=said) == wish.model_dump(include=said)
    assert {"optimizer", "rate", "schedule", "epochs", "batch", "flip", "brightness"} <= said
    assert (done.scale, done.brightness, done.contrast, done.flip) == ("unit", 0, 0, False)


def test_a_changed_recipe_has_one_star_behind_its_name(tmp_path: Path) -> None:
    once = read_recipe("quick", {"epochs": 3})
    file = tmp_path / "recipe.toml"
    file.write_text(once.toml())

    assert once.name == "quick*"
    assert read_recipe(file).name == "quick*"
    assert read_recipe(file, {"epochs": 4}).name == "quick*"
    assert read_recipe(once, {"epochs": 4}).name == "quick*"
    assert read_recipe("quick", {"name": "mine"}).name == "mine"


def test_a_recipe_given_as_a_value_keeps_what_is_not_set() -> None:
    recipe = Recipe(name="mine", rotate=5, layers=(Conv(filters=4), Flatten()))

    assert read_recipe(recipe) == recipe
    changed = read_recipe(recipe, {"rotate": 6})
    assert (changed.name, changed.rotate, changed.layers) == ("mine*", 6, recipe.layers)
    assert read_recipe(Recipe(), {"rotate": 6}).name == "standard*"


def test_layers_can_be_set_and_unset_like_any_field() -> None:
    some = parse_settings(['layers=[{type="flatten"}, {type="dense", units=9}, {type="dense"}]'])

    assert [layer.type for layer in read_recipe("quick", some).layers] == [
        "flatten", "dense", "dense",
    ]  # fmt: skip
    none = read_recipe("two-conv", parse_settings(["layers=[]", "epochs=4"]))
    assert (none.net, none.optimizer, none.epochs) == ("convnet", "adam", 4)


def test_a_wrong_file_is_named_before_its_field(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("rotate = 'much'\n")

    with pytest.raises(UsageError) as error:
        read_recipe(file)

    assert str(error.value) == f'{file}: rotate wants a number, got "much"'


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"epochs = ", "is not TOML: Invalid value (at end of document)"),
        (b"v = " + b"[" * 9000, "is not TOML: "),
        (b"epochs = " + b"9" * 9000, "is not TOML: "),
        (b"\xff", "cannot be read: it is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(data)

    with pytest.raises(UsageError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        read_recipe(file)


def test_a_recipe_that_is_not_there_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_recipe("standart")

    assert str(error.value) == (
        "recipe 'standart' is not one of augmented, batchnorm, best, characters, features, "
        "finetune, plateau, quick, standard, two-conv and not a .toml file; "
        "did you mean 'standard'?"
    )
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot be read: embedded null byte"):
        read_recipe("a\0.toml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_under_a_recipes_name_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")

    with pytest.raises(UsageError, match="cannot be read: it is not a file"):
        read_recipe(tmp_path / "pipe.toml")


@pytest.mark.parametrize(
    ("pair", "field", "value"),
    [
        ("flip=true", "flip", True),
        ("epochs=5", "epochs", 5),
        (" epochs = 5 ", "epochs", 5),
        ("rate=1e-3", "rate", 0.001),
        ("fit=crop", "fit", "crop"),
        ("name=abc", "name", "abc"),
        ("name='a b'", "name", "a b"),
        ("name=a=b", "name", "a=b"),
        ("name=", "name", ""),
        ("name=5\nseed=3", "name", "5\nseed=3"),
        ("name=" + "[" * 9000, "name", "[" * 9000),
        ("name=" + "9" * 9000, "name", "9" * 9000),
    ],
)
def test_a_setting_is_toml_or_else_a_plain_word(pair: str, field: str, value: object) -> None:
    assert parse_settings([pair]) == {field: value}


@pytest.mark.parametrize("pair", ["epochs", "=5", ""])
def test_a_setting_without_field_or_value_is_refused(pair: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_settings([pair])

    sentence = f'--set "{pair}" is not field=value; write for instance --set epochs=5'
    assert str(error.value) == sentence


def test_of_two_settings_of_one_field_the_last_holds() -> None:
    assert parse_settings(["epochs=5", "epochs=6"]) == {"epochs": 6}
