"""What became of a picture on its way to a model: given, found on it, seen by the model."""

from dataclasses import dataclass

from eyespot.images.decode import open_image
from eyespot.images.ink import crossed
from eyespot.images.marking import marked
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageInput
from eyespot.values.preparation import Preparation


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """given: uint8 (H, W, C), decoded. saw: uint8 (S, S, C), what `prepared` gives. found: uint8
    (h, w, 3), what was given, at most 480 pixels long, with the character that was redrawn in its
    box; None where the model saw the picture as it is.
    """

    given: Array
    found: Array | None
    saw: Array


def shown(source: ImageInput, preparation: Preparation) -> Shown:
    """The way of one picture. Raises ImageError as `prepared` does."""
    pixels = open_image(source).pixels
    saw, character = crossed(
        pixels,
        preparation.ink,
        size=preparation.size,
        channels=preparation.channels,
        fit=preparation.fit,
    )
    found = None if character is None else marked(pixels, character)
    return Shown(given=pixels, found=found, saw=saw)
