"""A net from a list of layers. C channels, H height, W width."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Tensor, nn

from eyespot.nets.layerlist import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Pool,
    Shape,
    layer_shapes,
    margins,
    with_head,
)

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


class LayersNet(nn.Sequential):
    """(B, C, size, size) -> logits (B, K), layer by layer."""

    def activations(self, x: Tensor) -> list[Tensor]:
        """What its pools give, or its convolutions where there is no pool, and the head's input."""
        pooled = any(isinstance(module, POOLS) for module in self)
        found = []
        for module, following in pairwise(self):
            x = module(x)
            if x.ndim == 4 and (
                isinstance(module, POOLS) if pooled else isinstance(following, nn.Conv2d)
            ):
                found.append(x)
        return [*found, x]

    def logits_of(self, last: Tensor) -> Tensor:
        return self[-1](last)  # type: ignore[no-any-return]


def layers_net(layers: Sequence[Layer], *, channels: int, size: int, num_classes: int) -> LayersNet:
    """(B, C, size, size) -> logits (B, K).

    Its first weights are drawn as Keras draws them (Glorot and Bengio 2010), biases are 0: whoever
    writes such a list expects the results known from there. Raises UsageError for a layer that does
    not fit.
    """
    shapes = layer_shapes(layers, channels=channels, size=size, num_classes=num_classes)
    before = [(channels, size, size), *shapes]
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (layer, shape_in, shape_out) in enumerate(
        zip(with_head(layers), before, shapes, strict=False), 1
    ):
        for name, module in _modules(layer, shape_in, shape_out):
            modules[f"{name}{number}"] = module
    net = LayersNet(modules)
    for module in net:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net


def _modules(layer: Layer, shape_in: Shape, shape_out: Shape) -> Iterator[tuple[str, nn.Module]]:
    """The layer in torch's pieces, with their names."""
    match layer:
        case Conv():
            first, last = margins(layer, shape_in[1])
            if first != last:  # torch pads both sides alike
                yield "pad", nn.ZeroPad2d((first, last, first, last))
            padding = first if first == last else 0
            yield (
                "conv",
                nn.Conv2d(
                    shape_in[0], layer.filters, layer.kernel, stride=layer.stride, padding=padding
                ),
            )
        case Pool(size="all"):
            kind = nn.AdaptiveMaxPool2d if layer.kind == "max" else nn.AdaptiveAvgPool2d
            yield "pool", kind(1)
        case Pool(size=int(size)):
            pool = nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d
            yield "pool", pool(size, stride=layer.stride or size)
        case BatchNorm():
            norm = nn.BatchNorm2d if len(shape_in) == 3 else nn.BatchNorm1d
            yield "batchnorm", norm(shape_in[0])
        case Dropout():
            yield "dropout", nn.Dropout(layer.rate)
        case Flatten():
            yield "flatten", nn.Flatten()
        case Dense():
            yield "dense", nn.Linear(shape_in[0], shape_out[0])
    if isinstance(layer, Conv | BatchNorm | Dense) and layer.activation != "none":
        yield layer.activation, ACTIVATIONS[layer.activation]()
