"""Classes of unequal size: what an epoch shows, what an image counts, and what is said of it."""

import tomllib

import numpy as np
import pytest
import torch

from conftest import TINY, halves
from eyespot.line import Silence, train
from eyespot.training.balancing import class_weights, epoch_order
from eyespot.training.fitting import BALANCED, fitted_to_number
from eyespot.training.randomness import stream
from eyespot.training.recipe import Recipe

SAMPLING, WEIGHTS, NONE = (Recipe(balance=word) for word in ("sampling", "weights", "none"))


def labels(*sizes: int) -> torch.Tensor:
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


def fitted(*counts: int, balance: str = "auto") -> str:
    return fitted_to_number(Recipe(size=28, optimizer="muon", balance=balance), counts).balance


# The choice


def test_balance_is_chosen_above_three_to_one():
    assert fitted(300, 100) == "none"
    assert fitted(301, 100) == BALANCED
    assert fitted(301, 100, 0) == BALANCED
    assert fitted(200, 100, 0) == "none"  # nothing can be done for a class without an image


@pytest.mark.parametrize("wish", ["none", "weights", "sampling"])
def test_a_wish_is_kept(wish):
    assert fitted(1000, 1, balance=wish) == wish
    assert fitted(1, 1, balance=wish) == wish


# Sampling


@pytest.mark.parametrize("sizes", [(50, 10, 3), (1000, 1), (7, 7, 7), (20, 0, 5), (1, 2, 3, 4, 5)])
def test_an_epoch_shows_all_classes_equally_often_and_as_many_images(sizes):
    truth = labels(*sizes)

    order = epoch_order(truth, SAMPLING, epoch=1)

    assert len(order) == sum(sizes)
    shown = torch.bincount(truth[order], minlength=len(sizes))[torch.tensor(sizes) > 0]
    assert shown.max() - shown.min() <= 1


def test_within_a_class_images_are_shown_equally_often():
    truth = labels(50, 10, 3)
    order = epoch_order(truth, SAMPLING, epoch=1)

    times = torch.bincount(order, minlength=63)
    for label in range(3):
        own = times[truth == label]
        assert own.max() - own.min() <= 1


def test_every_image_of_the_largest_class_is_shown_in_some_epoch():
    truth = labels(60, 6)

    seen = torch.cat([epoch_order(truth, SAMPLING, epoch) for epoch in range(1, 21)])

    assert set(seen.tolist()) == set(range(66))


def test_the_order_is_a_function_of_seed_and_epoch():
    truth = labels(30, 5)
    first = epoch_order(truth, SAMPLING, epoch=4)

    torch.rand(10)  # what else was drawn does not matter
    assert torch.equal(first, epoch_order(truth, SAMPLING, epoch=4))
    assert not torch.equal(first, epoch_order(truth, SAMPLING, epoch=5))
    other = SAMPLING.model_copy(update={"seed": 1})
    assert not torch.equal(first, epoch_order(truth, other, epoch=4))


@pytest.mark.parametrize("recipe", [NONE, WEIGHTS])
def test_without_sampling_the_order_is_what_it_was(recipe):
    expected = torch.randperm(35, generator=stream(0, "order", 2))

    assert torch.equal(epoch_order(labels(30, 5), recipe, epoch=2), expected)


# Weights


def test_all_classes_count_the_same_and_an_image_one_on_average():
    truth = labels(50, 10, 0, 3)

    weights = class_weights(truth, WEIGHTS)

    sums = [float(weights[truth[truth == label]].sum()) for label in (0, 1, 3)]
    assert sums == pytest.approx([21, 21, 21])
    assert float(weights[truth].mean()) == pytest.approx(1)


@pytest.mark.parametrize("recipe", [NONE, SAMPLING])
def test_otherwise_nothing_is_weighed(recipe):
    assert class_weights(labels(5, 1), recipe) is None


# In a training


class Listener(Silence):
    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


def unequal(left: int, right: int):
    images = np.concatenate([halves(left, bright=0), halves(right, bright=1)])
    return images, np.repeat(["left", "right"], [left, right])


def test_a_training_says_what_it_did_and_its_recipe_keeps_it(tmp_path, no_report):
    listener = Listener()

    settings = TINY | {"refuse": 0}
    trained = train(unequal(60, 10), settings=settings, out=tmp_path / "run", progress=listener)

    said = {
        "sampling": "so the training shows images of small classes more often",
        "weights": "so in training images of small classes count more",
    }[BALANCED]
    assert listener.said[2] == (
        f"the largest class has 6.0 times the images of the smallest, {said} (balance = {BALANCED})"
    )
    assert tomllib.loads(trained.run.recipe.read_text())["balance"] == BALANCED
    notes = trained.run.read_json(trained.run.origin)["notes"]
    assert notes == [listener.said[2]]


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_the_same_seed_gives_the_same_weights_twice(balance, tmp_path, no_report):
    wish = TINY | {"balance": balance}

    runs = [train(unequal(40, 8), settings=wish, out=tmp_path / name) for name in "ab"]

    first, second = (run.model.net.state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_balance_changes_what_is_learnt(tmp_path, no_report):
    epochs = {
        balance: train(
            unequal(40, 8), settings=TINY | {"balance": balance}, out=tmp_path / balance
        ).run.history.read_text()
        for balance in ("none", "weights", "sampling")
    }

    losses = {text.splitlines()[1].split(",")[1] for text in epochs.values()}
    assert len(losses) == 3


def test_a_flip_that_was_asked_for_on_characters_is_warned_of(tmp_path, no_report):
    """A mirrored letter is another letter, or none."""
    listener = Listener()

    train(unequal(20, 20), settings=TINY | {"flip": True}, out=tmp_path / "a", progress=listener)

    assert listener.said[2] == (
        "these look like characters, and flip = true mirrors them: a mirrored b is a d, and most "
        "others are no characters at all; leave it away unless you know better"
    )
    quiet = Listener()
    train(unequal(20, 20), settings=TINY, out=tmp_path / "b", progress=quiet)
    assert not any("mirror" in sentence for sentence in quiet.said)


def test_an_imbalance_that_is_wanted_is_told_all_the_same(tmp_path, no_report):
    listener = Listener()
    wish = TINY | {"balance": "none"}

    train(unequal(60, 10), settings=wish, out=tmp_path / "run", progress=listener)

    assert listener.said[2] == (
        "the largest class has 6.0 times the images of the smallest, "
        "and nothing is done about it (balance = none)"
    )
