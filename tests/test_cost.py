"""The work of a net is counted from its description as torch does it."""

import pytest
import torch
from torch import nn

from eyespot.models.torch_model import TorchModel
from eyespot.nets.build import fitted_net
from eyespot.nets.cost import multiply_adds
from eyespot.nets.mobilenet import Convolution
from made_models import LAYERS, UNPOOLED, made_ensemble, made_model, mobilenet


def counted(model: TorchModel) -> int:
    """By what every layer gives for one picture."""
    total = 0

    def count(module: nn.Module, given: object, gave: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d | Convolution):
            total += gave[0].numel() * module.weight[0].numel()
        else:
            assert isinstance(module, nn.Linear)
            total += module.weight.numel()

    for module in model.net.modules():
        if isinstance(module, nn.Conv2d | Convolution | nn.Linear):
            module.register_forward_hook(count)
    shape = model.preparation
    model.net(torch.zeros(1, shape.channels, shape.size, shape.size))
    return total


@pytest.mark.parametrize("size", [8, 17, 28, 64, 97])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_convnet(size, depth):
    model = made_model(fitted_net("convnet", width=6, size=size, depth=depth), size=size)

    assert multiply_adds(model.card.net, model.preparation, 3) == counted(model)


@pytest.mark.parametrize("layers", [LAYERS, UNPOOLED])
def test_a_list_of_layers(layers):
    model = made_model(fitted_net("layers", width=1, size=28, layers=layers))

    assert multiply_adds(model.card.net, model.preparation, 3) == counted(model)


@pytest.mark.parametrize("size", [32, 45])
@pytest.mark.parametrize("hidden", [0, 20])
def test_a_mobilenet(size, hidden):
    spec = mobilenet().model_copy(update={"hidden": hidden})
    model = made_model(spec, size=size)

    assert multiply_adds(model.card.net, model.preparation, 3) == counted(model)


def test_each_view_and_each_member_counts():
    one, all_views = made_model(), made_model(views="all")
    single = multiply_adds(one.card.net, one.preparation, 3)

    assert multiply_adds(one.card.net, one.preparation, 3, "all") == 10 * single
    assert counted(made_model()) == single
    ensemble = made_ensemble()
    assert multiply_adds(ensemble.card.net, all_views.preparation, 3) == counted(ensemble)
