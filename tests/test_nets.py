"""Networks: right for every size, described in full by a few numbers."""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional as F

from eyespot.errors import UsageError
from eyespot.nets.build import NETS, build_net, fitted_net
from eyespot.nets.features import features
from eyespot.nets.layerlist import Conv, Dense, Flatten
from eyespot.nets.normalise import Normalise
from eyespot.nets.refusal import Depth, Refusal, answered
from eyespot.nets.spec import ConvNetSpec, NetName, NetSpec
from eyespot.nets.views import views_of
from eyespot.values.arrays import Array
from eyespot.values.model import Views
from eyespot.values.preparation import Preparation
from made_refusals import made_refusal

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


FITTED = [name for name in NETS if name != "backbone"]


def test_every_net_has_a_name_that_a_recipe_may_hold() -> None:
    assert set(NETS) == set(get_args(NetName))


@pytest.mark.parametrize("name", FITTED)
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


@pytest.mark.parametrize("name", FITTED)
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


# --- features and refusals


def convnet(size: int, *, channels: int = 1, depth: Any = 2, num_classes: int = 3) -> nn.Module:
    """With random weights and normalisations that do something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        spec = fitted_net("convnet", width=4, size=size, depth=depth, dropout=0.5)
        net = build_net(spec, preparation(size, channels), num_classes)
        net.train()(255 * torch.rand(8, channels, size, size))
    return net.eval()


def pictures(num: int, size: int, channels: int = 1) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (num, channels, size, size), generator=random).float()


def quarters(x_BCHW: Tensor) -> Tensor:
    """(B, 4 C), the upper left one of every channel first."""
    return F.adaptive_avg_pool2d(x_BCHW, 2).permute(0, 2, 3, 1).flatten(1)


class Maps(nn.Module):
    """Shows what it is given."""

    def activations(self, x: Tensor) -> list[Tensor]:
        return [x, x.amax(dim=(2, 3))]

    def logits_of(self, last: Tensor) -> Tensor:
        return last


@pytest.mark.parametrize("height", [1, 2, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("width", [1, 2, 5, 6])
def test_the_features_of_a_map_are_the_means_of_its_quarters(height: int, width: int) -> None:
    x = torch.rand(5, 3, height, width)

    _, (found, last) = features(nn.Sequential(nn.Identity(), Maps()), x)

    assert torch.allclose(found, quarters(x), atol=1e-6)
    assert torch.equal(last, x.amax(dim=(2, 3)))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("size", [8, 9, 24, 28, 97])  # a first layer of either stride
def test_features_come_with_the_logits_of_the_net_to_the_last_bit(size: int, depth: int) -> None:
    net, x = convnet(size, depth=depth), pictures(4, size)

    with torch.inference_mode():
        logits, found = features(net, x)

        assert torch.equal(logits, net(x))
        body: Any = list(net.children())[1]
        stem = F.relu(body.norm(body.stem(net.get_submodule("0")(x))))
        maps = [stem, *(body.stages[: number + 1](stem) for number in range(len(body.stages)))]
    for one, own in zip(found, maps, strict=False):
        assert torch.allclose(one, quarters(own), atol=1e-5)
    assert torch.equal(found[-1], maps[-1].amax(dim=(2, 3)))
    assert len(found) == len(maps) + 1


def slow_refusal(refusal: Refusal, found: list[Array], logits: Array) -> float:
    """Of one picture, in float64, step by step. found: (D,) of each depth. logits: (K,)."""
    said = int(logits.argmax())
    distances, nearests = [], []
    for depth, features_D in zip(refusal.each_depth, found, strict=True):
        own = {name: tensor.double().numpy() for name, tensor in depth.state_dict().items()}
        scaled = (features_D - own["location"]) * own["scale"]
        inside = scaled @ own["directions"]
        white = inside @ own["whitening"]
        outside = max(float(scaled @ scaled - inside @ inside), 0)
        square = float(((white - own["centres"][said]) ** 2).sum()) + own["outside"] * outside
        nearest = min(float(np.linalg.norm(white - one)) for one in own["neighbours"])
        for score, usual, kept in (
            (float(square) ** 0.5, own["distance_range"], distances),
            (nearest, own["nearest_range"], nearests),
        ):
            kept.append(max((score - usual[0]) / usual[1], 0))
    middle, width = refusal.energy_range.double().numpy()
    energy = max((-np.log(np.exp(logits).sum()) - middle) / width, 0)
    total = max(distances) + max(nearests) + energy
    return float(total / 3 / refusal.thresholds.double().numpy()[said])


@pytest.mark.parametrize("seed", range(4))
def test_a_refusal_is_what_a_slow_reference_says(seed: int) -> None:
    net, x = convnet(12), pictures(20, 12)
    _, refusal = made_refusal(net, preparation(12), 3, seed=seed)

    with torch.inference_mode():
        logits, found = features(net, x)
        said = refusal(found, logits)

    for row in range(len(x)):
        of_row = [one[row].double().numpy() for one in found]
        slow = slow_refusal(refusal, of_row, logits[row].double().numpy())
        assert float(said[row]) == pytest.approx(slow, rel=1e-3, abs=1e-3)
    assert len(set(said.tolist())) == len(x)


def test_what_is_at_its_centre_and_beside_a_neighbour_is_at_no_distance() -> None:
    depth = Depth(2, 2, num_neighbours=3, num_classes=2)
    for name, value in (
        ("location", torch.tensor([1.0, 2.0])),
        ("directions", torch.eye(2)),
        ("whitening", torch.eye(2)),
        ("centres", torch.tensor([[0.0, 0.0], [3.0, 4.0]])),
        ("neighbours", torch.tensor([[3.0, 0.0], [3.0, 4.0], [100.0, 0.0]])),
    ):
        getattr(depth, name).copy_(value)

    distance, nearest = depth.distances(torch.tensor([[1.0, 2.0]] * 2), torch.tensor([0, 1]))

    assert distance.tolist() == [0, 5]
    assert nearest.tolist() == pytest.approx([3, 3])


def test_a_refusal_does_not_depend_on_the_batch() -> None:
    net, x = convnet(24), pictures(64, 24)
    _, refusal = made_refusal(net, preparation(24), 3)

    with torch.inference_mode():
        _, together = answered(net, x, "one", refusal)
        alone = [answered(net, one[None], "one", refusal)[1] for one in x]

    assert together is not None
    assert torch.allclose(together, torch.cat([one for one in alone if one is not None]), rtol=1e-3)


@pytest.mark.parametrize("views", get_args(Views))
def test_views_are_averaged_alike_with_and_without_a_refusal(views: Views) -> None:
    net, x = convnet(9), pictures(6, 9)
    _, refusal = made_refusal(net, preparation(9), 3)

    with torch.inference_mode():
        plain, none = answered(net, x, views, None)
        logits, said = answered(net, x, views, refusal)

        assert none is None
        assert torch.equal(logits, plain)
        assert torch.allclose(plain, torch.stack([net(one) for one in views_of(x, views)]).mean(0))
        # The features are those of the picture as it is, the class is that of all views.
        assert said is not None and torch.equal(said, refusal(features(net, x)[1], plain))


def test_a_refusal_is_a_number_for_any_picture() -> None:
    net, random = convnet(8, channels=3), np.random.default_rng(0)
    _, refusal = made_refusal(net, preparation(8, 3), 3)
    arrays = [np.zeros((3, 8, 8)), np.full((3, 8, 8), 255), random.integers(0, 2, (3, 8, 8)) * 255]
    x = torch.from_numpy(np.stack([*arrays, 1e9 * arrays[2], -1e9 * arrays[1]])).float()

    with torch.inference_mode():
        _, said = answered(net, x, "one", refusal)

    assert said is not None and torch.isfinite(said).all() and (said >= 0).all()
    assert (said[3:] > 1000).all()
