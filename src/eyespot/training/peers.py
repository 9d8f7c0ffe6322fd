"""Several processes that make every step together: their sums, and their batch normalisation.

They hold the same weights, see the same order of images, and each learns from its own piece of
every batch; the gradients are summed, so that all make the same step. A batch is cut as one
process cuts it (shards.py), and where several processes have a shard between them, its images are
normalised as one batch: the number of processes changes the numbers no more than their rounding.

Source of the normalisation: Ioffe and Szegedy 2015, arXiv 1502.03167, with its means over all
processes of a shard, as torch's SyncBatchNorm does, which wants GPUs.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Peers:
    """This process's place among `num`, which torch.distributed has joined. Ranks count from 0."""

    rank: int
    num: int
    _groups: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes files and talks."""
        return self.rank == 0

    def place(self, num_shards: int) -> tuple[int, int, int]:
        """The shard of each batch that is ours, our piece of it, and how many pieces it has."""
        each = self.num // num_shards
        return self.rank // each, self.rank % each, each

    def summed(self, *numbers: float) -> list[float]:
        """The sums of all processes' numbers."""
        total = torch.tensor(numbers, dtype=torch.float64)
        self._all_reduce(total)
        return total.tolist()

    def shared(self, value: Any) -> Any:
        """What the leading process has given, whatever the others have. Plain values, tensors."""
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    @torch.no_grad()
    def gather(self, net: nn.Module) -> None:
        """Gives the net the sum of all gradients and the mean of all running statistics."""
        gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
        self._sum_in_place(gradients)
        # Not what is constant: the mean of equal numbers may differ from them in its last bit.
        statistics = [one for name, one in net.named_buffers() if ".running_" in name]
        if statistics:
            self._sum_in_place(statistics)
            torch._foreach_div_(statistics, self.num)

    def neighbours(self, num_shards: int) -> Any:
        """The group of processes that share this one's shard."""
        if num_shards not in self._groups:
            each = self.num // num_shards
            ranks = [list(range(each * n, each * (n + 1))) for n in range(num_shards)]
            # Every process has to take part in making every group.
            groups = [dist.new_group(some) for some in ranks]
            self._groups[num_shards] = groups[self.rank // each]
        return self._groups[num_shards]

    def _sum_in_place(self, tensors: list[Tensor]) -> None:
        """In one message: many small ones wait for each other's way."""
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._all_reduce(flat)
        pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))

    def _all_reduce(self, tensor: Tensor) -> None:
        if dist.get_backend() == "nccl" and not tensor.is_cuda:
            moved = tensor.cuda()
            dist.all_reduce(moved)
            tensor.copy_(moved)
        else:
            dist.all_reduce(tensor)


class SharedBatchNorm(nn.Module):
    """A batch normalisation over the images of several processes; its weights keep their names."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.Module, group: Any) -> None:
        super().__init__()
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        self.weight, self.bias = norm.weight, norm.bias
        self.momentum, self.eps = norm.momentum or 0.0, norm.eps
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)
        self._group = group

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) or (B, C)."""
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        values = x.float()
        dims = [dim for dim in range(x.ndim) if dim != 1]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        own = torch.tensor([x.numel() / x.shape[1]], device=x.device)
        num = self._summed(own)
        mean_C = self._summed(values.sum(dims)) / num
        away = values - mean_C.view(shape)
        variance_C = self._summed(away.square().sum(dims)) / num
        with torch.no_grad():
            self.running_mean.lerp_(mean_C, self.momentum)
            self.running_var.lerp_(variance_C * num / (num - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale_C = self.weight * torch.rsqrt(variance_C + self.eps)
        normal: Tensor = (away * scale_C.view(shape) + self.bias.view(shape)).to(x.dtype)
        return normal

    def _summed(self, values: Tensor) -> Tensor:
        total: Tensor = _Summed.apply(values, self._group)  # type: ignore[no-untyped-call]
        return total


class _Summed(torch.autograd.Function):
    """The sum over a group; so is its gradient, because every process's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, group: Any) -> Tensor:
        ctx.group = group
        total = values.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone().contiguous()
        dist.all_reduce(total, group=ctx.group)
        return total, None


def share_normalisation(net: nn.Module, group: Any) -> None:
    """Replaces every batch normalisation of the net by one over the group, in place."""
    for module in list(net.modules()):
        for name, inner in module.named_children():
            if isinstance(inner, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(module, name, SharedBatchNorm(inner, group))
