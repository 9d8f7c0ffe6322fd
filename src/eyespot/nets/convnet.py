"""A small convolutional net for 8 to 128 pixels a side, grey or colour.

A first layer, then stages of one or two 3x3 convolutions with batch normalisation; each stage
halves the picture and adds its second convolution, if it has one, to its first (He et al. 2015,
arXiv 1512.03385). The largest activation of each channel goes to the linear head.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Stage(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H // 2, W // 2)."""

    def __init__(self, channels_in: int, channels_out: int, depth: Literal[1, 2]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.depth = depth
        if depth == 1:
            return
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        # Pooling before the normalisation leaves it, and what follows, a quarter of the pixels.
        x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), 2)), inplace=True)
        if self.depth == 1:
            return x
        return x + F.relu(self.norm2(self.conv2(x)), inplace=True)


class ConvNet(nn.Module):
    """(B, C, H, W) -> logits (B, K)."""

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        stem: int,
        widths: Sequence[int],
        stride: Literal[1, 2],
        depth: Literal[1, 2] = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        kernel, padding = (4, 0) if stride == 2 else (3, 1)
        self.stem = nn.Conv2d(channels, stem, kernel, stride=stride, padding=padding, bias=False)
        self.norm = nn.BatchNorm2d(stem)
        inputs = [stem, *widths[:-1]]
        self.stages = nn.Sequential(*map(Stage, inputs, widths, [depth] * len(widths)))
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits_of(self.activations(x)[-1])

    def activations(self, x: Tensor) -> list[Tensor]:
        """The map of the first layer, that of each stage, and the vector that the head gets."""
        found = [F.relu(self.norm(self.stem(x)), inplace=True)]
        for stage in self.stages:
            found.append(stage(found[-1]))
        return [*found, torch.amax(found[-1], dim=(2, 3))]

    def logits_of(self, last: Tensor) -> Tensor:
        return self.head(self.dropout(last))  # type: ignore[no-any-return]
