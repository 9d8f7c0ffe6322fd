"""A state that is packed, stored and unpacked goes on to the same bits, wherever it was stopped."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from eyespot.files.run import Run
from eyespot.nets.build import build_net, fitted_net
from eyespot.training.checkpoint import load_checkpoint, save_checkpoint
from eyespot.training.loop import finished, fit
from eyespot.training.randomness import seeded
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import World
from eyespot.values.preparation import Preparation

CPU = World(torch.device("cpu"), torch.float32, 1)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def settings_of(**fields):
    """A fitted recipe: 9 steps in 3 epochs of 48 images."""
    fixed = {"size": 8, "channels": 1, "epochs": 3, "batch": 16, "rate": 0.01, "width": 4}
    still = {"flip": False, "brightness": 0.1, "contrast": 0.1, "balance": "none", "kind": "ink"}
    return Recipe(**{"optimizer": "adamw", **fixed, **still, **fields})


def samples(num, *, seed=0):
    """Noise with a bright upper half, class 1 and the larger one, or a bright lower half."""
    random = np.random.default_rng(seed)
    labels = (random.random(num) < 0.7).astype(np.int64)
    images = random.integers(0, 128, (num, 8, 8, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        half = slice(None, 4) if label else slice(4, None)
        image[half] += 60
    return Samples.of(images, labels, CPU)


class Stumble(nn.Module):
    """A net whose weight is not a number in the fifth and seventh step that is tried."""

    def __init__(self, tried):
        super().__init__()
        self.head, self.tried = nn.Linear(64, 2), tried

    def forward(self, x):
        if self.training:
            self.tried.append(len(self.tried))
            if self.tried[-1] in (4, 6):
                self.head.weight.data.fill_(math.nan)
        return self.head(x.flatten(1) / 255)


def fresh_state(settings, tried=None):
    """The state before the first step; with `tried`, of a net that stumbles."""
    preparation = Preparation(size=8, channels=1, fit="pad", mean=(0.4,), std=(0.3,))
    with seeded(0, "weights"):
        if tried is not None:
            net = Stumble(tried)
        else:
            spec = fitted_net(
                settings.net,
                width=settings.width,
                size=8,
                dropout=settings.dropout,
                layers=settings.layers,
            )
            net = build_net(spec, preparation, 2)
    return State.of(net, settings, CPU, num_classes=2)


def bits(state):
    """All that a state is, but for the seconds, in a form that `==` compares bit by bit."""

    def plain(value):
        if isinstance(value, torch.Tensor):
            return (tuple(value.shape), str(value.dtype), value.contiguous().numpy().tobytes())
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k != "seconds"}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return repr(value)

    return plain(state.packed())


LAYERS = (
    {"type": "conv", "filters": 4, "kernel": 3, "activation": "relu"},
    {"type": "batchnorm"},
    {"type": "dropout", "rate": 0.4},
    {"type": "flatten"},
    {"type": "dense", "units": 8, "activation": "relu"},
    {"type": "dense", "units": 2},
)
KINDS = {
    "adamw": {},
    "an average": {"ema": 0.9},
    "sgd with momentum": {"optimizer": "sgd", "schedule": "cosine"},
    "rmsprop with momentum": {"optimizer": "rmsprop", "momentum": 0.5, "schedule": "step"},
    "muon": {"optimizer": "muon"},
    "dropout": {"dropout": 0.5},
    "a list of layers": {"layers": LAYERS},
    "a plateau": {"schedule": "plateau", "epochs": 9, "rate": 0.3},
    "patience": {"patience": 1, "epochs": 30, "rate": 0.3},
    "steps that cut an epoch": {"steps": 7},
    "mixup and cutmix": {"mixup": 0.4, "cutmix": 1.0, "erase": 0.5},
    "weights": {"balance": "weights"},
    "sampling": {"balance": "sampling"},
}


def through_a_file(run, state, fresh):
    """A fresh state that is what the first one was, by way of resume.pt."""
    save_checkpoint(run, {"state": state.packed()}, plan="p")
    content, unusable = load_checkpoint(run, plan="p")
    assert not unusable
    other = fresh()
    other.unpack(content["state"])
    assert bits(other) == bits(state)
    return other


def stepwise(run, settings, train, valid, fresh):
    """The state at the end of a training that stops after every step and every epoch."""
    state = fresh()
    while not finished(state, settings, len(train)):
        before = state.step

        def pause(state=state, before=before):
            return state.step > before

        for _ in fit(state, train, valid, settings, CPU, pause=pause):
            break
        state = through_a_file(run, state, fresh)
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_stops_after_every_step_is_the_undisturbed_one(kind, tmp_path):
    settings = settings_of(**KINDS[kind])
    part, valid = samples(48), samples(12, seed=1)
    if kind in ("a plateau", "patience"):  # the more it learns the worse it gets
        valid = replace(valid, labels=1 - valid.labels)
    whole = fresh_state(settings)

    epochs = list(fit(whole, part, valid, settings, CPU))
    state = stepwise(Run(tmp_path), settings, part, valid, lambda: fresh_state(settings))

    assert bits(state) == bits(whole)
    assert [replace(e, seconds=0) for e in epochs] == [replace(e, seconds=0) for e in state.history]
    if kind == "patience":
        assert len(epochs) < 30
    if kind == "a plateau":
        assert len({epoch.rate for epoch in epochs}) > 1


def test_so_is_one_that_has_no_validation_part(tmp_path):
    settings, part, none = settings_of(), samples(48), samples(0)
    whole = fresh_state(settings)
    list(fit(whole, part, none, settings, CPU))

    state = stepwise(Run(tmp_path), settings, part, none, lambda: fresh_state(settings))

    assert bits(state) == bits(whole)


def test_so_is_one_in_which_numbers_stop_being_finite(tmp_path):
    settings, part = settings_of(), samples(48)
    tried: list[int] = []
    whole = fresh_state(settings, [])
    list(fit(whole, part, part, settings, CPU))

    state = fresh_state(settings, tried)
    while not finished(state, settings, 48):
        before = state.step

        def pause(state=state, before=before):
            return state.step > before and state.finite()

        for _ in fit(state, part, part, settings, CPU, pause=pause):
            break
        state = through_a_file(Run(tmp_path), state, lambda: fresh_state(settings, tried))

    assert state.halvings == whole.halvings == 2
    assert bits(state) == bits(whole)


def test_a_training_may_stop_wherever_it_is_asked_and_in_its_validation_too(tmp_path):
    settings, part, valid = settings_of(epochs=2), samples(48), samples(1100, seed=1)
    asked: list[int] = []

    def run(stop_at):
        state = fresh_state(settings)
        asked.clear()

        def pause():
            asked.append(state.step)
            return len(asked) == stop_at

        list(fit(state, part, valid, settings, CPU, pause=pause))
        return state

    whole = run(stop_at=None)
    places = list(asked)
    assert places == [1, 2, 3, 3, 3, 3, 4, 5, 6, 6, 6, 6]  # three batches of validation

    for number in range(1, len(places) + 1):
        stopped = run(stop_at=number)
        assert (stopped.step, len(asked)) == (places[number - 1], number)
        state = through_a_file(Run(tmp_path), stopped, lambda: fresh_state(settings))
        list(fit(state, part, valid, settings, CPU))
        assert bits(state) == bits(whole)


def test_a_finished_training_yields_nothing_more():
    settings, part = settings_of(), samples(48)
    state = fresh_state(settings)
    list(fit(state, part, part, settings, CPU))
    before = bits(state)

    assert list(fit(state, part, part, settings, CPU)) == []
    assert bits(state) == before
