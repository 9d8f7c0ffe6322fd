"""Schedules and early stopping: functions of the recipe, the step and the history."""

import math
from typing import get_args

import pytest

from eyespot.training.recipe import Recipe, ScheduleName
from eyespot.training.schedules import plateau_share, rate_share, should_stop
from eyespot.values.training import Epoch

NAMES = get_args(ScheduleName)
LENGTHS = [1, 2, 3, 4, 5, 7, 100, 1000]


def shares(num_steps: int, name: str, **fields: object) -> list[float]:
    recipe = Recipe(schedule=name, **fields)
    return [rate_share(recipe, step, num_steps, []) for step in range(num_steps)]


def epochs(*numbers: tuple[float, float]) -> list[Epoch]:
    """An epoch for each validation loss and accuracy."""
    return [
        Epoch(
            epoch=number,
            train_loss=1 / number,
            train_accuracy=0.5,
            valid_loss=loss,
            valid_accuracy=accuracy,
            rate=0.1,
            seconds=1,
        )
        for number, (loss, accuracy) in enumerate(numbers, 1)
    ]


def losses(*numbers: float) -> list[Epoch]:
    return epochs(*((loss, 0.5) for loss in numbers))


@pytest.mark.parametrize("num_steps", LENGTHS)
@pytest.mark.parametrize("warm_up", [0, 0.25, 0.9])
@pytest.mark.parametrize("name", NAMES)
def test_a_share_is_above_zero_rises_to_one_and_never_rises_again(
    name: str, warm_up: float, num_steps: int
) -> None:
    found = shares(num_steps, name, warm_up=warm_up)
    peak = found.index(max(found))

    assert 0 < min(found) <= max(found) == 1
    assert peak <= num_steps * warm_up
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)


@pytest.mark.parametrize("num_steps", LENGTHS)
@pytest.mark.parametrize("name", ["one-cycle", "cosine", "linear"])
def test_these_end_near_zero(name: str, num_steps: int) -> None:
    assert shares(num_steps, name)[-1] <= 1 / max(1, num_steps - math.ceil(num_steps / 4))


@pytest.mark.parametrize("num_steps", LENGTHS)
def test_the_usual_schedule_is_up_for_a_quarter_then_down_to_zero(num_steps: int) -> None:
    up = max(1, int(num_steps * 0.25))

    def slow(step: int) -> float:
        return min((step + 1) / up, (num_steps - step) / max(1, num_steps - up))

    assert shares(num_steps, "one-cycle") == list(map(slow, range(num_steps)))


def test_each_schedule_at_a_few_steps() -> None:
    at = [0, 5, 10, 25, 50, 60, 75, 99]

    def found(name: str) -> list[float]:
        all_shares = shares(100, name, warm_up=0.1)
        return [round(all_shares[step], 4) for step in at]

    assert found("linear") == [0.1, 0.6, 1.0, 0.8333, 0.5556, 0.4444, 0.2778, 0.0111]
    assert found("cosine") == [0.1, 0.6, 1.0, 0.933, 0.5868, 0.4132, 0.1786, 0.0003]
    assert found("step") == [0.1, 0.6, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01]
    assert found("constant") == [0.1, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]


# --- plateau


@pytest.mark.parametrize(
    ("history", "share"),
    [
        (losses(), 1),
        (losses(3, 2, 1), 1),
        (losses(1, 2, 2), 1),
        (losses(1, 2, 2, 2), 0.5),
        (losses(1, 1, 1, 1), 0.5),
        (losses(1, 2, 2, 0.9, 2, 2), 1),
        (losses(1, 2, 2, 2, 2, 2), 0.5),
        (losses(1, 2, 2, 2, 2, 2, 2), 0.25),
        (losses(1, 2, 2, 2, 0.5, 2, 2), 0.5),
        (losses(*[1] * 100), 0.01),
        (losses(*[math.nan] * 100), 1),  # no validation part: the training loss falls
    ],
)
def test_a_plateau_halves_the_rate_after_three_epochs_without_a_lower_loss(
    history: list[Epoch], share: float
) -> None:
    assert plateau_share(history) == share
    assert rate_share(Recipe(schedule="plateau"), 70, 100, history) == share


def test_only_a_plateau_looks_at_the_history() -> None:
    for name in NAMES:
        recipe = Recipe(schedule=name)
        same = rate_share(recipe, 70, 100, []) == rate_share(recipe, 70, 100, losses(*[1] * 9))
        assert same == (name != "plateau")


# --- early stopping


@pytest.mark.parametrize(
    ("patience", "history", "stops"),
    [
        (1, epochs(), False),
        (1, epochs((1, 0.5)), False),
        (1, epochs((1, 0.5), (2, 0.4)), True),
        (1, epochs((1, 0.5), (1, 0.5)), True),
        (1, epochs((1, 0.5), (2, 0.6)), False),
        (1, epochs((1, 0.5), (0.9, 0.4)), False),
        (2, epochs((1, 0.5), (2, 0.4)), False),
        (2, epochs((1, 0.5), (2, 0.4), (2, 0.4)), True),
        (2, epochs((1, 0.5), (2, 0.4), (0.9, 0.4), (2, 0.5)), False),
        (2, epochs((1, 0.5), (2, 0.6), (1.5, 0.6), (1.2, 0.6)), True),
        (1, epochs((math.nan, math.nan), (math.nan, math.nan)), False),
        (None, losses(*[1] * 99), False),
    ],
)
def test_it_stops_after_as_many_epochs_without_a_better_loss_or_accuracy(
    patience: int | None, history: list[Epoch], stops: bool
) -> None:
    assert should_stop(Recipe(patience=patience), history) == stops
