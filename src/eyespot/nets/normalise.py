"""Brightness to zero mean and unit deviation, as a layer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """(x / 255 - mean) / std, per channel; the values are the preparation's, not weights."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        scale_C11 = 1 / (255 * torch.tensor(std).reshape(-1, 1, 1))
        offset_C11 = -(torch.tensor(mean) / torch.tensor(std)).reshape(-1, 1, 1)
        self.register_buffer("scale", scale_C11, persistent=False)
        self.register_buffer("offset", offset_C11, persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.addcmul(self.get_buffer("offset"), x_BCHW, self.get_buffer("scale"))
