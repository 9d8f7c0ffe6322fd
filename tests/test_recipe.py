"""Recipes: what they refuse, and that a recipe.toml repeats its run."""

import os
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyespot.data.survey import Survey
from eyespot.errors import UsageError
from eyespot.nets.spec import NetName
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.recipe import Recipe, parse_settings, read_recipe, recipe_names
from eyespot.values import Fit

# Any letter but half of a surrogate pair, which no TOML file can hold.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


kinds = st.sampled_from(["ink", "photo"])


def shares(limit: float) -> st.SearchStrategy[float]:
    return st.floats(0, limit)


recipes = st.builds(
    Recipe,
    name=words,
    seed=st.integers(0, 2**63 - 1),
    valid=shares(0.49),
    test=shares(0.5),
    kind=st.none() | kinds,
    size=st.none() | st.integers(8, 512),
    channels=st.sampled_from([None, 1, 3]),
    fit=st.sampled_from(get_args(Fit)),
    net=st.sampled_from(get_args(NetName)),
    width=st.integers(4, 512),
    views=st.integers(1, 10**12),
    epochs=st.none() | st.integers(1, 100_000),
    batch=st.none() | st.integers(2, 65_536),
    rate=st.none() | st.floats(1e-300, 1),
    weight_decay=shares(1),
    label_smoothing=st.floats(0, 1, exclude_max=True),
    flip=st.sampled_from([None, True, False]),
    rotate=shares(180) | st.integers(0, 180),
    shift=shares(0.5),
    zoom=shares(1),
    brightness=st.none() | shares(1),
    contrast=st.none() | shares(1),
)
surveys = st.builds(
    Survey,
    side=st.integers(1, 5000),
    coloured=st.booleans(),
    kind=st.sampled_from(["ink", "photo"]),
)


def fitted(recipe: Recipe, survey: Survey, num_train: int) -> Recipe:
    return fitted_to_number(fitted_to_images(recipe, survey), [num_train])


def sentence_of(**fields: Any) -> str:
    with pytest.raises(UsageError) as error:
        Recipe(**fields)
    return str(error.value)


@given(recipes)
@settings(deadline=None, max_examples=60)
def test_a_recipe_survives_its_toml(recipe: Recipe) -> None:
    again = Recipe(**tomllib.loads(recipe.toml()))

    assert again == recipe
    assert again.digest() == recipe.digest()


@given(recipes, surveys, st.integers(1, 10**7))
@settings(deadline=None, max_examples=60)
def test_a_fitted_recipe_has_no_open_field_and_fitting_it_again_changes_nothing(
    recipe: Recipe, survey: Survey, num_train: int
) -> None:
    once = fitted(recipe, survey, num_train)
    again = Recipe(**tomllib.loads(once.toml()))

    wishes = {"valid_per_class", "test_per_class", "group"}  # None: nobody has this wish
    assert None not in once.model_dump(exclude=wishes).values()
    assert fitted(again, survey, num_train).digest() == again.digest() == once.digest()


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_says_its_own_name(name: str) -> None:
    assert read_recipe(name).name == name


def test_a_default_and_the_same_value_given_make_one_digest() -> None:
    assert Recipe(rotate=12).digest() == Recipe().digest()


def test_a_changed_recipe_has_one_star_behind_its_name(tmp_path: Path) -> None:
    once = read_recipe("quick", {"epochs": 3})
    file = tmp_path / "recipe.toml"
    file.write_text(once.toml())

    assert once.name == "quick*"
    assert read_recipe(file).name == "quick*"
    assert read_recipe(file, {"epochs": 4}).name == "quick*"
    assert read_recipe(once, {"epochs": 4}).name == "quick*"
    assert read_recipe("quick", {"name": "mine"}).name == "mine"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"epoch": 5}, "there is no field 'epoch'; did you mean 'epochs'?"),
        ({"xyz": 5}, "there is no field 'xyz'"),
        ({"epochs": "5"}, 'epochs wants a whole number, got "5"'),
        ({"epochs": True}, "epochs wants a whole number, got true"),
        ({"epochs": 5.5}, "epochs wants a whole number, got 5.5"),
        ({"epochs": 0}, "epochs wants at least 1, got 0"),
        ({"epochs": 10**9}, "epochs wants at most 100000, got 1000000000"),
        ({"rate": "fast"}, 'rate wants a number, got "fast"'),
        ({"rate": True}, "rate wants a number, got true"),
        ({"rate": 0}, "rate wants more than 0, got 0"),
        ({"rate": float("nan")}, "rate wants a finite number, got nan"),
        ({"label_smoothing": 1}, "label_smoothing wants less than 1.0, got 1"),
        ({"flip": "yes"}, 'flip wants true or false, got "yes"'),
        ({"flip": 1}, "flip wants true or false, got 1"),
        ({"channels": 2}, "channels wants 1 or 3, got 2"),
        ({"channels": True}, "channels wants 1 or 3, got true"),
        ({"channels": 3.0}, "channels wants 1 or 3, got 3.0"),
        ({"fit": "strech"}, 'fit wants "pad", "stretch" or "crop", got "strech"; '
         "did you mean 'stretch'?"),
        ({"net": "convnt"}, 'net wants "convnet", got "convnt"; did you mean \'convnet\'?'),
        ({"name": 5}, "name wants a word, got 5"),
        ({"name": "\ud800"}, 'name wants a word in Unicode, got "\\U0000d800"'),
        ({"name": "x" * 101}, f'name wants at most 100 letters, got "{"x" * 56}...'),
        ({"size": [64, 64]}, "size wants a whole number, got [64, 64]"),
        ({"valid": 0.5, "test": 0.5},
         "valid = 0.5 and test = 0.5 leave nothing to train on; make them smaller"),
    ],
)  # fmt: skip
def test_a_field_that_does_not_do_is_named_with_what_it_wants(
    fields: dict[str, Any], sentence: str
) -> None:
    assert sentence_of(**fields) == sentence


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
        "recipe 'standart' is not one of quick, standard and not a .toml file; "
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


def test_large_images_come_in_smaller_batches() -> None:
    batches = {size: fitted_to_number(Recipe(size=size), [10**5]).batch for size in (28, 128, 512)}

    assert batches == {28: 512, 128: 512, 512: 32}
