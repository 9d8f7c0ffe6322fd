"""How much work a net is for one picture, from its description. Known without torch."""

import math

from eyespot.nets.layerlist import Conv, Dense, layer_shapes, with_head
from eyespot.nets.spec import BackboneSpec, ConvNetSpec, EnsembleSpec, LayersSpec, NetSpec
from eyespot.nets.trunkspec import STRIDES, MobileNetV1Spec
from eyespot.values.model import Views
from eyespot.values.preparation import Preparation

_VIEWS: dict[Views, int] = {"one": 1, "mirrors": 2, "shifts": 5, "all": 10}


def multiply_adds(
    spec: NetSpec, shape: Preparation, num_classes: int, views: Views = "one"
) -> int | None:
    """Multiplications, each with an addition, of convolutions and dense layers, over all views.

    None for a net on a backbone whose description does not tell its layers.
    """
    if isinstance(spec, EnsembleSpec):
        each = [multiply_adds(one.net, shape, num_classes, one.views) for one in spec.members]
        return sum(one or 0 for one in each) if None not in each else None
    if isinstance(spec, ConvNetSpec):
        return _VIEWS[views] * _convnet(spec, shape, num_classes)
    if isinstance(spec, LayersSpec):
        return _VIEWS[views] * _layers(spec, shape, num_classes)
    if isinstance(spec.trunk, MobileNetV1Spec):
        return _VIEWS[views] * _mobilenet(spec, spec.trunk, shape, num_classes)
    return None


def _convnet(spec: ConvNetSpec, shape: Preparation, num_classes: int) -> int:
    side, kernel = ((shape.size - 2) // 2, 4) if spec.stride == 2 else (shape.size, 3)
    total = side**2 * spec.stem * shape.channels * kernel**2
    before = spec.stem
    for width in spec.widths:
        total += side**2 * width * before * 9
        side //= 2
        total += side**2 * width * width * 9 if spec.depth == 2 else 0
        before = width
    return total + before * num_classes


def _mobilenet(
    spec: BackboneSpec, trunk: MobileNetV1Spec, shape: Preparation, num_classes: int
) -> int:
    widths = trunk.widths
    side = math.ceil(shape.size / 2)
    total = side**2 * widths[0] * shape.channels * 9
    for stride, before, after in zip(STRIDES, widths[:-1], widths[1:], strict=True):
        side = math.ceil(side / stride)
        total += side**2 * before * (9 + after)
    last = spec.depths[-1]
    return total + (spec.hidden * (last + num_classes) if spec.hidden else last * num_classes)


def _layers(spec: LayersSpec, shape: Preparation, num_classes: int) -> int:
    shapes = layer_shapes(
        spec.layers, channels=shape.channels, size=shape.size, num_classes=num_classes
    )
    total = 0
    before: tuple[int, ...] = (shape.channels, shape.size, shape.size)
    for layer, after in zip(with_head(spec.layers), shapes, strict=True):
        if isinstance(layer, Conv):
            total += math.prod(after) * before[0] * layer.kernel**2
        elif isinstance(layer, Dense):
            total += after[0] * before[0]
        before = after
    return total
