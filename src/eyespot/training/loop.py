"""The loop: a generator that yields one Epoch at a time; the caller prints, records, saves, stops.

N images, B batch, H height, W width, C channels, K classes.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyespot.errors import EyespotError
from eyespot.training.augmentation import augment
from eyespot.training.balancing import class_weights, epoch_order
from eyespot.training.randomness import stream
from eyespot.training.recipe import Recipe
from eyespot.training.world import World
from eyespot.values import Array, Epoch

WARM_UP = 0.25  # of all steps, until the rate is at its peak


@dataclass(frozen=True, eq=False)
class Samples:
    """One part in memory: images uint8 (N, H, W, C), labels int64 (N,)."""

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, images: Array, labels: Array, world: World) -> "Samples":
        # Not copied, unless it is read-only: torch warns of that.
        arrays = (np.require(array, requirements=["C", "W"]) for array in (images, labels))
        return cls(*(torch.from_numpy(array).to(world.device) for array in arrays))

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor) -> Tensor:
        """Float images (B, C, H, W) in 0..255, laid out channels last as they are stored."""
        return self.images[indices].permute(0, 3, 1, 2).float()


def one_cycle(step: int, num_steps: int) -> float:
    """The share of the peak rate at this step: up for a quarter of the steps, then down to zero.

    Source: Smith and Topin 2018, arXiv 1708.07120, with straight lines.
    """
    up = max(1, int(num_steps * WARM_UP))
    return min((step + 1) / up, (num_steps - step) / max(1, num_steps - up))


def fit(
    net: nn.Module, train: Samples, valid: Samples, recipe: Recipe, world: World
) -> Iterator[Epoch]:
    """Trains the net in place and yields what each epoch gave.

    recipe: fitted, no field is open. An empty validation part gives NaN for its numbers. An epoch
    has as many steps whatever the balance; without one, every image is seen once. Whenever it
    yields, the net is in evaluation mode and all of its weights are finite. Raises EyespotError
    when they, or the loss, are not finite any more.
    """
    assert recipe.epochs and recipe.batch and recipe.rate, "the recipe is not fitted"
    net.to(world.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True
    )
    # Batches never smaller than wanted: batch normalisation cannot learn from one image.
    num_batches = max(1, len(train) // recipe.batch)
    num_steps = recipe.epochs * num_batches
    weights_K = class_weights(train.labels, recipe)
    for epoch in range(1, recipe.epochs + 1):
        started = time.perf_counter()
        net.train()
        order = epoch_order(train.labels, recipe, epoch)
        loss_sum, num_right, rate = 0.0, 0, 0.0
        for number, indices in enumerate(torch.tensor_split(order, num_batches)):
            step = (epoch - 1) * num_batches + number
            rate = recipe.rate * one_cycle(step, num_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss, right = _step(net, train, indices, optimizer, recipe, world, step, weights_K)
            loss_sum += loss * len(indices)
            num_right += right
        net.eval()
        valid_loss, valid_accuracy = measure(net, valid, world)
        losses = (loss_sum, valid_loss if len(valid) else 0.0)
        if not all(map(math.isfinite, losses)) or not _finite(net):
            raise EyespotError(
                f"the loss or a weight is not a finite number in epoch {epoch}; "
                f"train with a lower rate, for instance --set rate={recipe.rate / 4:.2g}"
            )
        yield Epoch(
            epoch=epoch,
            train_loss=loss_sum / len(train),
            train_accuracy=num_right / len(train),
            valid_loss=valid_loss,
            valid_accuracy=valid_accuracy,
            rate=rate,
            seconds=time.perf_counter() - started,
        )


def _step(
    net: nn.Module,
    train: Samples,
    indices: Tensor,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    world: World,
    step: int,
    weights_K: Tensor | None,
) -> tuple[float, int]:
    """One step on these images: their mean loss before it, and how many were right.

    The loss is told without label smoothing and weights, so that it compares to the validation
    part's.
    """
    x_BCHW = augment(train.batch(indices), recipe, generator=stream(recipe.seed, "views", step))
    labels_B = train.labels[indices]
    with _precision(world):
        logits_BK = net(x_BCHW.contiguous(memory_format=torch.channels_last)).float()
    smoothing = recipe.label_smoothing
    if weights_K is None:
        loss = F.cross_entropy(logits_BK, labels_B, label_smoothing=smoothing)
    else:  # torch's own weights would divide by their sum in the batch, and weigh the smoothing
        losses_B = F.cross_entropy(logits_BK, labels_B, label_smoothing=smoothing, reduction="none")
        loss = (losses_B * weights_K[labels_B]).mean()
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    told = F.cross_entropy(logits_BK.detach(), labels_B)
    return told.item(), int((logits_BK.argmax(1) == labels_B).sum())


@torch.no_grad()
def measure(net: nn.Module, part: Samples, world: World) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy of the net on a part; NaN when the part is empty."""
    if not len(part):
        return math.nan, math.nan
    net.eval()
    loss, right = 0.0, 0
    num = max(1, min(512, 2**23 // part.images[0, :, :, 0].numel()))  # memory stays under 2 GB
    for indices in torch.split(torch.arange(len(part)), num):
        with _precision(world):
            logits_BK = net(part.batch(indices)).float()
        labels_B = part.labels[indices]
        loss += F.cross_entropy(logits_BK, labels_B, reduction="sum").item()
        right += int((logits_BK.argmax(1) == labels_B).sum())
    return loss / len(part), right / len(part)


def _finite(net: nn.Module) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in net.state_dict().values())


def _precision(world: World) -> torch.autocast:
    return torch.autocast(world.device.type, world.dtype, enabled=world.dtype is not torch.float32)
