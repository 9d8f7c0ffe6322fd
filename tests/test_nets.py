"""Networks: right for every size, described in full by a few numbers."""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from eyespot.errors import UsageError
from eyespot.nets.build import NETS, build_net, fitted_net
from eyespot.nets.layerlist import Conv, Dense, Flatten
from eyespot.nets.normalise import Normalise
from eyespot.nets.spec import ConvNetSpec, NetName, NetSpec
from eyespot.values import Preparation

LAYERS = (Conv(filters=4), Flatten(), Dense(units=None))
SIZES = [8, 9, 15, 16, 23, 24, 25, 28, 40, 64, 96, 97, 128]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def preparation(size: int, channels: Any = 1) -> Preparation:
    return Preparation(
        size=size, channels=channels, fit="pad", mean=(0.2,) * channels, std=(0.5,) * channels
    )


def test_every_net_has_a_name_that_a_recipe_may_hold() -> None:
    assert set(NETS) == set(get_args(NetName))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_net_of_any_size_learns_from_one_image(name: str, size: int, channels: int) -> None:
    spec = fitted_net(name, width=4, size=size, layers=LAYERS)
    net = build_net(spec, preparation(size, channels), 5)
    x = torch.rand(1, channels, size, size) * 255

    logits = net.train()(x)
    logits.sum().backward()

    assert logits.shape == (1, 5)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    assert net.eval()(x).shape == (1, 5)


@pytest.mark.parametrize("size", [*SIZES, 256, 512])
def test_the_last_map_is_two_to_four_pixels_wide_up_to_128(size: int) -> None:
    spec = fitted_net("convnet", width=4, size=size)
    net: Any = build_net(spec, preparation(size), 2)[1]  # type: ignore[index]

    assert isinstance(spec, ConvNetSpec)
    side = net.stages(net.stem(torch.zeros(1, 1, size, size))).shape[-1]

    assert side == size_by_hand(spec, size)
    assert 2 <= side <= (7 if size <= 128 else 15)


def size_by_hand(spec: ConvNetSpec, size: int) -> int:
    side = (size - 4) // 2 + 1 if spec.stride == 2 else size
    for _ in spec.widths:
        side //= 2
    return side


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("width", [1, 4, 5, 512])
def test_a_net_of_any_width_can_be_described(name: str, width: int) -> None:
    spec = fitted_net(name, width=width, size=28, dropout=0.5, layers=LAYERS)

    again: Any = TypeAdapter(NetSpec).validate_json(spec.model_dump_json())
    assert again == spec
    assert again.name == name
    if isinstance(again, ConvNetSpec):
        assert (again.widths[0], again.dropout) == (width, 0.5)


def test_a_net_says_in_a_word_or_two_what_it_is() -> None:
    assert str(fitted_net("convnet", width=4, size=28)) == "convnet 2-4-8"
    assert str(fitted_net("layers", width=4, size=28, layers=LAYERS)) == "layers conv-flatten-dense"


def test_dropout_is_for_learning_and_none_of_it_is_no_layer() -> None:
    def net(dropout: float) -> Any:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            spec = fitted_net("convnet", width=16, size=8, dropout=dropout)
            return build_net(spec, preparation(8), 3)

    x = torch.rand(4, 1, 8, 8) * 255
    dropped, whole = net(0.5), net(0)

    assert dropped.state_dict().keys() == whole.state_dict().keys()
    assert torch.equal(dropped.eval()(x), whole.eval()(x))
    assert not any(isinstance(module, nn.Dropout) for module in whole.modules())
    with torch.random.fork_rng():
        assert not torch.equal(dropped.train()(x), whole.train()(x))


def test_an_old_description_has_no_dropout() -> None:
    old = '{"name": "convnet", "stem": 2, "widths": [4, 8], "stride": 1}'

    spec: Any = TypeAdapter(NetSpec).validate_json(old)

    assert spec == ConvNetSpec(stem=2, widths=(4, 8), stride=1, dropout=0)


def test_an_unknown_net_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        fitted_net("convnt", width=4, size=28)

    assert str(error.value) == "net 'convnt' is not one of convnet, layers; did you mean 'convnet'?"


def test_the_same_seed_makes_the_same_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        net = build_net(fitted_net("convnet", width=4, size=28), preparation(28), 3)
        return nn.utils.parameters_to_vector(net.parameters())

    with torch.random.fork_rng():
        assert torch.equal(weights(1), weights(1))
        assert not torch.equal(weights(1), weights(2))


def test_normalising_gives_zero_mean_and_unit_deviation() -> None:
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 6, 6)).astype(np.float32)
    mean = x.mean(axis=(0, 2, 3)) / 255
    std = x.std(axis=(0, 2, 3)) / 255

    y = Normalise(mean.tolist(), std.tolist())(torch.from_numpy(x)).numpy()

    slow = (x / 255 - mean[:, None, None]) / std[:, None, None]
    assert y == pytest.approx(slow, abs=1e-5)
    assert y.mean(axis=(0, 2, 3)) == pytest.approx(np.zeros(3), abs=1e-5)
    assert y.std(axis=(0, 2, 3)) == pytest.approx(np.ones(3), abs=1e-5)


def test_normalising_has_no_weights() -> None:
    assert Normalise([0.1], [0.2]).state_dict() == {}


def test_a_net_keeps_the_layout_channels_last() -> None:
    net = build_net(fitted_net("convnet", width=4, size=28), preparation(28, 3), 3)
    seen = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, x, y: seen.append((x[0], y)))

    x = torch.rand(2, 28, 28, 3).permute(0, 3, 1, 2) * 255
    net.to(memory_format=torch.channels_last)(x)  # type: ignore[call-overload]

    pairs = [tensor for pair in seen for tensor in pair]
    assert len(pairs) > 4
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in pairs)
