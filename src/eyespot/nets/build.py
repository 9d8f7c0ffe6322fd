"""From an image size to a net's description, and from a description to the net."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import nn

from eyespot.errors import UsageError, did_you_mean
from eyespot.nets.backbone import BackboneNet
from eyespot.nets.convnet import ConvNet
from eyespot.nets.ensemble import Ensemble
from eyespot.nets.layerlist import Layer
from eyespot.nets.layers import layers_net
from eyespot.nets.normalise import Normalise
from eyespot.nets.spec import BackboneSpec, ConvNetSpec, EnsembleSpec, LayersSpec, NetSpec
from eyespot.values.preparation import Preparation


def _convnet(spec: ConvNetSpec, shape: Preparation, num_classes: int) -> nn.Module:
    return ConvNet(
        shape.channels,
        num_classes,
        stem=spec.stem,
        widths=spec.widths,
        stride=spec.stride,
        depth=spec.depth,
        dropout=spec.dropout,
    )


def _layers(spec: LayersSpec, shape: Preparation, num_classes: int) -> nn.Module:
    return layers_net(
        spec.layers, channels=shape.channels, size=shape.size, num_classes=num_classes
    )


def _backbone(spec: BackboneSpec, shape: Preparation, num_classes: int) -> nn.Module:
    return BackboneNet(spec, num_classes)


# Each takes the description of its own kind.
NETS: dict[str, Callable[[Any, Preparation, int], nn.Module]] = {
    "convnet": _convnet,
    "layers": _layers,
    "backbone": _backbone,
}


def fitted_net(
    name: str,
    *,
    width: int,
    size: int,
    depth: Literal[1, 2] = 2,
    dropout: float = 0.0,
    layers: Sequence[Layer] = (),
) -> ConvNetSpec | LayersSpec:
    """The description of a net that is right for square images of this size.

    layers: the list of the net "layers", which is taken as it is; width, depth and dropout are for
    the others.
    A ConvNet: every stage doubles the channels and halves the map until it is 2 or 3 pixels wide,
    or 1 where a stage has one convolution; three stages at most, four above 96 pixels. Small images
    keep every pixel in the first layer: from 24 pixels on, a first layer with stride 2 costs a
    fifth of the time and no accuracy (MNIST: 0.9930 either way after two epochs, 12 s and 60 s).
    Raises UsageError for a name that is not in NETS, or a backbone, which nobody makes up.
    """
    known = [one for one in NETS if one != "backbone"]
    if name not in known:
        raise UsageError(
            f"net '{name}' is not one of {', '.join(known)}{did_you_mean(name, known)}"
        )
    if name == "layers":
        return LayersSpec(layers=tuple(layers))
    stride: Literal[1, 2] = 2 if size >= 24 else 1
    side = (size - 2) // 2 if stride == 2 else size
    widths: list[int] = []
    while side >= 2 * depth and len(widths) < (4 if size > 96 else 3):
        widths.append(min(width * 2 ** len(widths), 4 * width))
        side //= 2
    return ConvNetSpec(
        stem=max(width // 2, 1), widths=tuple(widths), stride=stride, depth=depth, dropout=dropout
    )


def build_net(spec: NetSpec, preparation: Preparation, num_classes: int) -> nn.Module:
    """A fresh net: float images (B, C, H, W) in 0..255 -> logits (B, K).

    The normalisation is its first layer, so that no caller and no export can forget it.
    Those of an ensemble have their own, and the logits are the logarithms of its probabilities.
    Raises UsageError, naming the layer, where one of a list of layers does not fit.
    """
    if isinstance(spec, EnsembleSpec):
        nets = []
        for member in spec.members:
            shape = preparation.model_copy(update={"mean": member.mean, "std": member.std})
            nets.append(build_net(member.net, shape, num_classes))
        return Ensemble(nets, spec.members)
    return nn.Sequential(
        Normalise(preparation.mean, preparation.std),
        NETS[spec.name](spec, preparation, num_classes),
    )
