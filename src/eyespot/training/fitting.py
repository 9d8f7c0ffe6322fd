"""The open fields of a recipe, chosen from what the images are."""

import math
from collections.abc import Sequence
from typing import Literal

from eyespot.data.survey import Survey
from eyespot.training.recipe import Recipe

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


def fitted_to_images(recipe: Recipe, survey: Survey) -> Recipe:
    """The recipe with kind, size, channels and looks decided; needs no decoded training part.

    Ink keeps its size up to 40 pixels and photos up to 64: twice the side is four times the time.
    """
    kind = recipe.kind or survey.kind
    channels: Literal[1, 3] = recipe.channels or (3 if survey.coloured and kind == "photo" else 1)
    photo = kind == "photo" and channels == 3
    limit = 64 if kind == "photo" else 40
    return recipe.model_copy(
        update={
            "kind": kind,
            "channels": channels,
            "size": recipe.size or min(max(survey.side, 8), limit),
            # A mirrored letter is another letter, a mirrored X-ray another diagnosis.
            "flip": photo if recipe.flip is None else recipe.flip,
            "brightness": (0.2 if photo else 0.0)
            if recipe.brightness is None
            else recipe.brightness,
            "contrast": (0.2 if photo else 0.0) if recipe.contrast is None else recipe.contrast,
        }
    )


def imbalance(counts: Sequence[int]) -> float:
    """How many times the images of the smallest class the largest one has; empty classes aside."""
    return max(counts) / min(num for num in counts if num) if any(counts) else 1.0


def fitted_to_number(recipe: Recipe, counts: Sequence[int]) -> Recipe:
    """The recipe with balance, batch, rate and epochs decided from the training images per class.

    The rate grows with the square root of the batch, as the noise of its gradient shrinks. Batches
    of more than 128 x 128 pixels are smaller, so that a step takes less than 2 GB.
    """
    assert recipe.size, "the recipe is not fitted to the images"
    num_train = sum(counts)
    limit = min(512, max(2**23 // recipe.size**2, 8))
    power = 2 ** int(math.log2(max(num_train, 64) / 64))
    batch = min(recipe.batch or min(max(power, 64), limit), max(num_train, 2))
    balance = recipe.balance
    if balance == "auto":
        balance = BALANCED if imbalance(counts) > MOST_IMBALANCE else "none"
    return recipe.model_copy(
        update={
            "balance": balance,
            "batch": batch,
            "rate": recipe.rate or round(2.2e-3 * math.sqrt(batch / 64), 6),
            "epochs": recipe.epochs or min(max(round(recipe.views / num_train), 2), 40),
        }
    )
