"""A net as a list of layers: what a layer may be, and whether a list fits together.

Known without torch. Shapes are (C, H, W) for maps and (F,) for features; the list is as Keras users
write it, with two differences: no softmax, because a net gives logits, and the last dense layer
needs no units, because their number is that of the classes.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from eyespot.errors import UsageError

MAX_LAYERS = 64
MAX_WEIGHTS = 2**28  # of a net, 1 GiB
MAX_VALUES = 2**24  # that one layer gives for one image, 64 MiB

Activation = Literal["none", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]
Shape = tuple[int, ...]


class _Layer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Conv(_Layer):
    """A convolution, (C, H, W) -> (filters, H', W').

    padding: "valid" is none, "same" gives ceil(H / stride), a number is added on each side.
    """

    type: Literal["conv"] = "conv"
    filters: int = Field(ge=1, le=2048)
    kernel: int = Field(3, ge=1, le=31)
    stride: int = Field(1, ge=1, le=16)
    padding: Literal["valid", "same"] | Annotated[int, Field(ge=0, le=15)] = "valid"
    activation: Activation = "none"


class Pool(_Layer):
    """The largest value or the average of each square. stride: the size, if not given.

    size: "all" gives one value for each map.
    """

    type: Literal["pool"] = "pool"
    kind: Literal["max", "average"] = "max"
    size: Annotated[int, Field(ge=2, le=64)] | Literal["all"] = 2
    stride: int | None = Field(None, ge=1, le=64)


class BatchNorm(_Layer):
    """Batch normalisation. activation: what follows it."""

    type: Literal["batchnorm"] = "batchnorm"
    activation: Activation = "none"


class Dropout(_Layer):
    """Each value is 0 with this probability while the net learns."""

    type: Literal["dropout"] = "dropout"
    rate: float = Field(0.5, ge=0, lt=1)


class Flatten(_Layer):
    """Maps as one row of features, (C, H, W) -> (C * H * W,)."""

    type: Literal["flatten"] = "flatten"


class Dense(_Layer):
    """Every feature to every unit, (F,) -> (units,). units: left away in the last layer."""

    type: Literal["dense"] = "dense"
    units: int | None = Field(None, ge=1, le=16_384)
    activation: Activation = "none"


LAYERS: dict[str, type[_Layer]] = {
    "conv": Conv,
    "pool": Pool,
    "batchnorm": BatchNorm,
    "dropout": Dropout,
    "flatten": Flatten,
    "dense": Dense,
}
Layer = Annotated[Conv | Pool | BatchNorm | Dropout | Flatten | Dense, Field(discriminator="type")]


def with_head(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers, the last of which is dense; one is added where it is not."""
    return (*layers, Dense(units=None)) if not isinstance(layers[-1], Dense) else tuple(layers)


def check_order(layers: Sequence[Layer]) -> None:
    """Raises UsageError, naming the layer, where these could not follow each other at any size."""
    flat = False
    for number, layer in enumerate(layers, 1):
        name, last = layer_name(layer, number), number == len(layers)
        if isinstance(layer, Conv | Pool) and flat:
            raise UsageError(f"{name} gets features, not maps; move it before the flatten")
        if isinstance(layer, Dense):
            if not flat:
                raise UsageError(f"{name} gets maps, not features; put a flatten before it")
            if last and layer.activation != "none":
                raise UsageError(
                    f"{name} is the last and has an activation, but a net gives logits; "
                    "leave it away, or add a dense layer after it"
                )
            if not last and layer.units is None:
                raise UsageError(f"{name} has no units; only the last layer's can be left away")
        flat = flat or isinstance(layer, Flatten)
    if not flat:
        raise UsageError("the layers end with maps, not features; put a flatten at their end")


def layer_shapes(
    layers: Sequence[Layer], *, channels: int, size: int, num_classes: int | None = None
) -> list[Shape]:
    """The shape that each layer gives for square images of this size, its head included.

    num_classes: None where it is not known yet; the last shape is then (1,), or what its units say.
    Raises UsageError, naming the layer, where one does not fit or takes too much memory.
    """
    check_order(layers)
    shape: Shape = (channels, size, size)
    shapes, num_weights, layers = [], 0, with_head(layers)
    for number, layer in enumerate(layers, 1):
        name, before = layer_name(layer, number), shape
        shape = _shape_after(layer, before, num_classes)
        if min(shape) < 1:
            raise UsageError(
                f"{name} does not fit: it gets {_words(before)}; "
                "set a larger size or take fewer such layers"
            )
        num_weights += _num_weights(layer, before, shape)
        if num_weights > MAX_WEIGHTS:
            raise UsageError(
                f"{name} brings the net to {num_weights:,} weights, more than {MAX_WEIGHTS:,}; "
                "pool more before it or make it smaller"
            )
        if math.prod(shape) > MAX_VALUES:
            raise UsageError(
                f"{name} gives {_words(shape)} for an image, more than {MAX_VALUES:,} values; "
                "set a smaller size or make it smaller"
            )
        shapes.append(shape)
    last = layers[-1]
    if isinstance(last, Dense) and last.units and num_classes and last.units != num_classes:
        raise UsageError(
            f"{layer_name(last, len(layers))} is the last and there are {num_classes} classes; "
            "leave its units away, or add a dense layer after it"
        )
    return shapes


def layer_name(layer: Layer, number: int) -> str:
    """`layer 5 (pool, size 2)`; number counts from 1."""
    fields = {"conv": "filters", "pool": "size", "dense": "units", "dropout": "rate"}
    field = fields.get(layer.type)
    value = getattr(layer, field) if field else None
    return f"layer {number} ({layer.type}{'' if value is None else f', {field} {value}'})"


def margins(layer: Conv, side: int) -> tuple[int, int]:
    """The pixels that a convolution adds before and behind a side; as Keras and TensorFlow do."""
    if layer.padding == "valid":
        return 0, 0
    if layer.padding == "same":
        reach = (-(-side // layer.stride) - 1) * layer.stride + layer.kernel
        total = max(reach - side, 0)
        return total // 2, total - total // 2
    return layer.padding, layer.padding


def _shape_after(layer: Layer, shape: Shape, num_classes: int | None) -> Shape:
    match layer:
        case Conv():
            side = shape[1] + sum(margins(layer, shape[1]))
            side = (side - layer.kernel) // layer.stride + 1
            return (layer.filters, side, side)
        case Pool(size="all"):
            return (shape[0], 1, 1)
        case Pool(size=int(size)):
            side = (shape[1] - size) // (layer.stride or size) + 1
            return (shape[0], side, side)
        case Flatten():
            return (math.prod(shape),)
        case Dense():
            return (layer.units or num_classes or 1,)
        case _:
            return shape


def _num_weights(layer: Layer, before: Shape, after: Shape) -> int:
    match layer:
        case Conv():
            return after[0] * (before[0] * layer.kernel**2 + 1)
        case Dense():
            return after[0] * (before[0] + 1)
        case BatchNorm():
            return 4 * after[0]
        case _:
            return 0


def _words(shape: Shape) -> str:
    return " x ".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} features"
