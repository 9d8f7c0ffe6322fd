"""MobileNet of the first version, for weights that were trained on a million photos.

The same numbers as the one in transformers, at several times its speed: batch normalisation stands
still, as a factor and an offset of each convolution, and maps lie channels last.

B batch, C channels, H height, W width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyespot.nets.trunkspec import STRIDES, MobileNetV1Spec

SHOWN = (3, 5, 11)  # after so many blocks, each before a map is halved


class Convolution(nn.Module):
    """A 3x3 or 1x1 convolution with a factor and an offset for each channel, then ReLU6."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, *, stride: int, groups: int,
        tensorflow_padding: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels_out, channels_in // groups, kernel, kernel))
        self.scale = nn.Parameter(torch.ones(channels_out))
        self.shift = nn.Parameter(torch.zeros(channels_out))
        self.stride, self.groups, self.uneven = stride, groups, tensorflow_padding and stride == 2
        self.padding = 0 if self.uneven else kernel // 2

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.uneven:  # three rows for two outputs: an even map lacks one, an odd one two
            height, width = x_BCHW.shape[2:]
            top, left = height % 2, width % 2
            x_BCHW = F.pad(x_BCHW, (left, 1, top, 1))
        if x_BCHW.is_meta:  # shapes alone count; a product there imports a compiler, for 3 s
            return F.conv2d(
                x_BCHW, self.weight, None, self.stride, self.padding, groups=self.groups
            )
        weight = self.weight * self.scale.reshape(-1, 1, 1, 1)
        x_BCHW = F.conv2d(x_BCHW, weight, self.shift, self.stride, self.padding, groups=self.groups)
        return F.relu6(x_BCHW, inplace=True)


class MobileNetV1(nn.Module):
    """(B, 3, H, W) -> maps of three depths and the mean of the last map, (B, C).

    `layers` are those of transformers: the stem, then for each of 13 blocks a convolution of every
    channel by itself and one of all channels at every place.
    """

    def __init__(self, spec: MobileNetV1Spec) -> None:
        super().__init__()
        widths = spec.widths
        uneven = spec.tensorflow_padding
        layers = [Convolution(3, widths[0], 3, stride=2, groups=1, tensorflow_padding=uneven)]
        for stride, before, after in zip(STRIDES, widths[:-1], widths[1:], strict=True):
            layers += [
                Convolution(
                    before, before, 3, stride=stride, groups=before, tensorflow_padding=uneven
                ),
                Convolution(before, after, 1, stride=1, groups=1, tensorflow_padding=uneven),
            ]
        self.layers = nn.ModuleList(layers)

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        found = []
        for number, layer in enumerate(self.layers):
            x_BCHW = layer(x_BCHW)
            if number in [2 * blocks for blocks in SHOWN]:
                found.append(x_BCHW)
        if x_BCHW.is_meta:
            return [*found, x_BCHW.new_empty(x_BCHW.shape[:2])]
        return [*found, x_BCHW.float().mean(dim=(2, 3))]

    def stages(self) -> list[list[nn.Module]]:
        """Its blocks from the last to the first, the stem with the first."""
        layers = list(self.layers)
        blocks = [layers[at : at + 2] for at in range(1, len(layers), 2)]
        return [*reversed(blocks[1:]), layers[:3]]


def depths_of(spec: MobileNetV1Spec) -> tuple[int, ...]:
    """Features of each depth, of pictures of any size: the quarters of its maps, and their mean."""
    widths = spec.widths
    return (*(4 * widths[blocks] for blocks in SHOWN), widths[-1])


def from_transformers(tensors: Mapping[str, Tensor], epsilon: float) -> dict[str, Tensor]:
    """The weights of MobileNetV1 from those of a transformers checkpoint, by its names.

    epsilon: of the batch normalisations. Raises KeyError, naming the tensor, for one that is not
    there; what else is in the checkpoint, such as a classifier, is left.
    """
    prefix = "mobilenet_v1." if any(n.startswith("mobilenet_v1.") for n in tensors) else ""
    names = ["conv_stem", *(f"layer.{number}" for number in range(2 * len(STRIDES)))]
    found: dict[str, Tensor] = {}
    for number, name in enumerate(names):
        norm = f"{prefix}{name}.normalization"
        deviation = (tensors[f"{norm}.running_var"].double() + epsilon).sqrt()
        scale = tensors[f"{norm}.weight"].double() / deviation
        shift = tensors[f"{norm}.bias"].double() - tensors[f"{norm}.running_mean"].double() * scale
        found |= {
            f"layers.{number}.weight": tensors[f"{prefix}{name}.convolution.weight"].float(),
            f"layers.{number}.scale": scale.float(),
            f"layers.{number}.shift": shift.float(),
        }
    return found
