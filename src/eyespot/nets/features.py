"""What a net knows of a picture besides its answer. B batch, C channels, H height, W width."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyespot.nets.backbone import BackboneNet

MOST = 4096


@runtime_checkable
class Tapped(Protocol):
    """A net that shows its activations on the way to its head."""

    def activations(self, x_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, H, W) and vectors (B, F), first to last; the last is what the head gets."""
        ...

    def logits_of(self, last: Tensor) -> Tensor:
        """(B, K), from the last of the activations."""
        ...


def features(net: nn.Module, x_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The logits (B, K) of prepared pictures, and the features (B, D) of each depth, in one pass.

    Of every depth, since a net forgets on its way what is of no use for its classes, noise and
    photographs for instance: of each map the mean of its quarters, which says roughly what is
    where, and each vector as it is, or in means of neighbours where it is longer than 4,096.
    net: as `build_net` gives it, no ensemble. Of a net with a backbone also from rows (B, F) of
    what that gave before.
    """
    normalise, body = net.children()
    if x_BCHW.ndim == 2:
        assert isinstance(body, BackboneNet), f"{type(body).__name__} goes on from pictures alone"
        return body.remembered(x_BCHW)
    assert isinstance(body, Tapped), f"{type(body).__name__} shows no activations"
    activations = body.activations(normalise(x_BCHW))
    found = [_quarters(one) if one.ndim == 4 else _shortened(one) for one in activations]
    return body.logits_of(activations[-1]), found


def _quarters(x_BCHW: Tensor) -> Tensor:
    """(B, 4 C): the mean of each quarter; a middle row or column of an odd map is in both halves.

    The same as adaptive_avg_pool2d to 2 x 2, in operations that every export knows.
    """
    if x_BCHW.is_meta:  # shapes alone count; a mean there imports a compiler, for 3 s
        return x_BCHW.new_empty(len(x_BCHW), 4 * x_BCHW.shape[1])
    height, width = x_BCHW.shape[2:]
    down, right = (height + 1) // 2, (width + 1) // 2
    corners = [
        x_BCHW[:, :, rows, columns].mean(dim=(2, 3))
        for rows in (slice(down), slice(height - down, None))
        for columns in (slice(right), slice(width - right, None))
    ]
    return torch.cat(corners, dim=1)


def _shortened(x_BF: Tensor) -> Tensor:
    num = x_BF.shape[1]
    if num <= MOST:
        return x_BF
    together = -(-num // MOST)
    padded = F.pad(x_BF, (0, -num % together))
    return padded.reshape(len(x_BF), -1, together).mean(dim=2)
