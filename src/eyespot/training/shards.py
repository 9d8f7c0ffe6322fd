"""A batch in halves: a net for each, which share their weights and have their own gradients.

Source: Goyal et al. 2017, arXiv 1706.02677 (data parallel steps, batch statistics of each part).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eyespot.training.peers import Peers, share_normalisation
from eyespot.training.recipe import Recipe
from eyespot.training.world import World

# Pixels of a batch, below which halves save nothing: digits, 64 of 8 x 8 at a time, took 9 seconds
# either way.
LEAST_PIXELS = 2**16
LEAST_IMAGES = 32  # halves of fewer tell a batch normalisation little about mean and spread


def num_shards(net: nn.Module, recipe: Recipe, world: World) -> int:
    """Into how many parts each batch is cut: two on a processor, however many cores it has.

    One for small batches, for a net with dropout, which draws from the one generator of the whole
    process, and where several processes cannot have equally many shards or pieces of one.
    """
    assert recipe.batch and recipe.size, "the recipe is not fitted"
    draws = any(isinstance(layer, nn.Dropout) for layer in net.modules())
    small = recipe.batch < LEAST_IMAGES or recipe.batch * recipe.size**2 < LEAST_PIXELS
    odd = world.peers is not None and world.peers.num % 2
    return 1 if draws or small or odd or world.device.type != "cpu" else 2


class Shards:
    """The nets of one step. The first is the net itself, the others are made from it.

    num: of shards. Where several processes train together each has one net: for its own shard, or
    for its piece of one, which the others of that shard normalise with it.
    """

    def __init__(self, net: nn.Module, num: int, peers: Peers | None = None) -> None:
        self.num = num
        self.nets = [net, *(_twin(net) for _ in range(0 if peers else num - 1))]
        if peers and peers.num > num:
            share_normalisation(net, peers.neighbours(num))
        self._weights = [list(each.parameters()) for each in self.nets]
        self._statistics = [
            [buffer for buffer in each.buffers() if buffer.is_floating_point()]
            for each in self.nets
        ]

    def begin(self) -> None:
        """Forgets gradients, and gives every net the first one's running statistics."""
        for each in self.nets:
            each.train()
            each.zero_grad()
        for statistics in self._statistics[1:]:
            if statistics:
                torch._foreach_copy_(statistics, self._statistics[0])

    @torch.no_grad()
    def gather(self) -> None:
        """Adds all gradients to the first net's, and gives it the mean of the statistics."""
        for weights in self._weights[1:]:
            torch._foreach_add_(_gradients(self._weights[0]), _gradients(weights))
        for number, statistics in enumerate(self._statistics[1:], start=2):
            if statistics:
                torch._foreach_lerp_(self._statistics[0], statistics, 1 / number)


def _twin(net: nn.Module) -> nn.Module:
    twin = copy.deepcopy(net)
    for weight, shared in zip(twin.parameters(), net.parameters(), strict=True):
        weight.data = shared.data
    return twin


def _gradients(weights: Sequence[nn.Parameter]) -> list[Tensor]:
    return [weight.grad for weight in weights if weight.grad is not None]
