"""The backbone in ../shared, on real photos; slow, and skipped where it is not there."""

from pathlib import Path

import numpy as np
import pytest
import torch

import eyespot
from eyespot.data import read
from eyespot.images.decode import open_image
from eyespot.images.preparation import prepare
from eyespot.nets.pretrained import read_backbone
from eyespot.nets.standing import net_on, prepared_as, spec_on
from eyespot.training.extraction import fastest
from eyespot.training.world import find_world

SHARED = Path(__file__).parents[2] / "shared"
BACKBONE = SHARED / "weights" / "mobilenet_v1_0.75_224"
PHOTOS = SHARED / "data" / "cats-dogs-fullsize"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BACKBONE.exists() and PHOTOS.exists()), reason="../shared holds no backbone or photos"
    ),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def net():
    found = read_backbone(BACKBONE)
    shape = prepared_as(found, size=224, fit="pad")
    return net_on(found, spec_on(found, size=224), shape, num_classes=2).eval()


@pytest.fixture(scope="module")
def photos():
    images = read(PHOTOS).images
    return np.stack(
        [prepare(open_image(i).pixels, size=224, channels=3, fit="pad") for i in images[:24]]
    )


def test_its_features_are_those_of_transformers(net, photos):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.MobileNetV1Model.from_pretrained(BACKBONE).eval()
    x_BCHW = torch.from_numpy(photos).permute(0, 3, 1, 2).float()

    with torch.inference_mode():
        expected = theirs(x_BCHW / 127.5 - 1).pooler_output
        found = net[1].activations(net[0](x_BCHW))[-1]

    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_the_fast_features_are_nearly_the_same(net, photos):
    rows = fastest(net, "one", find_world(), size=224)(photos).astype(np.float32)
    with torch.inference_mode():
        x_BCHW = torch.from_numpy(photos).permute(0, 3, 1, 2).float()
        plain = net[1].activations(net[0](x_BCHW))[-1].numpy()

    own = rows[:, -plain.shape[1] :]
    cosines = (own * plain).sum(1) / np.linalg.norm(own, axis=1) / np.linalg.norm(plain, axis=1)
    assert cosines.min() > 0.99


def test_three_hundred_photos_are_enough(tmp_path):
    trained = eyespot.train(
        PHOTOS, recipe="features", settings={"backbone": str(BACKBONE)}, out=tmp_path / "run"
    )

    assert trained.head.mean > 0.93
    assert trained.evaluation.accuracy.high > 0.9
