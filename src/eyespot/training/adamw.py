"""AdamW for one tensor, for those who cannot take torch's own: that imports a compiler, for 1.3 s.

Source: Loshchilov and Hutter 2019, arXiv 1711.05101.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@torch.no_grad()
def adamw_step(
    weight: Tensor, gradient: Tensor, state: dict[str, Any], group: Mapping[str, float]
) -> None:
    """Moves the weight and its state, which is empty before the first step, in place.

    group: "lr", the rate, and "weight_decay".
    """
    if not state:
        state["num_steps"] = 0
        state["mean"], state["square"] = torch.zeros_like(weight), torch.zeros_like(weight)
    state["num_steps"] += 1
    first, second = (1 - beta ** state["num_steps"] for beta in BETAS)
    mean = state["mean"].lerp_(gradient, 1 - BETAS[0])
    square = state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    weight.mul_(1 - group["lr"] * group["weight_decay"])
    deviation = (square / second).sqrt_().add_(EPSILON)
    weight.addcdiv_(mean, deviation, value=-group["lr"] / first)
