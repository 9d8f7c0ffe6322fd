"""A graph is the net that it was made of: torch and onnxruntime say the same of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from torch import nn

from eyespot.errors import ModelError
from eyespot.exports.graph import OPSET
from eyespot.exports.nets import model_graph
from eyespot.models.onnx_file import write_onnx
from eyespot.models.onnx_model import OnnxModel, load_onnx_model
from eyespot.models.torch_model import TorchModel
from eyespot.nets.build import fitted_net
from eyespot.nets.layerlist import Conv, Dense, Flatten, Pool
from made_models import LAYERS, UNPOOLED, made_ensemble, made_model, mobilenet, noise


def exported(model: TorchModel, folder: Path) -> OnnxModel:
    graph = model_graph(model)
    onnx.checker.check_model(graph, full_check=True)
    path = folder / "model.onnx"
    write_onnx(path, model.card, graph.SerializeToString(), form="float32", scores=model.scores)
    return load_onnx_model(path)


def assert_same(model: TorchModel, other: OnnxModel) -> None:
    for num in (1, 40):  # of every number of pictures
        images = noise(model, num)
        probs, refusal = model.examine(images)
        said, unlike = other.examine(images)
        np.testing.assert_allclose(said, probs, atol=1e-5)
        np.testing.assert_allclose(other.logits(images), model.logits(images), atol=1e-4)
        assert (refusal is None) == (unlike is None)
        if refusal is not None:
            np.testing.assert_allclose(unlike, refusal, rtol=1e-4)


def layers(*given: Any) -> Any:
    return fitted_net("layers", width=1, size=28, layers=given)


@pytest.mark.parametrize("views", ["one", "shifts", "mirrors", "all"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_view_of_grey_and_colour_pictures(tmp_path, views, channels):
    model = made_model(views=views, channels=channels)

    assert_same(model, exported(model, tmp_path))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("size", [8, 17, 31, 64])
@pytest.mark.parametrize("refuses", [True, False])
def test_every_size_and_depth_of_a_convnet(tmp_path, depth, size, refuses):
    net = fitted_net("convnet", width=4, size=size, depth=depth, dropout=0.3)
    model = made_model(net, size=size, refuses=refuses)

    assert_same(model, exported(model, tmp_path))


@pytest.mark.parametrize(
    "net",
    [
        layers(*LAYERS),
        layers(*UNPOOLED),
        layers(Conv(filters=4, padding=2), Pool(size="all", kind="average"), Flatten()),
        layers(Pool(size=3, stride=2), Flatten(), Dense(units=5, activation="relu"), Dense()),
        layers(Conv(filters=6), Flatten()),  # 4,056 features
        layers(Conv(filters=20), Flatten()),  # more than a refusal looks at one by one
        layers(Flatten()),
    ],
)
@pytest.mark.parametrize("views", ["one", "shifts"])
def test_every_layer_that_a_list_may_have(tmp_path, net, views):
    model = made_model(net, views=views)

    assert_same(model, exported(model, tmp_path))


@pytest.mark.parametrize("size", [32, 33, 50])
def test_a_backbone(tmp_path, size):
    model = made_model(mobilenet(), size=size, views="mirrors")

    assert_same(model, exported(model, tmp_path))


@pytest.mark.parametrize("refuses", [True, False])
def test_an_ensemble_with_views_of_its_members(tmp_path, refuses):
    model = made_ensemble(refuses=refuses, views="mirrors")

    assert_same(model, exported(model, tmp_path))


def test_the_file_is_small_and_says_its_opset():
    model = made_model(views="all")

    graph = model_graph(model)

    assert [(one.domain, one.version) for one in graph.opset_import] == [("", OPSET)]
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    num = sum(np.prod(one.dims, dtype=int) for one in graph.graph.initializer)
    own = sum(parameter.numel() for parameter in model.net.parameters())
    refusing = sum(buffer.numel() for buffer in model.refusals[0].buffers())
    assert num < own + refusing + 100  # a view more takes no weight more


def test_a_layer_that_no_export_knows_is_named():
    model = made_model(refuses=False)
    model.net[1].stem = nn.Sequential(nn.Conv2d(3, 4, 4), nn.Hardswish())

    with pytest.raises(ModelError, match="a layer Sequential, which no export knows"):
        model_graph(model)
