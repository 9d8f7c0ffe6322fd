"""Heat maps of what a net looked at: on the right place, of the right class, and harmless."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from corner_digits import corner_digits, corner_model, correlation, fresh_model
from eyespot.evaluation.gradcam import _listening, _taps, heat_maps
from eyespot.evaluation.heat import scaled
from eyespot.evaluation.occlusion import occlusion_maps
from eyespot.models.ensemble import ensemble_of
from eyespot.models.torch_model import TorchModel
from eyespot.nets.build import build_net, fitted_net
from eyespot.nets.layerlist import BatchNorm, Conv, Dense, Flatten, Pool
from eyespot.nets.spec import LayersSpec
from test_models import images, tiny

NUM = 40


@pytest.fixture(scope="module")
def unseen():
    """Corner digits that the net was not trained on: images and where the digits are."""
    pictures, _, boxes = corner_digits()
    return pictures[600 : 600 + NUM], boxes[600 : 600 + NUM]


def layered(*layers, size=12, channels=1):
    """A model of a list of layers with random weights."""
    model = tiny(size=size, channels=channels)
    card = model.card.model_copy(update={"net": LayersSpec(layers=layers)})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TorchModel(card, build_net(card.net, card.preparation, len(card.classes)))


def test_the_heat_lies_on_the_digit(unseen):
    pictures, boxes = unseen

    heats = heat_maps(corner_model(), pictures)

    shares = (heats * boxes).sum(axis=(1, 2)) / heats.sum(axis=(1, 2))
    assert shares.mean() > 4 * boxes.mean()
    assert shares.min() > 2 * boxes.mean()


def test_it_agrees_with_covering_the_picture(unseen):
    pictures, _ = unseen
    model = corner_model()

    assert correlation(heat_maps(model, pictures), occlusion_maps(model, pictures)) > 0.5


@pytest.mark.parametrize("what", ["the last layer", "all layers"])
def test_weights_that_know_nothing_give_another_map(what, unseen):
    pictures, _ = unseen
    model, fresh = corner_model(), fresh_model(seed=1)
    if what == "the last layer":
        net = copy.deepcopy(model.net)
        net[1].head.load_state_dict(fresh.net[1].head.state_dict())
        fresh = TorchModel(model.card, net)
    said = model.probabilities(pictures).argmax(axis=1)

    known, unknown = (heat_maps(one, pictures, said) for one in (model, fresh))

    assert correlation(known, unknown) < 0.6


def test_another_class_is_seen_elsewhere(unseen):
    pictures, _ = unseen
    model = corner_model()
    order = np.argsort(-model.probabilities(pictures), axis=1)

    first, second = (heat_maps(model, pictures, order[:, rank]) for rank in (0, 1))

    assert correlation(first, second) < 0.5
    assert np.array_equal(heat_maps(model, pictures), first)


def test_a_map_is_of_the_pictures_size_and_its_hottest_place_is_1(unseen):
    pictures, _ = unseen

    heats = heat_maps(corner_model(), pictures)

    assert heats.shape == pictures.shape[:3]
    assert heats.dtype == np.float32
    assert heats.min() == 0
    assert np.array_equal(heats.max(axis=(1, 2)), np.ones(NUM, np.float32))
    assert heat_maps(corner_model(), pictures[:0]).shape == (0, *pictures.shape[1:3])


def test_it_leaves_the_net_as_it_was():
    model = tiny()
    before = copy.deepcopy(model.net.state_dict())

    heat_maps(model, images(3))
    with pytest.raises(RuntimeError):
        heat_maps(model, images(3), np.array([0, 1, 99]))

    after = model.net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(weight.grad is None for weight in model.net.parameters())
    assert not any(module.training or module._forward_hooks for module in model.net.modules())


def test_twice_is_bitwise_the_same_and_each_picture_is_on_its_own():
    model, pictures = tiny(size=28, channels=1), images(30, size=28, channels=1)

    together = heat_maps(model, pictures)

    assert np.array_equal(heat_maps(model, pictures), together)
    alone = np.concatenate([heat_maps(model, pictures[i : i + 1]) for i in range(30)])
    assert np.allclose(alone, together, atol=1e-4)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_may_be_turned_off(off):
    model = tiny()
    expected = heat_maps(model, images(3))

    with off():
        found = heat_maps(model, images(3))

    assert np.array_equal(found, expected)


def test_a_net_that_does_not_look_gives_zeros():
    model = tiny()
    nn.init.zeros_(model.net[1].head.weight)

    assert not heat_maps(model, images(3)).any()


def test_other_views_do_not_count():
    model = tiny()
    viewed = TorchModel(model.card.model_copy(update={"views": "all"}), model.net)
    classes = np.array([0, 1, 2])

    found = heat_maps(viewed, images(3), classes)

    assert np.array_equal(found, heat_maps(model, images(3), classes))


def test_an_ensembles_map_is_the_mean_of_its_members():
    first, second = tiny(), tiny()
    nn.init.normal_(second.net[1].head.weight)
    ensemble = ensemble_of([first, second], recipe="ab12")
    said = ensemble.probabilities(images(3)).argmax(axis=1)

    found = heat_maps(ensemble, images(3))

    maps = [heat_maps(member, images(3), said) for member in (first, second)]
    assert np.allclose(found, scaled(sum(maps) / 2))


LISTS = {
    "valid": (
        Conv(filters=4),
        Conv(filters=4),
        Pool(),
        Conv(filters=4),
        Flatten(),
        Dense(units=9),
        Dense(),
    ),
    "normalised": (
        Conv(filters=4, padding="same", stride=2),
        BatchNorm(),
        Pool(size="all"),
        Flatten(),
    ),
    "tanh": (Conv(filters=4, activation="tanh", kernel=5), Flatten()),
    "as wide as the picture": (Conv(filters=4, kernel=12), Flatten()),
    "no convolution": (Flatten(), Dense(units=9), Dense()),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_list_of_layers_has_maps_too(name, channels):
    model = layered(*LISTS[name], channels=channels)

    heats = heat_maps(model, images(5, size=12, channels=channels))

    assert heats.shape == (5, 12, 12)
    assert np.isfinite(heats).all()
    assert heats.max() == 1


def test_a_net_without_a_convolution_gives_gradient_times_input():
    model = layered(Flatten())
    pictures = images(3, size=12, channels=1)
    weights = model.net[1][-1].weight.detach().numpy().reshape(3, 12, 12)
    normalised = (pictures[..., 0] / 255 - 0.4) / 0.3
    classes = np.array([2, 0, 1])

    found = heat_maps(model, pictures, classes)

    expected = scaled(np.maximum(normalised * weights[classes], 0).astype(np.float32))
    assert np.allclose(found, expected, atol=1e-5)


def test_the_maps_are_what_each_stage_passes_on():
    net = tiny(size=40, channels=1).net
    x_BCHW = torch.from_numpy(images(2, size=40, channels=1)).permute(0, 3, 1, 2).float()
    taps = _taps(net)

    with torch.no_grad(), _listening(taps) as heard:
        net(x_BCHW)

    picture, *maps = (heard[tap] for tap in taps)
    assert torch.equal(picture, net[0](x_BCHW))
    *expected, _ = net[1].activations(picture)
    assert len(maps) == len(expected) == 4
    assert all(torch.equal(one, other) for one, other in zip(maps, expected, strict=True))


SHAPES = {
    "convnet 24": fitted_net("convnet", width=2, size=24),
    "convnet 16": fitted_net("convnet", width=2, size=16),
    "convnet of one convolution": fitted_net("convnet", width=2, size=28, depth=1),
    "valid": LayersSpec(layers=(Conv(filters=2), Pool(), Conv(filters=2), Flatten())),
    "strides": LayersSpec(
        layers=(
            Conv(filters=2, stride=2, padding="same", kernel=5),
            BatchNorm(),
            Pool(kind="average", size=3, stride=2),
            Conv(filters=2, padding="same", kernel=4),
            Flatten(),
        )
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_place_of_a_map_stands_for_the_middle_of_the_pixels_it_sees(name):
    """Against the slow way: each pixel is lit, one by one, to see which places notice."""
    size = 80
    net = build_net(SHAPES[name], tiny(size=size, channels=1).preparation, 3).eval()
    for weight in net.parameters():
        nn.init.constant_(weight, 0.1)
    lit_HBCW = torch.zeros(size + 1, 1, size, size)
    for row in range(size):
        lit_HBCW[row, 0, row, row] = 1e4
    taps = _taps(net)[1:]
    assert taps
    with torch.no_grad(), _listening(taps) as heard:
        net(lit_HBCW)

    for tap in taps:
        diagonal = heard[tap].sum(dim=1).diagonal(dim1=1, dim2=2)
        noticed = (diagonal[:-1] - diagonal[-1]).abs() > 1e-3
        seen = [noticed[:, place].nonzero().flatten() for place in range(noticed.shape[1])]
        middles = [
            ((rows.min() + rows.max()) / 2, tap.offset + tap.stride * place)
            for place, rows in enumerate(seen)
            # Else the border cuts off some of what it sees.
            if tap.stride <= rows.min() and rows.max() < size - tap.stride
        ]
        assert middles
        assert all(found == expected for found, expected in middles)
