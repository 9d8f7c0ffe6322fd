"""Our MobileNet gives what transformers gives, for weights of its layout."""

import numpy as np
import pytest
import torch

from eyespot.nets.mobilenet import MobileNetV1, from_transformers
from eyespot.nets.pretrained import fill_trunk, read_backbone
from eyespot.nets.trunkspec import MobileNetV1Spec
from tiny_backbone import make_backbone, mobilenet_weights

TINY = MobileNetV1Spec(multiplier=0.25, least_width=8, tensorflow_padding=True, epsilon=0.001)


@pytest.fixture
def trunk(tmp_path):
    backbone = read_backbone(make_backbone(tmp_path / "tiny"))
    made = MobileNetV1(backbone.trunk).eval()
    fill_trunk(made, backbone)
    return made


@pytest.mark.parametrize("side", [32, 49, 64])
def test_it_gives_what_transformers_gives(trunk, tmp_path, side):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.MobileNetV1Model.from_pretrained(tmp_path / "tiny").eval()
    x_BCHW = torch.rand(2, 3, side, side) * 2 - 1

    with torch.inference_mode():
        expected = theirs(x_BCHW).pooler_output
        found = trunk(x_BCHW)[-1]

    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_shows_maps_of_three_depths_and_a_vector(trunk):
    found = trunk(torch.rand(2, 3, 64, 64))

    assert [tuple(one.shape[1:]) for one in found] == [
        (32, 16, 16),
        (64, 8, 8),
        (128, 4, 4),
        (256,),
    ]


def test_its_stages_hold_every_layer_once(trunk):
    layers = [layer for stage in trunk.stages() for layer in stage]

    assert {id(layer) for layer in layers} == {id(layer) for layer in trunk.layers}
    assert len(layers) == len(trunk.layers)
    assert trunk.stages()[0][-1] is trunk.layers[-1]


def test_a_weight_that_lacks_is_named():
    weights = {n: torch.from_numpy(w) for n, w in mobilenet_weights().items()}
    del weights["mobilenet_v1.layer.3.normalization.running_var"]

    with pytest.raises(KeyError, match="layer.3.normalization.running_var"):
        from_transformers(weights, 0.001)


def test_a_channel_without_spread_stays_finite():
    weights = {n: torch.from_numpy(w) for n, w in mobilenet_weights().items()}
    weights["mobilenet_v1.conv_stem.normalization.running_var"].zero_()

    found = from_transformers(weights, 0.001)

    assert all(np.isfinite(t.numpy()).all() for t in found.values())
