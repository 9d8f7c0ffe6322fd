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
    if world.peers:
        place = world.peers.place(shards.num)
        with seeded(recipe.seed, "dropout", state.step, *place[:2]):
            told = [learn(state.net, indices, shards.num, place)]
    elif shards.num > 1:
        tasks = [
            partial(learn, net, indices, shards.num, (shard, 0, 1))
            for shard, net in enumerate(shards.nets)
        ]
        told = together(tasks)
    else:  # with all threads
        with seeded(recipe.seed, "dropout", state.step):
            told = [learn(state.net, indices, 1, (0, 0, 1))]
    loss_sum, num_right = (sum(numbers) for numbers in zip(*told, strict=True))
    if not math.isfinite(loss_sum):
        return False
    shards.gather()
    if world.peers:
        world.peers.gather(state.net)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1.0)
    state.optimizer.step()
    if state.average:
        state.average.update(state.net, state.step)
    state.step += 1
    state.loss_sum += loss_sum
    state.num_right += num_right
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
    num_shards: int,
    place: tuple[int, int, int],
) -> tuple[float, int]:
    """Gives this net of the state's step the gradient of a share of the images' mean loss.

    place: the shard of the batch, the piece of the shard, of so many pieces: the views are drawn
    for the whole shard, so that they do not depend on how many processes share it.
    Returns the summed loss, in nats, and how many were right, of all processes' pieces; without
    label smoothing, weights and mixing, so that they compare to the validation part's. A loss that
    is not finite gives no gradient to any process.
    """
    shard, piece, num_pieces = place
    chosen = torch.tensor_split(indices, num_shards)[shard]
    views = stream(recipe.seed, "views", state.step, shard)
    x_BCHW = augment(train.batch(chosen), recipe, generator=views)
    labels_B = train.labels[chosen.to(train.labels.device)]
    targets = labels_B
    if recipe.mixup or recipe.cutmix:
        targets = F.one_hot(labels_B, state.num_classes).float()
        x_BCHW, targets = mixed(x_BCHW, targets, recipe, generator=views)
    if num_pieces > 1:
        x_BCHW, targets, labels_B = (
            torch.tensor_split(whole, num_pieces)[piece] for whole in (x_BCHW, targets, labels_B)
        )
    share = len(labels_B) / len(indices)
    x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
    with world.autocast():
        logits_BK = net(x_BCHW).float()
    told = F.cross_entropy(logits_BK.detach(), labels_B, reduction="sum").item()
    num_right = int((logits_BK.argmax(1) == labels_B).sum())
    if world.peers:  # all of them go on to the gradient, or none
        told, rights = world.peers.summed(told, num_right)
        num_right = int(rights)
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
    return told, num_right
