"""Whether pictures unlike a set's are redrawn as it shows its characters, and how it shows them."""

from collections.abc import Sequence

import numpy as np

from eyespot.data.loading import Loaded
from eyespot.errors import UsageError
from eyespot.images.inkstyle import find_style
from eyespot.training.recipe import Recipe
from eyespot.values.preparation import InkStyle

_MOST_IMAGES = 20_000  # that tell a style: 2 seconds for images of 28 pixels


def style_of(loaded: Loaded, places: Sequence[int]) -> InkStyle | None:
    """How the images at these places show their characters; None if they do not all do so."""
    chosen = np.asarray(places, dtype=np.int64)
    step = -(-len(chosen) // _MOST_IMAGES) or 1
    return find_style(loaded.images[chosen[::step]])


def fitted_to_ink(recipe: Recipe, wish: Recipe, loaded: Loaded, places: Sequence[int]) -> Recipe:
    """The recipe without `ink` where images of one style are wanting. places: of the training part.

    Raises UsageError where it was wished for, of images that show no characters in one way.
    """
    found = (
        bool(recipe.ink)
        and recipe.net != "backbone"  # which was trained on photos, and takes them
        and style_of(loaded, places) is not None
    )
    if wish.ink and not found:
        raise UsageError(
            "ink = true wants a set that shows characters in one colour on even ground, and a "
            "net of its own; leave it away"
        )
    return recipe.model_copy(update={"ink": found})
