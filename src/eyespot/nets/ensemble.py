"""Several nets as one. M members, B batch, C channels, H height, W width, K classes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eyespot.nets.spec import MemberSpec
from eyespot.nets.views import views_of


class Ensemble(nn.Module):
    """Gives the logarithm of the mean of its members' probabilities, each at its own temperature.

    So the softmax of what it gives is that mean.
    """

    def __init__(self, nets: Sequence[nn.Module], specs: Sequence[MemberSpec]) -> None:
        super().__init__()
        self.members = nn.ModuleList(nets)
        self.specs = tuple(specs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        log_probs = []
        for net, spec in zip(self.members, self.specs, strict=True):
            of_views = torch.stack([net(x) for x in views_of(x_BCHW, spec.views)])
            log_probs.append((of_views.mean(dim=0) / spec.temperature).log_softmax(dim=1))
        return torch.stack(log_probs).logsumexp(dim=0) - math.log(len(log_probs))
