"""A net that stands on a trunk which somebody has trained before, with a head of our own.

B batch, C channels, H height, W width, D features of the last depth, F of all that is remembered.
"""

from collections.abc import Sequence
from typing import Protocol, assert_never, cast

import torch
from torch import Tensor, nn

from eyespot.nets.mobilenet import MobileNetV1
from eyespot.nets.spec import BackboneSpec
from eyespot.nets.trunkspec import MobileNetV1Spec, OnnxSpec, TransformersSpec, TrunkSpec


class Trunk(Protocol):
    """The pretrained part of a net, without its normalisation."""

    def __call__(self, x_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, H, W) of some depths and, last, the features (B, D) of the picture."""
        ...

    def stages(self) -> list[list[nn.Module]]:
        """Its parts that can be trained on their own, from the last to the first."""
        ...


def build_trunk(spec: TrunkSpec) -> nn.Module:
    """A Trunk with weights of chance. Raises MissingExtra where its package is not installed."""
    if isinstance(spec, MobileNetV1Spec):
        return MobileNetV1(spec)
    if isinstance(spec, TransformersSpec):
        from eyespot.nets.transformed import TransformersTrunk

        return TransformersTrunk(spec)
    if isinstance(spec, OnnxSpec):
        from eyespot.nets.onnxtrunk import OnnxTrunk

        return OnnxTrunk(spec)
    assert_never(spec)


class BackboneNet(nn.Module):
    """(B, 3, H, W) -> logits (B, K).

    It can go on from what its trunk gave before: see `remember`.
    """

    def __init__(self, spec: BackboneSpec, num_classes: int) -> None:
        super().__init__()
        self.spec = spec
        self.depths = spec.depths
        self.trunk = build_trunk(spec.trunk)
        self.head = _head(spec.depths[-1], spec.hidden, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.logits_of(self.activations(x_BCHW)[-1])

    def activations(self, x_BCHW: Tensor) -> list[Tensor]:
        """The maps of some depths of the trunk, and the vector that the head gets."""
        return cast(list[Tensor], self.trunk(x_BCHW))

    def logits_of(self, last: Tensor) -> Tensor:
        return cast(Tensor, self.head(last))

    def stages(self) -> list[list[nn.Module]]:
        """Those of the trunk, from the last to the first."""
        return cast(Trunk, self.trunk).stages()

    def remembered(self, rows_BF: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and the features of each depth, from rows that `row` made."""
        *found, last = torch.split(rows_BF, [*self.depths, self.depths[-1]], dim=1)
        return self.logits_of(last), found

    @torch.no_grad()
    def take_head(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Takes these weights and biases as its head's, of one layer or of two."""
        hidden = len(layers[0][1]) if len(layers) > 1 else 0
        self.spec = self.spec.model_copy(update={"hidden": hidden})
        device = next(self.head.parameters()).device
        self.head = _head(self.depths[-1], hidden, len(layers[-1][1])).to(device)
        own = [module for module in self.head.modules() if isinstance(module, nn.Linear)]
        for linear, (weight, bias) in zip(own, layers, strict=True):
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return self.spec.width


def _head(num_features: int, hidden: int, num_classes: int) -> nn.Module:
    if not hidden:
        return nn.Linear(num_features, num_classes)
    return nn.Sequential(nn.Linear(num_features, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))


def row(found: list[Tensor], last_BD: Tensor) -> Tensor:
    """What is remembered of pictures, (B, F): the features of each depth of the first view, and
    the mean over all views of what the head gets."""
    return torch.cat([*found, last_BD], dim=1)
