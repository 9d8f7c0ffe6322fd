"""Recipes: what they refuse, and that a recipe.toml repeats its run."""

import re
import tomllib
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyespot.data.survey import Survey
from eyespot.errors import UsageError
from eyespot.nets.build import NETS
from eyespot.nets.layerlist import LAYERS, Conv, Dense, Dropout, Flatten, Layer, Pool
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.recipe import OptimizerName, Recipe, ScheduleName
from eyespot.training.recipefile import read_recipe
from eyespot.values.preparation import Fit

# Any letter but half of a surrogate pair, which no TOML file can hold.
Fields = dict[str, Any]

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


kinds = st.sampled_from(["ink", "photo"])


def shares(limit: float) -> st.SearchStrategy[float]:
    return st.floats(0, limit)


lists: st.SearchStrategy[tuple[Layer, ...]] = st.builds(
    lambda maps, head: (*maps, Flatten(), *head),
    st.lists(
        st.builds(
            Conv,
            filters=st.integers(1, 4),
            kernel=st.just(1),
            padding=st.sampled_from(["same", "valid"]) | st.integers(0, 2),
            activation=st.sampled_from(["none", "relu"]),
        )
        | st.builds(Pool, size=st.just("all"))
        | st.builds(Dropout, rate=st.floats(0, 1, exclude_max=True)),
        max_size=4,
    ),
    st.sampled_from(
        [(), (Dense(units=None),), (Dense(units=5, activation="relu"), Dense(units=3))]
    ),
)
# The fields of one net: a named one, or a list of layers.
nets = st.fixed_dictionaries(
    {"net": st.just("convnet"), "dropout": st.floats(0, 1, exclude_max=True)}
) | st.fixed_dictionaries({"layers": lists})


def built(net: dict[str, Any], **fields: Any) -> Recipe:
    return Recipe(**net, **fields)


