"""The rate at every step, and when to stop: pure functions of recipe, step and history."""

import math
from collections.abc import Sequence
from typing import assert_never

from eyespot.training.recipe import Recipe
from eyespot.values.training import Epoch

# `plateau` halves the rate after this many epochs without a better validation loss, and no further
# than to a hundredth.
PLATEAU_PATIENCE = 3
PLATEAU_FACTOR = 0.5
PLATEAU_LEAST = 0.01
# `step` divides the rate by ten after these shares of the steps that follow the warm-up (He et al.
# 2015, arXiv 1512.03385).
STEPS_DOWN = (0.5, 0.75)


def rate_share(recipe: Recipe, step: int, num_steps: int, history: Sequence[Epoch]) -> float:
    """The share of the peak rate at this step, in [0, 1]; step counts from 0.

    Every schedule rises in a straight line in its warm-up. history: the epochs before this step.
    """
    up = max(1, int(num_steps * recipe.warm_up))
    rising, left = (step + 1) / up, (num_steps - step) / max(1, num_steps - up)
    match recipe.schedule:
        case "one-cycle" | "linear":  # Smith and Topin 2018, arXiv 1708.07120, with straight lines
            return min(rising, left)
        case "cosine":  # Loshchilov and Hutter 2016, arXiv 1608.03983
            return min(rising, (1 - math.cos(math.pi * min(left, 1))) / 2)
        case "step":
            return min(rising, 0.1 ** sum(left <= 1 - share for share in STEPS_DOWN))
        case "plateau":
            return min(rising, plateau_share(history))
        case "constant":
            return min(rising, 1.0)
        case _:
            assert_never(recipe.schedule)


def plateau_share(history: Sequence[Epoch]) -> float:
    """What is left of the rate after these epochs.

    Where there is no validation part the loss of the training part says how it goes.
    """
    share, best, waited = 1.0, math.inf, 0
    for epoch in history:
        loss = epoch.train_loss if math.isnan(epoch.valid_loss) else epoch.valid_loss
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == PLATEAU_PATIENCE:
            share, waited = max(share * PLATEAU_FACTOR, PLATEAU_LEAST), 0
    return share


def should_stop(recipe: Recipe, history: Sequence[Epoch]) -> bool:
    """Whether the recipe's patience is at its end after these epochs.

    An epoch is better when its validation loss is lower or its accuracy higher than any before.
    Never where there is no patience or no validation part.
    """
    if recipe.patience is None or not history or math.isnan(history[-1].valid_loss):
        return False
    loss, accuracy, last = math.inf, -math.inf, 0
    for number, epoch in enumerate(history):
        if epoch.valid_loss < loss or epoch.valid_accuracy > accuracy:
            last = number
        loss, accuracy = min(loss, epoch.valid_loss), max(accuracy, epoch.valid_accuracy)
    return len(history) - 1 - last >= recipe.patience
