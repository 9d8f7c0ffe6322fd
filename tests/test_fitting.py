"""The open fields of a recipe: chosen from what the images are."""

from typing import Any

import numpy as np
import pytest

from eyespot.data.survey import Survey
from eyespot.errors import UsageError
from eyespot.training.fitting import fitted_to_images, fitted_to_number, input_scale
from eyespot.training.recipe import Recipe

FLAT: dict[str, Any] = {"type": "flatten"}


def test_the_number_of_steps_says_how_many_epochs_there_are() -> None:
    def epochs(steps: int, num_train: int = 1000) -> int | None:
        recipe = Recipe(size=28, optimizer="muon", batch=100, epochs=7, steps=steps)
        return fitted_to_number(recipe, [num_train]).epochs

    assert [epochs(steps) for steps in (1, 10, 11, 25)] == [1, 1, 2, 3]
    assert epochs(10**9, num_train=50) == 100_000


def test_the_scale_of_the_input_is_the_training_parts_or_none() -> None:
    images = np.zeros((3, 2, 2, 3), np.uint8)
    images[1:] = 255

    assert input_scale(Recipe(scale="unit"), images, [0, 1]) == ((0, 0, 0), (1, 1, 1))
    assert input_scale(Recipe(), images, [0, 1]) == ((0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(("size", "optimizer"), [(8, "adamw"), (23, "adamw"), (24, "muon")])
def test_small_images_are_learnt_with_adamw(size: int, optimizer: str) -> None:
    looks = Survey(kind="ink", side=size, coloured=False)

    assert fitted_to_images(Recipe(), looks).optimizer == optimizer
    assert fitted_to_images(Recipe(optimizer="sgd"), looks).optimizer == "sgd"


def test_a_set_of_more_images_than_views_is_not_looked_at_whole() -> None:
    def length(views: int) -> tuple[int | None, int | None]:
        fitted = fitted_to_number(
            Recipe(size=28, optimizer="muon", batch=100, views=views), [600, 400]
        )
        return fitted.epochs, fitted.steps

    assert [length(views) for views in (10, 350, 999)] == [(1, 1), (1, 3), (1, 9)]
    assert [length(views) for views in (1000, 3400)] == [(1, None), (3, None)]


def test_large_images_come_in_smaller_batches() -> None:
    batches = {
        size: fitted_to_number(Recipe(size=size, optimizer="muon"), [10**5]).batch
        for size in (28, 181, 256, 512)
    }

    assert batches == {28: 128, 181: 128, 256: 64, 512: 16}


def test_a_layer_that_does_not_fit_is_refused_as_soon_as_the_size_is_known() -> None:
    layers = [{"type": "pool", "size": 4}] * 3 + [FLAT]
    sentence = (
        "layer 3 (pool, size 4) does not fit: it gets 1 x 1 x 1; "
        "set a larger size or take fewer such layers"
    )

    with pytest.raises(UsageError) as error:
        Recipe(layers=layers, size=28)
    assert str(error.value) == sentence
    with pytest.raises(UsageError) as error:
        fitted_to_images(Recipe(layers=layers), Survey(side=28, coloured=False, kind="ink"))
    assert str(error.value) == sentence
