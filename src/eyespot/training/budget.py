"""How many steps fit into a time, measured on the spot."""

import copy
import time
from itertools import pairwise
from statistics import median

from torch import nn

from eyespot.training.length import num_batches
from eyespot.training.loop import fit, measure
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import find_world

_SHARE = 0.05  # of the time goes into the measurement, at least so many seconds and steps
_LEAST_SECONDS = 1.0
_LEAST_STEPS = 5
_SAVING = 1.03  # what checkpoints cost


def num_steps_within(
    seconds: float,
    net: nn.Module,
    train: Samples,
    valid: Samples,
    recipe: Recipe,
    *,
    num_classes: int,
) -> int:
    """The steps for which this time suffices, with the measurement itself and all validations.

    At least 1. The net is not changed: a copy of it makes the first steps, which are thrown away.
    """
    started, world = time.perf_counter(), find_world()
    trial = State.of(copy.deepcopy(net), recipe, world, num_classes=num_classes)
    enough = max(_LEAST_SECONDS, _SHARE * seconds)
    ends = [started]

    def measured() -> bool:
        ends.append(time.perf_counter())
        return len(ends) > _LEAST_STEPS and ends[-1] - started > enough

    for _ in fit(trial, train, valid, recipe, world, pause=measured):
        if ends[-1] - started > enough:
            break
    # The later half: the first steps warm the machine up. The median: validations lie between some.
    later = ends[len(ends) // 2 :]
    step = median(b - a for a, b in pairwise(later if len(later) > 1 else ends))
    before = time.perf_counter()
    measure(trial.judged, valid, world)
    now = time.perf_counter()
    per_step = _SAVING * (step + (now - before) / num_batches(recipe, len(train)))
    return max(1, int((seconds - (now - started)) / per_step))
