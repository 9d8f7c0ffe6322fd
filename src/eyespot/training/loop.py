"""The loop: a generator that yields one Epoch at a time; the caller prints, records, saves, stops.

N images, B batch, H height, W width, C channels, K classes.
"""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional as F

from eyespot.errors import EyespotError
from eyespot.training.balancing import class_weights, epoch_order
from eyespot.training.length import num_batches, num_epochs, num_steps
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.schedules import rate_share, should_stop
from eyespot.training.shards import Shards, num_shards
from eyespot.training.state import State
from eyespot.training.step import take_step
from eyespot.training.world import World
from eyespot.values.training import Epoch

MOST_HALVINGS = 3  # of the rate, when numbers stop being finite


def finished(state: State, recipe: Recipe, num_train: int) -> bool:
    """Whether nothing is left to do: all epochs are over, or the recipe's patience is."""
    over = len(state.history) >= num_epochs(recipe, num_train)
    return over or should_stop(recipe, state.history)


def fit(
    state: State,
    train: Samples,
    valid: Samples,
    recipe: Recipe,
    world: World,
    *,
    pause: Callable[[], bool] = lambda: False,
) -> Iterator[Epoch]:
    """Moves the state on to the end of the training and yields what each epoch gave.

    recipe: fitted, no field is open. An empty validation part gives NaN for its numbers. An epoch
    has as many steps whatever the balance; without one, every image is seen once. pause: asked
    after every step and every batch of the validation; the state may be packed then. Where it says
    yes the generator ends, and another call goes on from there as if nothing had been. Whenever it
    yields or ends, the nets are in evaluation mode. Processes that train together (world.peers) all
    call it with the same arguments, and get the same epochs; they cannot pause.

    A number that is not finite sends the state back to the beginning of its epoch, with half the
    rate; after the third time it raises EyespotError.
    """
    batches = num_batches(recipe, len(train))
    weights_K = class_weights(train.labels, recipe)
    shards = Shards(state.net, num_shards(state.net, recipe, world), world.peers)
    while not finished(state, recipe, len(train)):
        started = time.perf_counter()
        epoch = len(state.history) + 1
        first = (epoch - 1) * batches
        last = min(first + batches, num_steps(recipe, len(train)))
        if state.step == first:
            state.begin_epoch()
        order = torch.tensor_split(epoch_order(train.labels, recipe, epoch), batches)
        finite = True
        for indices in order[state.step - first : last - first]:
            rate = _rate(state, recipe, len(train))
            finite = take_step(
                state, shards, train, indices, recipe, world, rate=rate, weights_K=weights_K
            )
            if not finite:
                break
            started = _counted(state, started)
            if pause():
                state.net.eval()
                return
        state.net.eval()
        measured = measure(state.judged, valid, world, pause=pause) if finite else None
        _counted(state, started)
        if finite and measured is None:
            return
        if measured is None or not _all_finite(state, measured, len(valid)):
            _go_back(state, recipe, epoch)
            continue
        result = Epoch(
            epoch=epoch,
            train_loss=state.loss_sum / state.num_seen,
            train_accuracy=state.num_right / state.num_seen,
            valid_loss=measured[0],
            valid_accuracy=measured[1],
            rate=state.optimizer.param_groups[0]["lr"],
            seconds=state.seconds,
        )
        state.end_epoch(result)
        yield result


def _counted(state: State, started: float) -> float:
    """Now, with the seconds since then added to the epoch's."""
    now = time.perf_counter()
    state.seconds += now - started
    return now


def _all_finite(state: State, measured: tuple[float, float], num_valid: int) -> bool:
    return state.finite() and (math.isfinite(measured[0]) or not num_valid)


def _go_back(state: State, recipe: Recipe, epoch: int) -> None:
    assert recipe.rate, "the recipe is not fitted"
    if state.halvings == MOST_HALVINGS:
        raise EyespotError(
            f"the loss or a weight is not a finite number in epoch {epoch}, even with "
            f"1/{2**MOST_HALVINGS} of the rate; train with a lower one, for instance "
            f"--set rate={recipe.rate / 4**MOST_HALVINGS:.2g}"
        )
    state.go_back()


def _rate(state: State, recipe: Recipe, num_train: int) -> float:
    """Of the next step."""
    assert recipe.rate, "the recipe is not fitted"
    share = rate_share(recipe, state.step, num_steps(recipe, num_train), state.history)
    return float(recipe.rate * share / 2**state.halvings)


@torch.no_grad()
def measure(
    net: nn.Module, part: Samples, world: World, *, pause: Callable[[], bool] = lambda: False
) -> tuple[float, float] | None:
    """Mean cross-entropy in nats and accuracy of a net on a part; NaN when that is empty.

    pause: asked after every batch; None where it says yes. Several processes measure a share each.
    """
    if not len(part):
        return math.nan, math.nan
    net.eval()
    loss, right = 0.0, 0.0
    # 0.3 GB of 128 x 128 pixels; four times as many at once took 1 GB and were no faster.
    num = max(1, min(512, 2**21 // part.side**2))
    places = torch.arange(len(part))
    if world.peers:
        places = torch.tensor_split(places, world.peers.num)[world.peers.rank]
    for indices in torch.split(places, num):
        with world.autocast():
            logits_BK = net(part.batch(indices)).float()
        labels_B = part.labels[indices]
        loss += F.cross_entropy(logits_BK, labels_B, reduction="sum").item()
        right += int((logits_BK.argmax(1) == labels_B).sum())
        if pause():
            return None
    if world.peers:
        loss, right = world.peers.summed(loss, right)
    return loss / len(part), right / len(part)
