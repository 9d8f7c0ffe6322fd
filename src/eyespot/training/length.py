"""How long a training is; needs no torch."""

from eyespot.training.recipe import Recipe


def num_batches(recipe: Recipe, num_train: int) -> int:
    """Steps of an epoch. A batch is never smaller than wanted, unless the part is.

    Batch normalisation cannot learn from one image.
    """
    assert recipe.batch, "the recipe is not fitted"
    return max(1, num_train // recipe.batch)


def num_steps(recipe: Recipe, num_train: int) -> int:
    """Steps of the whole training."""
    if recipe.steps:
        return recipe.steps
    assert recipe.epochs, "the recipe is not fitted"
    return recipe.epochs * num_batches(recipe, num_train)


def num_epochs(recipe: Recipe, num_train: int) -> int:
    """Epochs of the whole training; the last may be cut short."""
    return -(-num_steps(recipe, num_train) // num_batches(recipe, num_train))
