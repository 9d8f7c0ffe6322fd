"""The running average of a net, which is often better than the net itself."""

import copy

import torch
from torch import nn


class Average:
    """An exponential moving average of a net's weights and running statistics.

    net: the average, a net in evaluation mode; its state_dict is all there is to store. Source:
    Polyak and Juditsky 1992; the slow start as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Moves the average towards the net, as it is after this step; step counts from 0.

        The first steps are forgotten faster: their weights are still those of chance.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        fresh = net.state_dict()
        for name, average in self.net.state_dict().items():
            if average.is_floating_point():
                average.lerp_(fresh[name], 1 - decay)
            else:  # a count
                average.copy_(fresh[name])
