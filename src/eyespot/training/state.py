"""A training between two steps: all that the next step depends on, and nothing else.

Randomness is no part of it: that is a function of the seed and the step (randomness.py).
"""

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from eyespot.training.averaging import Average
from eyespot.training.history import best_epoch
from eyespot.training.optimizers import build_optimizer
from eyespot.training.recipe import Recipe
from eyespot.training.world import World
from eyespot.values.training import Epoch, Monitor

Weights = dict[str, Tensor]
_PLAIN = ("step", "halvings", "loss_sum", "num_right", "num_seen", "seconds", "best_number")


@dataclass(kw_only=True, eq=False)
class State:
    """What the loop moves on. step: steps done, of all epochs. halvings: of the rate.

    average: of the weights, where the recipe wants one. loss_sum, num_right, num_seen, seconds: of
    the epoch that is not over. best: the weights of the best epoch so far, as they were validated;
    best_number: which one that is, 0 before the first. monitor: by what it is chosen.
    """

    net: nn.Module
    optimizer: torch.optim.Optimizer
    average: Average | None
    num_classes: int
    step: int = 0
    halvings: int = 0
    loss_sum: float = 0.0
    num_right: int = 0
    num_seen: int = 0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best: Weights = field(default_factory=dict)
    best_number: int = 0
    monitor: Monitor = "accuracy"
    _start: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, net: nn.Module, recipe: Recipe, world: World, *, num_classes: int) -> "State":
        """The state before the first step. The net is trained in place."""
        net.to(world.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = Average(net, recipe.ema) if recipe.ema else None
        optimizer = build_optimizer(net, recipe)
        return cls(
            net=net,
            optimizer=optimizer,
            average=average,
            num_classes=num_classes,
            monitor=recipe.monitor,
        )

    @property
    def judged(self) -> nn.Module:
        """The net that is validated and kept: the average, if there is one."""
        return self.average.net if self.average else self.net

    def begin_epoch(self) -> None:
        """Counts from zero, and remembers this moment for `go_back`."""
        self.loss_sum, self.num_right, self.num_seen, self.seconds = 0.0, 0, 0, 0.0
        self._start = {"step": self.step, **copy.deepcopy(self._moved())}

    def go_back(self) -> None:
        """To the beginning of the epoch, with half the rate."""
        start = dict(self._start)
        self.step = start.pop("step")
        self._move(copy.deepcopy(start))
        self.halvings += 1
        self.loss_sum, self.num_right, self.num_seen = 0.0, 0, 0

    def end_epoch(self, epoch: Epoch) -> None:
        """Adds the epoch to the history, and keeps its weights if they are the best."""
        rival = self.history[self.best_number - 1 : self.best_number]
        self.history.append(epoch)
        if best_epoch([*rival, epoch], self.monitor) is epoch:
            self.best_number = epoch.epoch
            self.best = {n: t.detach().clone() for n, t in self.judged.state_dict().items()}
        self._start = {}

    def finite(self) -> bool:
        """Whether all weights and running statistics are finite numbers."""
        nets = (self.net, self.judged)
        return all(bool(torch.isfinite(t).all()) for net in nets for t in net.state_dict().values())

    def packed(self) -> dict[str, Any]:
        """The whole state as plain values and tensors, not copied."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            "start": self._start,
            "moved": self._moved(),
        }

    def unpack(self, packed: dict[str, Any]) -> None:
        """Becomes what `packed` gave, of a net and a recipe like this one's; keeps its tensors."""
        self._move(packed["moved"])
        self._start, self.best = packed["start"], packed["best"]
        self.history = [Epoch(**epoch) for epoch in packed["history"]]
        for name in _PLAIN:
            setattr(self, name, packed[name])

    def _moved(self) -> dict[str, Any]:
        """What a step changes."""
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.net.state_dict() if self.average else None,
        }

    def _move(self, moved: dict[str, Any]) -> None:
        self.net.load_state_dict(moved["net"])
        self.optimizer.load_state_dict(moved["optimizer"])
        if self.average:
            self.average.net.load_state_dict(moved["average"])
