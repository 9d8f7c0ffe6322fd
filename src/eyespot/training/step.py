"""One step: views of some images, their loss, its gradient, a move of the weights.

B batch, H height, W width, C channels, K classes.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyespot.training.augmentation import augment
from eyespot.training.mixing import mixed
from eyespot.training.randomness import seeded, stream
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.shards import Shards
from eyespot.training.state import State
from eyespot.training.workers import together
from eyespot.training.world import World


def take_step(
    state: State,
    shards: Shards,
    train: Samples,
    indices: Tensor,
    recipe: Recipe,
    world: World,
    *,
    rate: float,
    weights_K: Tensor | None,
) -> bool:
    """One step on these images, counted in the state; False, and none made, if its loss is not
    finite.

    shards: of the state's net. weights_K: of the classes, in the loss.
    """
    shards.begin()
    learn = partial(_learn, state, train, recipe, world, weights_K)
    parts = torch.tensor_split(indices, len(shards.nets))
    tasks = [
        partial(learn, net, part, shard, len(part) / len(indices))
        for shard, (net, part) in enumerate(zip(shards.nets, parts, strict=True))
    ]
    if len(tasks) > 1:
        told = together(tasks)
    else:  # with all threads
        with seeded(recipe.seed, "dropout", state.step):
            told = [tasks[0]()]
    loss_sum = sum(loss for loss, _ in told)
    if not math.isfinite(loss_sum):
        return False
    shards.gather()
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1.0)
    state.optimizer.step()
    if state.average:
        state.average.update(state.net, state.step)
    state.step += 1
    state.loss_sum += loss_sum
    state.num_right += sum(right for _, right in told)
    state.num_seen += len(indices)
    return True


def _learn(
    state: State,
    train: Samples,
    recipe: Recipe,
    world: World,
    weights_K: Tensor | None,
    net: nn.Module,
    indices: Tensor,
    shard: int,
    share: float,
) -> tuple[float, int]:
    """Gives this net of the state's step the gradient of a share of the images' mean loss.

    Returns their summed loss, in nats, and how many were right; without label smoothing, weights
    and mixing, so that they compare to the validation part's. A loss that is not finite gives no
    gradient.
    """
    views = stream(recipe.seed, "views", state.step, shard)
    x_BCHW = augment(train.batch(indices), recipe, generator=views)
    labels_B = train.labels[indices.to(train.labels.device)]
    targets = labels_B
    if recipe.mixup or recipe.cutmix:
        targets = F.one_hot(labels_B, state.num_classes).float()
        x_BCHW, targets = mixed(x_BCHW, targets, recipe, generator=views)
    x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
    with world.autocast():
        logits_BK = net(x_BCHW).float()
    told = F.cross_entropy(logits_BK.detach(), labels_B, reduction="sum").item()
    if math.isfinite(told):
        smoothing = recipe.label_smoothing
        if weights_K is None:
            loss = F.cross_entropy(logits_BK, targets, label_smoothing=smoothing)
        else:  # torch's own weights would divide by their sum, and weigh the smoothing
            losses_B = F.cross_entropy(
                logits_BK, targets, label_smoothing=smoothing, reduction="none"
            )
            loss = (losses_B * weights_K[labels_B]).mean()
        (loss * share).backward()  # type: ignore[no-untyped-call]
    return told, int((logits_BK.argmax(1) == labels_B).sum())
