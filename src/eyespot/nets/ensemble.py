"""Several nets as one. M members, B batch, C channels, H height, W width, K classes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eyespot.nets.refusal import Refusal, answered
from eyespot.nets.spec import MemberSpec


class Ensemble(nn.Module):
    """Gives the logarithm of the mean of its members' probabilities, each at its own temperature.

    So the softmax of what it gives is that mean.
    """

    def __init__(self, nets: Sequence[nn.Module], specs: Sequence[MemberSpec]) -> None:
        super().__init__()
        self.members = nn.ModuleList(nets)
        self.specs = tuple(specs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.answered(x_BCHW, [None] * len(self.specs))[0]

    def answered(
        self, x_BCHW: Tensor, refusals: Sequence[Refusal | None]
    ) -> tuple[Tensor, Tensor | None]:
        """What `forward` gives, and the mean of the members' refusals; None if one has none."""
        log_probs, refused = [], []
        for net, spec, refusal in zip(self.members, self.specs, refusals, strict=True):
            logits, own = answered(net, x_BCHW, spec.views, refusal)
            log_probs.append((logits / spec.temperature).log_softmax(dim=1))
            refused += [] if own is None else [own]
        mean = torch.stack(refused).mean(dim=0) if len(refused) == len(log_probs) else None
        return torch.stack(log_probs).logsumexp(dim=0) - math.log(len(log_probs)), mean
