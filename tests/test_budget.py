"""`--minutes`: how many steps fit into a time."""

import itertools

import pytest
import torch

from conftest import TINY
from eyespot.errors import UsageError
from eyespot.line import train
from eyespot.training.budget import num_steps_within
from eyespot.training.recipe import Recipe
from test_line import Listener, pair
from test_training import recipe, samples, tiny_net

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture
def clock(monkeypatch):
    """Every look at the clock is a second later."""
    ticks = itertools.count()
    monkeypatch.setattr("eyespot.training.budget.time.perf_counter", lambda: float(next(ticks)))


def within(seconds, num_valid=16):
    net, valid = tiny_net(), samples(num_valid)
    return num_steps_within(
        seconds, net, samples(160), valid, recipe(epochs=100, batch=16), num_classes=2
    )


def test_the_steps_fill_what_the_measurement_leaves(clock):
    # Six looks at the clock until five steps are measured; a step is one or two looks long.
    num = within(1000)

    assert 300 < num < 1000
    assert abs(within(2000) - 2 * num) < 0.1 * num


def test_too_little_time_is_a_step(clock):
    assert within(0.001) == within(-5) == 1


def test_a_set_without_validation_part_can_be_measured(clock):
    assert within(1000, num_valid=0) > 300


def test_the_net_is_as_it_was():
    net = tiny_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    num_steps_within(0.1, net, samples(64), samples(16), recipe(epochs=3), num_classes=2)

    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not any(weight.grad is not None for weight in net.parameters())


def test_the_steps_stand_in_the_recipe_and_repeat_the_run(tmp_path):
    first = train(pair(), settings=TINY, minutes=0.03, out=tmp_path / "first")

    again = train(pair(), recipe=tmp_path / "first" / "recipe.toml", out=tmp_path / "again")

    assert first.recipe.steps and first.recipe.epochs
    assert again.recipe == first.recipe
    models = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("first", "again")]
    assert models[0] == models[1]


def test_the_rate_is_nearly_zero_when_the_time_is_up(tmp_path):
    listener = Listener()

    trained = train(pair(), settings=TINY, minutes=0.03, out=tmp_path / "run", progress=listener)

    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    last = float(rows[-1].split(",")[-1])
    assert len(rows) - 1 == trained.recipe.epochs == len(listener.epochs)
    assert last <= trained.recipe.rate / (0.7 * trained.recipe.steps)


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_minutes_that_are_no_time_are_refused(minutes, tmp_path):
    with pytest.raises(UsageError, match="minutes = .*; give a number above 0"):
        train(pair(), minutes=minutes, out=tmp_path / "run")


def test_a_recipe_with_steps_round_trips():
    assert "steps = 7\n" in Recipe(steps=7).toml()
