"""Brightness to zero mean and unit deviation, as a layer."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """(x / 255 - mean) / std, per channel; the values are the preparation's, not weights."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Worked out by numpy: torch imports its compiler, a second of work, to divide on the meta
        # device, where the net of a model file is built first.
        mean_C, std_C = np.array(mean, np.float32), np.array(std, np.float32)
        for name, values_C in (("scale", 1 / (255 * std_C)), ("offset", -(mean_C / std_C))):
            values_C11 = torch.tensor(values_C.tolist()).reshape(-1, 1, 1)
            self.register_buffer(name, values_C11, persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.addcmul(self.get_buffer("offset"), x_BCHW, self.get_buffer("scale"))
