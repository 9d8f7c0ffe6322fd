"""The training itself, which goes on from its last checkpoint if there is one."""

import contextlib
import hashlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.errors import ResourceError, count
from eyespot.files.run import Run
from eyespot.line.patience import patient
from eyespot.line.progress import Progress
from eyespot.models.card import ModelCard
from eyespot.models.file import write_model
from eyespot.training.history import write_history
from eyespot.training.length import num_epochs
from eyespot.training.recipe import Recipe
from eyespot.values.training import Epoch

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel
    from eyespot.training.samples import Samples
    from eyespot.training.state import State
    from eyespot.training.world import World

# Saving takes at most a fiftieth of the time, and a kill costs at most so many seconds of work, or
# fifty times what saving takes.
_LEAST_SECONDS = 0.5
_MOST_SHARE = 1 / 50


class Saving:
    """Keeps a training on disk: what it goes on from, its history and its best model so far."""

    def __init__(self, run: Run, card: ModelCard, state: "State", world: "World") -> None:
        self._run, self._card, self._state, self._world = run, card, state, _facts(world)
        self._peers, self._leads = world.peers, world.leads
        self._plan = _plan(run) if self._leads else ""
        self._cost, self._saved = 0.0, time.perf_counter()
        self._num_written = 0

    def restore(self, tell: Progress) -> None:
        """Puts the state where the run's last checkpoint was, if there is one.

        Of several processes that train together one reads it, and gives it to the others.
        """
        from eyespot.training.checkpoint import load_checkpoint

        content, unusable = None, list[str]()
        if self._leads:
            content, unusable = load_checkpoint(self._run, plan=self._plan)
        if self._peers:
            content = self._peers.shared(content)
        for sentence in unusable:
            tell.say(f"{sentence}; the one before it is used" if content else sentence)
        if content is None:
            if unusable:
                tell.say("the training begins anew")
            return
        self._state.unpack(content["state"])
        tell.say(f"going on after {count(self._state.step, 'step')}")
        before, now = content["world"], self._world
        changed = [f"{k} {v} is now {now.get(k)}" for k, v in before.items() if v != now.get(k)]
        if changed:
            tell.say(f"not bit-exact any more: {', '.join(changed)}")

    def save_if_due(self) -> None:
        waited = time.perf_counter() - self._saved
        if waited > max(_LEAST_SECONDS, self._cost / _MOST_SHARE):
            self.save()

    def save(self) -> None:
        """Writes all of it; no checkpoint where a number is not finite, so that the last one stays.

        Raises ResourceError when there is no room; then the last checkpoint stays, too.
        """
        from eyespot.training.checkpoint import save_checkpoint

        if not self._leads:
            return
        started = time.perf_counter()
        self.write_results()
        if self._state.finite():
            content = {"state": self._state.packed(), "world": self._world}
            save_checkpoint(self._run, content, plan=self._plan)
        self._saved = time.perf_counter()
        self._cost = self._saved - started

    def write_results(self) -> None:
        """Writes the history and the best model so far, if an epoch has ended since they were."""
        from eyespot.models.torch_model import weights_of

        state = self._state
        if not self._leads or len(state.history) == self._num_written:
            return
        write_history(self._run, state.history)
        if state.best_number > self._num_written:
            write_model(self._run.model, self._card, weights_of(state.best))
        self._num_written = len(state.history)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """However the work ends, its history and its best model are on disk then."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(ResourceError):  # what went wrong first is what is told
                self.write_results()
            raise
        self.write_results()


def learn(
    run: Run, model: "TorchModel", loaded: Loaded, parts: Split, recipe: Recipe, tell: Progress
) -> list[Epoch]:
    """Trains the model in place, to the weights of its best epoch; what every epoch gave.

    After an interruption the same call goes on from the last checkpoint of the run, to the very
    same bits. Ctrl-C and SIGTERM wait until the step is done and saved.
    """
    from eyespot.training.world import find_world

    return learn_samples(run, model, *samples_of(loaded, parts), recipe, find_world(), tell)


def learn_samples(
    run: Run,
    model: "TorchModel",
    train: "Samples",
    valid: "Samples",
    recipe: Recipe,
    world: "World",
    tell: Progress,
) -> list[Epoch]:
    """The same, of samples, in a world that may have peers: each of them makes this call.

    Their leading process alone reads and writes the run folder. They do not wait for signals.
    """
    from eyespot.training.loop import finished, fit
    from eyespot.training.state import State

    state = State.of(model.net, recipe, world, num_classes=len(model.classes))
    saving = Saving(run, model.card, state, world)
    saving.restore(tell)
    halvings = state.halvings
    with saving.kept(), patient() as patience:

        def pause() -> bool:
            saving.save_if_due()
            return patience.over and not world.peers

        while not finished(state, recipe, len(train)):
            for epoch in fit(state, train, valid, recipe, world, pause=pause):
                if state.halvings != halvings:
                    halvings = state.halvings
                    tell.say(
                        f"a number was not finite any more in epoch {epoch.epoch}, which was begun "
                        f"again; the rate is now 1/{2**halvings} of the recipe's"
                    )
                tell.epoch(epoch, num_epochs(recipe, len(train)))
            saving.save()
            patience.obey()
    model.net.load_state_dict(state.best)
    return state.history


def samples_of(loaded: Loaded, parts: Split) -> "tuple[Samples, Samples]":
    """The training and the validation part."""
    from eyespot.training.samples import Samples
    from eyespot.training.world import find_world

    images, labels, world = loaded.images, loaded.dataset.labels, find_world()
    train, valid = (
        Samples.of(images, labels, world, parts.indices(part)) for part in ("train", "valid")
    )
    return train, valid


def _plan(run: Run) -> str:
    """A short name for the recipe and the images, part by part; equal trainings have equal ones."""
    return hashlib.sha256(run.recipe.read_bytes() + run.split.read_bytes()).hexdigest()


def _facts(world: "World") -> dict[str, Any]:
    """What the last bits of a training depend on besides its recipe and data."""
    import torch

    from eyespot.training.origin import versions

    return {
        **versions(),
        "device": str(world.device),
        "precision": world.precision,
        "threads": world.threads,
        "workers": world.peers.num if world.peers else 1,
        "processor": torch.cpu.get_capabilities().get("cpu_name", ""),
    }
