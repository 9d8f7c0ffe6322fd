"""Nets from a list of layers: torch gives the shapes foretold, and an error names its layer."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from torch import nn
from torch.nn import functional as F

from eyespot.errors import UsageError
from eyespot.nets.features import features
from eyespot.nets.layerlist import (
    LAYERS,
    MAX_LAYERS,
    Activation,
    Conv,
    Dense,
    Layer,
    Pool,
    check_order,
    layer_shapes,
    margins,
)
from eyespot.nets.layers import ACTIVATIONS, layers_net
from eyespot.nets.spec import LayersSpec
from eyespot.training.recipefile import read_recipe

Fields = dict[str, Any]

CONV: Fields = {"type": "conv", "filters": 4}
POOL: Fields = {"type": "pool"}
NORM: Fields = {"type": "batchnorm"}
DROP: Fields = {"type": "dropout"}
FLAT: Fields = {"type": "flatten"}
HEAD: Fields = {"type": "dense"}
DENSE: Fields = {"type": "dense", "units": 5}

activations = st.sampled_from(get_args(Activation))
convs = st.builds(
    Conv,
    filters=st.integers(1, 6),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]) | st.integers(0, 3),
    activation=activations,
)
pools = st.builds(
    Pool,
    kind=st.sampled_from(["max", "average"]),
    size=st.integers(2, 3) | st.just("all"),
    stride=st.none() | st.integers(1, 3),
)
eithers = st.sampled_from([LAYERS["batchnorm"](), LAYERS["dropout"](), LAYERS["batchnorm"]()])
denses = st.builds(Dense, units=st.integers(1, 9), activation=activations)
lists = st.builds(
    lambda maps, features, head: (*maps, LAYERS["flatten"](), *features, *head),
    st.lists(convs | pools | eithers, max_size=5),
    st.lists(denses | eithers, max_size=3),
    st.just([Dense(units=None)]),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def layers(*fields: Fields) -> tuple[Layer, ...]:
    return LayersSpec(
        layers=tuple(TypeAdapter(Layer).validate_python(one) for one in fields)
    ).layers


def refusal(*fields: Fields, size: int = 8, num_classes: int = 3) -> str:
    with pytest.raises(UsageError) as error:
        layer_shapes(layers(*fields), channels=1, size=size, num_classes=num_classes)
    return str(error.value)


def test_every_kind_and_every_activation_has_its_module() -> None:
    kinds = {str(kind.model_fields["type"].default) for kind in LAYERS.values()}

    assert kinds == set(LAYERS)
    assert {"none", *ACTIVATIONS} == set(get_args(Activation))


# --- shapes


@given(lists, st.sampled_from([1, 3]), st.integers(1, 17))
@settings(deadline=None, max_examples=150)
def test_torch_gives_the_shapes_that_were_foretold_or_the_list_was_refused(
    chosen: tuple[Layer, ...], channels: int, size: int
) -> None:
    try:
        shapes = layer_shapes(chosen, channels=channels, size=size, num_classes=3)
    except UsageError as error:
        assert " does not fit: it gets " in str(error)
        return
    net = layers_net(chosen, channels=channels, size=size, num_classes=3).eval()

    x, found, ends = torch.zeros(2, channels, size, size), [], []
    for name, module in net.named_children():
        x = module(x)
        number = int(name.lstrip("abcdefghijklmnopqrstuvwxyz_"))
        if number == len(ends) + 1:
            ends.append(number)
            found.append(tuple(x.shape[1:]))
        else:
            found[number - 1] = tuple(x.shape[1:])
    assert found == shapes
    assert found[-1] == (3,)


@pytest.mark.parametrize("side", [1, 2, 5, 8, 28])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_gives_a_map_for_every_stride(side: int, kernel: int, stride: int) -> None:
    layer = Conv(filters=1, kernel=kernel, stride=stride, padding="same")
    before, after = margins(layer, side)
    (shape, *_) = layer_shapes((layer, *layers(FLAT)), channels=1, size=side)

    assert shape == (1, -(-side // stride), -(-side // stride))
    assert after - before in (0, 1)
    if stride == 1:  # where torch has it, too
        net = layers_net((layer, *layers(FLAT)), channels=1, size=side, num_classes=2)
        conv: Any = net.conv1
        x = torch.rand(1, 1, side, side)
        expected = F.conv2d(x, conv.weight, conv.bias, padding="same") if kernel % 2 else None
        if expected is not None:
            assert torch.allclose(net[:1](x), expected, atol=1e-6)


def test_the_head_is_added_where_the_list_has_none() -> None:
    without = layer_shapes(layers(CONV, FLAT), channels=1, size=8, num_classes=7)
    with_it = layer_shapes(layers(CONV, FLAT, HEAD), channels=1, size=8, num_classes=7)
    told = layer_shapes(layers(CONV, FLAT, {**HEAD, "units": 7}), channels=1, size=8, num_classes=7)

    assert without == with_it == told == [(4, 6, 6), (144,), (7,)]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([CONV, HEAD], "layer 2 (dense) gets maps, not features; put a flatten before it"),
        ([CONV, DENSE, HEAD],
         "layer 2 (dense, units 5) gets maps, not features; put a flatten before it"),
        ([CONV, POOL], "the layers end with maps, not features; put a flatten at their end"),
        ([FLAT, CONV, HEAD],
         "layer 2 (conv, filters 4) gets features, not maps; move it before the flatten"),
        ([FLAT, POOL],
         "layer 2 (pool, size 2) gets features, not maps; move it before the flatten"),
        ([FLAT, HEAD, HEAD],
         "layer 2 (dense) has no units; only the last layer's can be left away"),
        ([FLAT, HEAD, DROP],
         "layer 2 (dense) has no units; only the last layer's can be left away"),
        ([FLAT, {**HEAD, "activation": "relu"}],
         "layer 2 (dense) is the last and has an activation, but a net gives logits; "
         "leave it away, or add a dense layer after it"),
        ([FLAT, DENSE],
         "layer 2 (dense, units 5) is the last and there are 3 classes; "
         "leave its units away, or add a dense layer after it"),
        ([POOL, POOL, POOL, POOL, FLAT],
         "layer 4 (pool, size 2) does not fit: it gets 1 x 1 x 1; "
         "set a larger size or take fewer such layers"),
        ([CONV, NORM, {**CONV, "filters": 32}, {**CONV, "kernel": 7}, FLAT],
         "layer 4 (conv, filters 4) does not fit: it gets 32 x 4 x 4; "
         "set a larger size or take fewer such layers"),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_fit_is_named_with_its_input(
    fields: list[Fields], sentence: str
) -> None:
    assert refusal(*fields) == sentence


def test_the_issue_of_too_many_poolings_names_the_shapes() -> None:
    chosen = [{**CONV, "filters": 32, "padding": "same"}, POOL, POOL, POOL, POOL, FLAT]

    assert refusal(*chosen).startswith("layer 5 (pool, size 2) does not fit: it gets 32 x 1 x 1; ")


def test_a_net_that_no_memory_would_hold_is_refused() -> None:
    wide = {"type": "dense", "units": 16_384}

    assert refusal(FLAT, wide, wide, HEAD) == (
        "layer 3 (dense, units 16384) brings the net to 269,516,800 weights, more than "
        "268,435,456; pool more before it or make it smaller"
    )
    assert refusal({**CONV, "filters": 2048}, FLAT, size=512) == (
        "layer 1 (conv, filters 2048) gives 2048 x 510 x 510 for an image, more than "
        "16,777,216 values; set a smaller size or make it smaller"
    )


def test_what_could_never_fit_is_known_without_a_size() -> None:
    with pytest.raises(UsageError, match="put a flatten before it"):
        check_order(layers(CONV, HEAD))
    check_order(layers(POOL, POOL, POOL, POOL, FLAT))


# --- values


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"type": "norm"}, {"type": "conv"}, {**CONV, "filters": 0}, {**CONV, "filters": 2049},
        {**CONV, "filters": 4.0}, {**CONV, "filters": True}, {**CONV, "kernel": 0},
        {**CONV, "kernel": 32}, {**CONV, "stride": 0}, {**CONV, "stride": 17},
        {**CONV, "padding": -1}, {**CONV, "padding": 16}, {**CONV, "padding": "full"},
        {**CONV, "padding": True}, {**CONV, "activation": "softmax"}, {**CONV, "bias": True},
        {**POOL, "size": 1}, {**POOL, "size": 65}, {**POOL, "kind": "min"}, {**POOL, "stride": 0},
        {**DROP, "rate": 1.0}, {**DROP, "rate": -0.1}, {**DROP, "rate": float("nan")},
        {**DENSE, "units": 0}, {**DENSE, "units": 16_385}, {**FLAT, "units": 1}, "conv", None,
    ],
    ids=str,
)  # fmt: skip
def test_a_layer_has_bounds_on_everything(fields: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Layer).validate_python(fields)


@pytest.mark.parametrize("num", [0, MAX_LAYERS + 1])
def test_a_list_has_bounds(num: int) -> None:
    with pytest.raises(ValidationError):
        layers(*[FLAT] * num)


@given(lists)
@settings(deadline=None, max_examples=50)
def test_a_list_survives_its_json(chosen: tuple[Layer, ...]) -> None:
    spec = LayersSpec(layers=chosen)

    assert LayersSpec.model_validate_json(spec.model_dump_json()) == spec


# --- the net


def test_a_net_is_what_keras_users_mean_by_its_list() -> None:
    chosen = layers(
        {**CONV, "kernel": 5, "stride": 2, "padding": "same", "activation": "relu"},
        {**POOL, "kind": "average", "size": 3, "stride": 2},
        {**NORM, "activation": "tanh"},
        {**DROP, "rate": 0.3},
        FLAT,
        {**DENSE, "activation": "sigmoid"},
        HEAD,
    )
    net: Any = layers_net(chosen, channels=1, size=12, num_classes=3).eval()
    x = torch.rand(4, 1, 12, 12)

    # (12 / 2 - 1) * 2 + 5 = 15 pixels are looked at: one is added before, two behind.
    slow = F.relu(F.conv2d(F.pad(x, (1, 2, 1, 2)), net.conv1.weight, net.conv1.bias, stride=2))
    slow = F.avg_pool2d(slow, 3, stride=2)
    slow = torch.tanh(slow / (1 + 1e-5) ** 0.5)
    slow = torch.sigmoid(slow.flatten(1) @ net.dense6.weight.T + net.dense6.bias)
    slow = slow @ net.dense7.weight.T + net.dense7.bias

    assert torch.allclose(net(x), slow, atol=1e-6)
    assert net.dropout4.p == 0.3
    assert [type(module).__name__ for module in net] == [
        "ZeroPad2d", "Conv2d", "ReLU", "AvgPool2d", "BatchNorm2d", "Tanh", "Dropout", "Flatten",
        "Linear", "Sigmoid", "Linear",
    ]  # fmt: skip


def test_all_of_a_map_is_pooled_at_once() -> None:
    x = torch.rand(2, 1, 8, 8)
    for kind, reduced in (("max", x.amax((2, 3))), ("average", x.mean((2, 3)))):
        pool = {**POOL, "kind": kind, "size": "all"}
        net = layers_net(layers(pool, FLAT), channels=1, size=8, num_classes=3)

        assert torch.allclose(net[:2](x), reduced, atol=1e-6)


def test_first_weights_are_glorots_and_biases_zero() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        chosen = layers({**CONV, "filters": 64}, FLAT, {**DENSE, "units": 100}, HEAD)
        net: Any = layers_net(chosen, channels=3, size=8, num_classes=5)

    for module, fan_in, fan_out in ((net.conv1, 27, 576), (net.dense3, 64 * 36, 100)):
        limit = (6 / (fan_in + fan_out)) ** 0.5
        assert 0.98 * limit < float(module.weight.detach().abs().max()) <= limit
        assert not module.bias.any()


def test_a_net_learns_with_a_gradient_for_every_weight() -> None:
    chosen = layers(CONV, NORM, POOL, DROP, FLAT, NORM, DENSE, HEAD)
    net = layers_net(chosen, channels=3, size=8, num_classes=3).train()

    nn.functional.cross_entropy(net(torch.rand(4, 3, 8, 8)), torch.tensor([0, 1, 2, 0])).backward()

    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


# --- its features


def shown(chosen: tuple[Layer, ...], x: torch.Tensor) -> list[torch.Tensor]:
    """The features of an untrained net of these layers, which leave its logits as they are."""
    net = layers_net(chosen, channels=x.shape[1], size=x.shape[2], num_classes=3).eval()
    with torch.inference_mode():
        logits, found = features(nn.Sequential(nn.Identity(), net), x)

        assert torch.equal(logits, net(x))
        assert logits.shape == (len(x), 3)
    return found


@given(lists, st.sampled_from([1, 3]), st.integers(1, 17))
@settings(deadline=None, max_examples=100)
def test_any_list_shows_its_pools_or_its_convolutions_and_the_input_of_its_head(
    chosen: tuple[Layer, ...], channels: int, size: int
) -> None:
    try:
        shapes = layer_shapes(chosen, channels=channels, size=size, num_classes=3)
    except UsageError:
        return

    found = shown(chosen, torch.rand(2, channels, size, size))

    assert 1 <= len(found) <= MAX_LAYERS + 1
    assert found[-1].shape == (2, shapes[-2][0])
    num_pools = sum(isinstance(layer, Pool) for layer in chosen)
    if num_pools:
        own = [4 * shape[0] for layer, shape in zip(chosen, shapes, strict=True)
               if isinstance(layer, Pool)]  # fmt: skip
        assert [one.shape[1] for one in found[:-1]] == own
    assert all(one.ndim == 2 and torch.isfinite(one).all() for one in found)


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        # A flatten of 32 x 24 x 24 values is shown in means of five neighbours.
        ("two-conv", [4 * 64, 3687]),
        ("augmented", None),
        ("plateau", None),
        ("batchnorm", None),
        ("characters", [4 * 32, 4 * 64, 256]),
    ],
)
def test_the_recipes_with_layers_show_every_depth(name: str, widths: list[int] | None) -> None:
    found = shown(read_recipe(name).layers, torch.rand(2, 1, 28, 28))

    assert len(found) > 1
    assert widths is None or [one.shape[1] for one in found] == widths
    assert all(one.shape[1] <= 4096 for one in found)


def test_a_net_of_nothing_but_its_head_shows_its_pixels() -> None:
    x = torch.rand(3, 1, 8, 8)

    (found,) = shown(layers(FLAT), x)

    assert torch.equal(found, x.flatten(1))


@pytest.mark.parametrize("size", [64, 65, 91, 128])
def test_a_long_row_of_features_is_shown_in_means_of_neighbours(size: int) -> None:
    x = torch.rand(2, 1, size, size)
    together = -(-(size**2) // 4096)

    (found,) = shown(layers(FLAT), x)

    assert 2048 <= found.shape[1] <= 4096
    whole = size**2 // together
    slow = torch.stack([x.flatten(1)[:, k * together : (k + 1) * together].mean(1)
                        for k in range(whole)], dim=1)  # fmt: skip
    assert torch.allclose(found[:, :whole], slow, atol=1e-6)


def test_every_pool_and_only_pools_count_where_there_are_some() -> None:
    every: Fields = {**POOL, "kind": "average", "size": "all"}

    found = shown(layers(CONV, CONV, POOL, NORM, every, FLAT, DENSE, HEAD), torch.rand(2, 1, 9, 9))

    assert [one.shape[1] for one in found] == [16, 16, 5]
    assert torch.equal(found[1], found[1][:, :4].repeat(1, 4))  # of 1 x 1, four times the same
