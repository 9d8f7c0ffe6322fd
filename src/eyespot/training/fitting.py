"""The open fields of a recipe, chosen from what the images are."""

import math
from collections.abc import Sequence
from typing import Literal

from eyespot.data.survey import Survey
from eyespot.images.brightness import mean_and_deviation
from eyespot.nets.layerlist import layer_shapes
from eyespot.training.recipe import MAX_EPOCHS, OptimizerName, Recipe
from eyespot.values.arrays import Array

MOST_IMBALANCE = 3  # times the images of the smallest class
# What "auto" then does. Mean recall over the classes on an untouched, balanced test part, +- its
# standard deviation over seeds, after thinning the classes geometrically to 1 / ratio:
#
#                           ratio   n   none          weights       sampling
#     digits                   20   5   .963 +- .022  .965 +- .026  .968 +- .020
#     digits                    5   5   .986 +- .010  .992 +- .006  .992 +- .002
#     english-characters       10   3   .702 +- .023  .724 +- .015  .736 +- .021
#     cats-dogs                10   3   .566 +- .013  .629 +- .050  .699 +- .041
#
# benchmarks/balance.py, recipe quick, 2 cores; the last two at 32 pixels and width 32, cats-dogs
# with 40,000 views.
BALANCED: Literal["sampling", "weights"] = "sampling"

# The peak of the rate for batches of 64. Accuracy on 10,000 validation images of a ConvNet of width
# 32 after 4 epochs of 10,000 others of MNIST in batches of 128, one-cycle, mean of 3 seeds, at so
# many times the rate (torch 2.13, bfloat16, one core; longer trainings were not compared):
#
#                  1/2     1       2       4
#     adamw       .9829   .9879   .9899   .9908
#     adam        .9838   .9884   .9896
#     rmsprop     .9812   .9876   .9900
#     sgd         .9888   .9892   .9898
#     muon        .9900   .9910   .9912
RATES: dict[OptimizerName, float] = {
    "adamw": 2.2e-3,
    "adam": 2.2e-3,
    "rmsprop": 1e-3,
    "sgd": 0.1,
    "muon": 8.8e-3,
}
# Muon learns more from every image, and its step takes as long for small images as for large ones:
# on digits, 8x8, it doubles the time of a training.
LEAST_SIDE_OF_MUON = 24

# Larger batches use the cores a little better and learn less from every image: one epoch of MNIST
# with 512, 256 and 128 gave 0.987, 0.990 and 0.991 on its validation part (3 seeds).
MOST_BATCH = 128

# A small set is not learnt better by seeing it for ever, unless the recipe takes its time.
MOST_EPOCHS = 40


def fitted_to_images(recipe: Recipe, survey: Survey) -> Recipe:
    """The recipe with kind, size, channels and looks decided; needs no decoded training part.

    Ink keeps its size up to 40 pixels and photos up to 64: twice the side is four times the time.
    Raises UsageError where images of this size do not pass through the recipe's layers.
    """
    kind = recipe.kind or survey.kind
    channels: Literal[1, 3] = recipe.channels or (3 if survey.coloured and kind == "photo" else 1)
    photo = kind == "photo" and channels == 3
    limit = 64 if kind == "photo" else 40
    size = recipe.size or min(max(survey.side, 8), limit)
    if recipe.layers:
        layer_shapes(recipe.layers, channels=channels, size=size)
    # A mirrored letter is another letter, a mirrored X-ray another diagnosis.
    flip = photo if recipe.flip is None else recipe.flip
    optimizer = recipe.optimizer
    if optimizer == "auto":
        optimizer = "muon" if size >= LEAST_SIDE_OF_MUON else "adamw"
    views = recipe.test_views
    if views == "auto":
        views = "all" if flip else "shifts"
    return recipe.model_copy(
        update={
            "kind": kind,
            "channels": channels,
            "size": size,
            "ink": kind == "ink" if recipe.ink is None else recipe.ink,
            "flip": flip,
            "test_views": views,
            "optimizer": optimizer,
            "brightness": (0.2 if photo else 0.0)
            if recipe.brightness is None
            else recipe.brightness,
            "contrast": (0.2 if photo else 0.0) if recipe.contrast is None else recipe.contrast,
        }
    )


def input_scale(
    recipe: Recipe, images: Array, places: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation per channel for the preparation; of the images at these places.

    images: uint8 (N, H, W, C).
    """
    if recipe.scale == "unit":
        return (0.0,) * images.shape[3], (1.0,) * images.shape[3]
    return mean_and_deviation(images, places)


def imbalance(counts: Sequence[int]) -> float:
    """How many times the images of the smallest class the largest one has; empty classes aside."""
    return max(counts) / min(num for num in counts if num) if any(counts) else 1.0


def fitted_to_number(recipe: Recipe, counts: Sequence[int]) -> Recipe:
    """The recipe with balance, batch, rate and epochs decided from the training images per class.

    The rate grows with the square root of the batch, as the noise of its gradient shrinks. Batches
    of more than 181 x 181 pixels are smaller, so that a step takes less than 2 GB. Where the number
    of steps is given the epochs are those that it begins; a set of more images than `views` is not
    looked at whole.
    """
    assert recipe.size and recipe.optimizer != "auto", "the recipe is not fitted to the images"
    num_train = sum(counts)
    limit = min(MOST_BATCH, max(2**22 // recipe.size**2, 8))
    power = 2 ** int(math.log2(max(num_train, 64) / 64))
    batch = min(recipe.batch or min(max(power, 64), limit), max(num_train, 2))
    balance = recipe.balance
    if balance == "auto":
        balance = BALANCED if imbalance(counts) > MOST_IMBALANCE else "none"
    most = min(max(MOST_EPOCHS, round(recipe.views / 5_000)), MAX_EPOCHS)
    epochs = recipe.epochs or min(max(round(recipe.views / num_train), 1), most)
    rate = RATES[recipe.optimizer] * math.sqrt(batch / 64)
    steps = recipe.steps
    if not steps and not recipe.epochs and recipe.views < num_train:
        steps = max(1, recipe.views // batch)
    if steps:
        epochs = min(math.ceil(steps / max(1, num_train // batch)), MAX_EPOCHS)
    return recipe.model_copy(
        update={
            "balance": balance,
            "batch": batch,
            "rate": recipe.rate or min(round(rate, 6), 1.0),
            "epochs": epochs,
            "steps": steps,
        }
    )
