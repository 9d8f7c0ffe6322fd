"""Muon: momentum whose every step is made orthogonal, for the hidden weights of a net.

Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon; the length of a step as in Liu et al.
2025, arXiv 2502.16982, so that one rate suits these weights and AdamW's.
"""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from eyespot.training.adamw import adamw_step
from eyespot.training.workers import together

STEP_LENGTH = 0.2  # root mean square of AdamW's usual steps at a rate of 1; Liu et al.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the iteration; Jordan et al.


def hidden_and_others(net: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of convolutions and dense layers, but for the first and the last; and all others.

    The first layer sees pixels and the last one gives classes: neither maps features to features.
    """
    weights: list[Tensor] = list(net.parameters())
    hidden = [weight for weight in weights if weight.ndim >= 2][1:-1]
    known = set(map(id, hidden))
    return hidden, [weight for weight in weights if id(weight) not in known]


class Muon(torch.optim.Optimizer):
    """Muon for hidden weights, of two dimensions or more, and AdamW for all others, in one.

    A weight of more than two dimensions is taken for a matrix with a row for each output.
    """

    def __init__(
        self,
        hidden: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        rate: float,
        weight_decay: float,
        momentum: float,
    ) -> None:
        groups = [{"params": list(weights)} for weights in (hidden, others)]
        super().__init__(groups, {"lr": rate, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the gradients that are there; it looks at one gradient, so no closure."""
        hidden, others = self.param_groups
        steps = [
            partial(_orthogonal_step, weight, weight.grad, self.state[weight], hidden)
            for weight in sorted(hidden["params"], key=_work, reverse=True)
            if weight.grad is not None
        ]
        if any(weight.is_cuda for weight in hidden["params"]):
            for step in steps:
                step()
        else:
            together(steps)
        for weight in others["params"]:
            if weight.grad is not None:
                adamw_step(weight, weight.grad, self.state[weight], others)


def _work(weight: Tensor) -> int:
    """Of making its step orthogonal; the long ones begin, so that no worker ends alone."""
    rows, columns = len(weight), weight[0].numel()
    return rows * columns * min(rows, columns)


@torch.no_grad()
def _orthogonal_step(
    weight: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
) -> None:
    if not state:
        state["mean"] = torch.zeros_like(weight)
    mean = state["mean"].lerp_(gradient, 1 - group["momentum"])
    ahead = gradient.lerp(mean, group["momentum"])  # Nesterov's look ahead
    direction = orthogonal(ahead.reshape(len(ahead), -1)).view(ahead.shape)
    length = STEP_LENGTH * math.sqrt(max(len(weight), weight[0].numel()))
    weight.mul_(1 - group["lr"] * group["weight_decay"])
    weight.sub_(direction, alpha=group["lr"] * length)


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T for the matrix U S V^T: its singular values become 0.7 to 1.2.

    Five steps of a Newton-Schulz iteration whose coefficients make small values grow fastest, in
    bfloat16, as in the source.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)
