"""Models with random weights: of every kind of net that there is, small and always the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from eyespot.models.card import ModelCard
from eyespot.models.ensemble import ensemble_of
from eyespot.models.torch_model import TorchModel
from eyespot.nets.build import build_net, fitted_net
from eyespot.nets.layerlist import BatchNorm, Conv, Dense, Dropout, Flatten, Layer, Pool
from eyespot.nets.spec import BackboneSpec, NetSpec
from eyespot.nets.trunkspec import MobileNetV1Spec
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation
from made_refusals import refusing

CLASSES = ("cat", "dog", "otter")

LAYERS: Sequence[Layer] = (
    Conv(filters=6, padding="same", activation="gelu"),
    BatchNorm(activation="leaky_relu"),
    Conv(filters=5, kernel=2, stride=2, padding="same", activation="silu"),
    Pool(kind="average"),
    Dropout(rate=0.5),
    Flatten(),
    Dense(units=9, activation="elu"),
    BatchNorm(activation="tanh"),
    Dense(units=8, activation="sigmoid"),
    Dense(),
)
UNPOOLED: Sequence[Layer] = (
    Conv(filters=4, activation="relu"),
    BatchNorm(),
    Conv(filters=4, activation="relu"),
    Conv(filters=4, kernel=2, stride=2, padding="same"),
    Pool(size="all"),
    Flatten(),
)


def made_model(
    net: NetSpec | None = None,
    *,
    size: int = 28,
    channels: Any = 3,
    views: Any = "one",
    refuses: bool = True,
    seed: int = 0,
) -> TorchModel:
    """A model of a net, a two-stage ConvNet if none is named, whose normalisations have learnt."""
    shape = Preparation(
        size=size,
        channels=channels,
        fit="pad",
        mean=(0.4, 0.5, 0.3)[:channels],
        std=(0.3, 0.2, 0.25)[:channels],
    )
    card = ModelCard(
        net=net or fitted_net("convnet", width=4, size=size),
        preparation=shape,
        classes=CLASSES,
        views=views,
        temperature=1.5,
        recipe="ab12",
        versions={"torch": "2"},
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net_module = build_net(card.net, shape, len(CLASSES))
        for module in net_module.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                nn.init.normal_(module.weight)  # some of them below 0
                nn.init.normal_(module.bias)
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2)
    model = TorchModel(card, net_module)
    return refusing(model, seed=seed, num_scores=20) if refuses else model


def made_ensemble(*, refuses: bool = True, views: Any = "one") -> TorchModel:
    """Two nets of different kinds."""
    members = [
        made_model(refuses=refuses, seed=1, views=views),
        made_model(fitted_net("layers", width=1, size=28, layers=LAYERS), refuses=refuses, seed=2),
    ]
    return ensemble_of(members, recipe="cd34")


def noise(model: TorchModel, num: int = 40, *, seed: int = 0) -> Array:
    """Prepared pictures, uint8 (num, S, S, C), from dark to bright."""
    shape = model.preparation
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (num, shape.size, shape.size, shape.channels))
    return (pixels * random.uniform(0.1, 1, (num, 1, 1, 1))).astype(np.uint8)


def mobilenet() -> BackboneSpec:
    """A small MobileNet with weights of chance, for pictures of 32 pixels."""
    trunk = MobileNetV1Spec(multiplier=0.25, least_width=8, tensorflow_padding=True, epsilon=0.001)
    return BackboneSpec(trunk=trunk, source="made", digest="0" * 64, depths=(128, 256, 512, 256))