recipes = st.builds(
    built,
    net=nets,
    name=words,
    seed=st.integers(0, 2**63 - 1),
    valid=shares(0.49),
    test=shares(0.5),
    kind=st.none() | kinds,
    size=st.none() | st.integers(8, 512),
    channels=st.sampled_from([None, 1, 3]),
    fit=st.sampled_from(get_args(Fit)),
    scale=st.sampled_from(["standard", "unit"]),
    folds=st.none() | st.integers(2, 100),
    width=st.integers(4, 512),
    optimizer=st.sampled_from(get_args(OptimizerName)),
    schedule=st.sampled_from(get_args(ScheduleName)),
    momentum=st.floats(0, 1, exclude_max=True),
    warm_up=st.floats(0, 1, exclude_max=True),
    views=st.integers(1, 10**12),
    epochs=st.none() | st.integers(1, 100_000),
    steps=st.none() | st.integers(1, 10**9),
    batch=st.none() | st.integers(2, 65_536),
    patience=st.none() | st.integers(1, 100_000),
    rate=st.none() | st.floats(1e-300, 1),
    weight_decay=shares(1),
    label_smoothing=st.floats(0, 1, exclude_max=True),
    ema=st.floats(0, 1, exclude_max=True),
    test_views=st.sampled_from(["one", "shifts", "mirrors", "all"]),
    erase=shares(1),
    mixup=shares(100),
    cutmix=shares(100),
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

    # None: nobody has this wish.
    wishes = {"valid_per_class", "test_per_class", "group", "folds", "steps", "patience"}
    wishes |= {"backbone", "digest_of_backbone"}
    assert None not in once.model_dump(exclude=wishes).values()
    assert fitted(again, survey, num_train).digest() == again.digest() == once.digest()


def test_a_default_and_the_same_value_given_make_one_digest() -> None:
    assert Recipe(rotate=12).digest() == Recipe().digest()


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
        ({"net": "convnt"},
         'net wants "convnet", "layers" or "backbone", got "convnt"; did you mean \'convnet\'?'),
        ({"optimizer": "rmspop"},
         'optimizer wants "auto", "muon", "adamw", "adam", "rmsprop" or "sgd", '
         "got \"rmspop\"; did you mean 'rmsprop'?"),
        ({"schedule": "one_cycle"}, 'schedule wants "one-cycle", "cosine", "linear", "step", '
         '"plateau" or "constant", got "one_cycle"; did you mean \'one-cycle\'?'),
        ({"depth": 3}, "depth wants 1 or 2, got 3"),
        ({"depth": True}, "depth wants 1 or 2, got true"),
        ({"depth": 2.0}, "depth wants 1 or 2, got 2.0"),
        ({"test_views": "shift"}, 'test_views wants "one", "shifts", "mirrors", "all" or "auto", '
         "got \"shift\"; did you mean 'shifts'?"),
        ({"test_views": "atuo"}, 'test_views wants "one", "shifts", "mirrors", "all" or "auto", '
         "got \"atuo\"; did you mean 'auto'?"),
        ({"scale": 1}, 'scale wants "standard" or "unit", got 1'),
        ({"momentum": 1}, "momentum wants less than 1.0, got 1"),
        ({"warm_up": -0.1}, "warm_up wants at least 0.0, got -0.1"),
        ({"ema": 1}, "ema wants less than 1.0, got 1"),
        ({"steps": 0}, "steps wants at least 1, got 0"),
        ({"patience": 0}, "patience wants at least 1, got 0"),
        ({"folds": 1}, "folds wants at least 2, got 1"),
        ({"mixup": -1}, "mixup wants at least 0.0, got -1"),
        ({"cutmix": "1"}, 'cutmix wants a number, got "1"'),
        ({"erase": 2}, "erase wants at most 1.0, got 2"),
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


def words_of(annotation: Any) -> set[str]:
    """Of all the Literals in a type, however they are joined."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return {word for part in get_args(annotation) for word in words_of(part)}


OF_WORDS = {
    name: words
    for name, field in Recipe.model_fields.items()
    if name != "layers" and (words := words_of(field.annotation))
}


@pytest.mark.parametrize("name", OF_WORDS)
def test_a_field_of_words_names_every_one_of_them(name: str) -> None:
    told = sentence_of(**{name: "\N{BULLET}"})

    assert set(re.findall(r'"([\w-]+)"', told)) == OF_WORDS[name]
    assert {"test_views", "kind", "balance"} <= OF_WORDS.keys()


CONV: Fields = {"type": "conv", "filters": 4}
FLAT: Fields = {"type": "flatten"}
KINDS = "conv, pool, batchnorm, dropout, flatten, dense"


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (5, "layers wants a list of layers, got 5"),
        ("conv", 'layers wants a list of layers, got "conv"'),
        (["conv"], 'layer 1 wants to be a table of fields, got "conv"'),
        ([{}], f"layer 1 has no type; it wants one of {KINDS}"),
        ([FLAT, {"type": "convolution"}],
         f'layer 2: type wants one of {KINDS}, got "convolution"'),
        ([{"type": "dens"}], f"layer 1: type wants one of {KINDS}, got \"dens\"; "
         "did you mean 'dense'?"),
        ([{"type": 3}], f"layer 1: type wants one of {KINDS}, got 3"),
        ([{"type": "conv"}], "layer 1 (conv) lacks its filters"),
        ([{**CONV, "filter": 3}], "layer 1 (conv) has no field 'filter'; did you mean 'filters'?"),
        ([{**CONV, "filters": "64"}], 'layer 1 (conv): filters wants a whole number, got "64"'),
        ([{**CONV, "filters": 9999}], "layer 1 (conv): filters wants at most 2048, got 9999"),
        ([{**CONV, "padding": "smae"}], 'layer 1 (conv): padding wants "valid", "same" or a whole '
         "number from 0 to 15, got \"smae\"; did you mean 'same'?"),
        ([{**CONV, "padding": 99}],
         'layer 1 (conv): padding wants "valid", "same" or a whole number from 0 to 15, got 99'),
        ([CONV, {"type": "pool", "size": 1}],
         'layer 2 (pool): size wants a whole number from 2 to 64 or "all", got 1'),
        ([{"type": "pool", "kind": "mean"}],
         'layer 1 (pool): kind wants "max" or "average", got "mean"'),
        ([{"type": "dropout", "rate": 1}], "layer 1 (dropout): rate wants less than 1.0, got 1"),
        ([FLAT, {"type": "dense", "activation": "softmax"}],
         'layer 2 (dense): leave activation = "softmax" away, because the net gives logits'),
        ([{**CONV, "activation": "rleu"}], 'layer 1 (conv): activation wants "none", "relu", '
         '"leaky_relu", "elu", "gelu", "silu", "tanh" or "sigmoid", got "rleu"; '
         "did you mean 'relu'?"),
        ([FLAT] * 65, "layers wants at most 64 layers, got 65"),
        ([CONV], "the layers end with maps, not features; put a flatten at their end"),
        ([CONV, FLAT, CONV], "layer 3 (conv, filters 4) gets features, not maps; "
         "move it before the flatten"),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_do_is_named_with_what_it_wants(layers: Any, sentence: str) -> None:
    assert sentence_of(layers=layers) == sentence


values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from([*LAYERS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
fields_of_layers = st.sampled_from([*{f for kind in LAYERS.values() for f in kind.model_fields}])


@given(
    st.lists(st.dictionaries(fields_of_layers, values, max_size=4) | values, max_size=3) | values
)
@settings(deadline=None, max_examples=300)
def test_whatever_stands_for_the_layers_is_a_net_or_a_sentence(layers: Any) -> None:
    try:
        recipe = Recipe(layers=layers)
    except UsageError as error:
        assert "\n" not in str(error)
        assert "layer" in str(error)
    else:
        assert (recipe.net == "layers") == bool(recipe.layers)


def test_a_list_of_layers_is_the_net() -> None:
    assert Recipe(layers=[FLAT]).net == "layers"
    assert Recipe(layers=[FLAT], net="layers") == Recipe(layers=[FLAT])
    assert Recipe(layers=[]).net == "convnet"
    assert sentence_of(net="convnet", layers=[FLAT]) == (
        'net = "convnet" and a list of layers are two nets; leave one of them away'
    )
    assert sentence_of(net="layers") == (
        'net = "layers" wants a list of [[layers]]; write it, or another net'
    )
    assert sentence_of(dropout=0.5, layers=[FLAT]) == (
        "dropout = 0.5 is not for a list of layers; "
        'write [[layers]] type = "dropout" where it belongs'
    )


def test_layers_are_written_behind_all_other_fields() -> None:
    text = Recipe(layers=[{**CONV, "padding": 1}, {"type": "pool", "size": "all"}, FLAT]).toml()

    assert text.endswith(
        """
[[layers]]
type = "conv"
filters = 4
kernel = 3
stride = 1
padding = 1
activation = "none"

[[layers]]
type = "pool"
kind = "max"
size = "all"

[[layers]]
type = "flatten"
"""
    )
    assert "layers" not in Recipe().toml()


def test_what_belongs_to_an_optimizer_or_a_schedule_changes_with_it() -> None:
    def values(recipe: Recipe) -> tuple[float, ...]:
        return recipe.momentum, recipe.weight_decay, recipe.warm_up

    assert values(Recipe(name="sgd")) == (0.95, 0.05, 0.25)
    assert values(Recipe(optimizer="adam", schedule="linear")) == (0, 0, 0)
    assert values(read_recipe("standard", {"optimizer": "sgd"})) == (0.9, 5e-4, 0.25)
    assert values(read_recipe(Recipe(), {"optimizer": "sgd"})) == (0.9, 5e-4, 0.25)
    assert values(Recipe(optimizer="muon", momentum=0.5, weight_decay=0.1)) == (0.5, 0.1, 0.25)
    kept = Recipe(optimizer="sgd", weight_decay=0.05)
    assert read_recipe(kept, {"optimizer": "adamw"}).weight_decay == 0.05


def test_every_net_can_be_named() -> None:
    named = [Recipe(net="convnet"), Recipe(layers=[FLAT]), Recipe(net="backbone")]

    assert [recipe.net for recipe in named] == list(NETS)
