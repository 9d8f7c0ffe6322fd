"""torch's layers as nodes of a graph. B batch, C channels, I and O of a layer's ends, K classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from eyespot.errors import ModelError
from eyespot.exports.graph import Graph
from eyespot.nets.normalise import Normalise
from eyespot.values.arrays import Array

_ACTIVATIONS = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Sigmoid: "Sigmoid"}
_PASSED = (nn.Identity, nn.Dropout)  # what does nothing once a net has learnt


@dataclass(frozen=True, kw_only=True)
class Scale:
    """y = x * factor + offset, float64 (C,) each."""

    factor: Array
    offset: Array


def scale_of(module: nn.Module) -> Scale:
    """What a normalisation does, once its net has learnt."""
    if isinstance(module, Normalise):
        return Scale(
            factor=_numbers(module.get_buffer("scale")).ravel(),
            offset=_numbers(module.get_buffer("offset")).ravel(),
        )
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    assert module.running_var is not None and module.running_mean is not None
    factor = _numbers(module.weight) / np.sqrt(_numbers(module.running_var) + module.eps)
    return Scale(
        factor=factor, offset=_numbers(module.bias) - factor * _numbers(module.running_mean)
    )


def add_scale(graph: Graph, x: str, scale: Scale, *, maps: bool) -> str:
    """(B, C, H, W) or, without maps, (B, C): as it came."""
    shape = (-1, 1, 1) if maps else (-1,)
    scaled = graph.add("Mul", x, graph.floats(scale.factor.reshape(shape)))
    return graph.add("Add", scaled, graph.floats(scale.offset.reshape(shape)))


def add_conv(
    graph: Graph,
    x: str,
    conv: nn.Conv2d,
    name: str,
    *,
    before: Scale | None = None,
    after: Scale | None = None,
) -> str:
    """A convolution with what scales its input and output in its weights.

    before: not for one that pads, since what it adds are zeros behind the scaling.
    """
    weight_OIHW = _numbers(conv.weight)
    bias_O = np.zeros(len(weight_OIHW)) if conv.bias is None else _numbers(conv.bias)
    if before is not None:
        bias_O = bias_O + (weight_OIHW * before.offset[:, None, None]).sum(axis=(1, 2, 3))
        weight_OIHW = weight_OIHW * before.factor[:, None, None]
    if after is not None:
        bias_O = bias_O * after.factor + after.offset
        weight_OIHW = weight_OIHW * after.factor[:, None, None, None]
    assert isinstance(conv.padding, tuple)
    attributes = {
        "kernel_shape": list(conv.kernel_size),
        "strides": list(conv.stride),
        "pads": [*conv.padding, *conv.padding],
        "group": conv.groups,
    }
    inputs = [
        x,
        graph.array(f"{name}.weight", weight_OIHW.astype(np.float32)),
        graph.array(f"{name}.bias", bias_O.astype(np.float32)),
    ]
    return graph.add("Conv", *inputs, attributes=attributes)


def add_linear(graph: Graph, x: str, linear: nn.Linear, name: str) -> str:
    weight_OI, bias_O = _numbers(linear.weight), _numbers(linear.bias)
    weight = graph.array(f"{name}.weight", weight_OI.astype(np.float32))
    bias = graph.array(f"{name}.bias", bias_O.astype(np.float32))
    return graph.add("Gemm", x, weight, bias, attributes={"transB": 1})


def add_modules(
    graph: Graph, x: str, modules: Sequence[tuple[str, nn.Module]], *, before: Scale | None = None
) -> str:
    """One module after the other; what scales a convolution is in its weights.

    before: what scales the input of the first of them.
    """
    waiting = [(name, one) for name, one in modules if not isinstance(one, _PASSED)]
    while waiting:
        name, module = waiting.pop(0)
        if isinstance(module, nn.Conv2d):
            after = None
            if waiting and isinstance(waiting[0][1], nn.BatchNorm2d):
                after = scale_of(waiting.pop(0)[1])
            if before is not None and any(module.padding):
                x, before = add_scale(graph, x, before, maps=True), None
            x = add_conv(graph, x, module, name, before=before, after=after)
            before = None
            continue
        if before is not None:
            x, before = add_scale(graph, x, before, maps=True), None
        x = _add_other(graph, x, name, module)
    return x if before is None else add_scale(graph, x, before, maps=True)


def _add_other(graph: Graph, x: str, name: str, module: nn.Module) -> str:
    match module:
        case nn.Linear():
            return add_linear(graph, x, module, name)
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            maps = isinstance(module, nn.BatchNorm2d)
            return add_scale(graph, x, scale_of(module), maps=maps)
        case nn.Flatten():
            return graph.add("Flatten", x)
        case nn.ZeroPad2d():
            left, right, top, bottom = module.padding
            pads = graph.integers(0, 0, top, left, 0, 0, bottom, right)
            return graph.add("Pad", x, pads)
        case nn.MaxPool2d() | nn.AvgPool2d():
            op = "MaxPool" if isinstance(module, nn.MaxPool2d) else "AveragePool"
            attributes = {
                "kernel_shape": [module.kernel_size] * 2,
                "strides": [module.stride] * 2,
            }
            return graph.add(op, x, attributes=attributes)
        case nn.AdaptiveMaxPool2d(output_size=1):
            return graph.add("GlobalMaxPool", x)
        case nn.AdaptiveAvgPool2d(output_size=1):
            return graph.add("GlobalAveragePool", x)
        case _:
            return _add_activation(graph, x, module)


def _add_activation(graph: Graph, x: str, module: nn.Module) -> str:
    match module:
        case nn.ReLU() | nn.Tanh() | nn.Sigmoid():
            return graph.add(_ACTIVATIONS[type(module)], x)
        case nn.LeakyReLU():
            return graph.add("LeakyRelu", x, attributes={"alpha": module.negative_slope})
        case nn.ELU():
            return graph.add("Elu", x, attributes={"alpha": module.alpha})
        case nn.SiLU():
            return graph.add("Mul", x, graph.add("Sigmoid", x))
        case nn.GELU():
            half = graph.add("Mul", x, graph.floats(0.5))
            erf = graph.add("Erf", graph.add("Mul", x, graph.floats(1 / math.sqrt(2))))
            return graph.add("Mul", half, graph.add("Add", erf, graph.floats(1.0)))
        case _:
            raise ModelError(
                f"the model has a layer {type(module).__name__}, which no export knows yet"
            )


def _numbers(tensor: object) -> Array:
    """float64, so that weights that are multiplied are rounded once."""
    assert isinstance(tensor, Tensor)
    numbers: Array = tensor.detach().double().cpu().numpy()
    return numbers
