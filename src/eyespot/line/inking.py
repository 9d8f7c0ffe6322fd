"""Whether pictures unlike a set's are redrawn as it shows its characters, and how it shows them."""

from collections.abc import Sequence

import numpy as np

from eyespot.data.loading import Loaded
from eyespot.errors import UsageError
from eyespot.images.inkstyle import find_style
from eyespot.training.recipe import Recipe
from eyespot.values import InkStyle

_MOST_IMAGES = 20_000  # that tell a style: 2 seconds for images of 28 pixels


def style_of(loaded: Loaded, places: Sequence[int]) -> InkStyle | None:
    """How the images at these places show their characters; None if they do not all do so."""
    chosen = np.asarray(places, dtype=np.int64)
    step = -(-len(chosen) // _MOST_IMAGES) or 1
    return find_style(loaded.images[chosen[::step]])


def fitted_to_ink(recipe: Recipe, loaded: Loaded, places: Sequence[int]) -> Recipe:
    """The recipe with `ink` decided. places: of the training part.

    Raises UsageError where it is wanted of images that show no characters in one way.
    """
    wanted = recipe.kind == "ink" if recipe.ink is None else recipe.ink
    # A backbone was trained on photos, and takes them.
    found = wanted and recipe.net != "backbone" and style_of(loaded, places) is not None
    if recipe.ink and not found:
        raise UsageError(
            "ink = true wants a set that shows characters in one colour on even ground, and a "
            "net of its own; leave it away"
        )
    return recipe.model_copy(update={"ink": found})
