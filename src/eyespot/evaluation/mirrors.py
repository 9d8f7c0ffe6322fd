"""Which classes a flip or a half turn makes into each other, by a trained model's own judgement.

N images, H height, W width, C channels, K classes.
"""

from dataclasses import dataclass

import numpy as np

from eyespot.values.arrays import Array
from eyespot.values.model import Model

ENOUGH = 5  # images of a class that the model knows; fewer say nothing
SHARE = 0.5  # of a class's images must become one and the same other class


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Images of `of`, changed, are `into` to the model; share: of those that it knows."""

    of: str
    into: str
    share: float


def flipped(images_NHWC: Array) -> Array:
    """Mirrored left to right."""
    return np.ascontiguousarray(images_NHWC[:, :, ::-1])


def half_turned(images_NHWC: Array) -> Array:
    """Upside down, as a 6 becomes a 9."""
    return np.ascontiguousarray(images_NHWC[:, ::-1, ::-1])


def mirrors(model: Model, images_NHWC: Array, changed_NHWC: Array) -> list[Mirror]:
    """The classes that the change makes into another one, strongest first.

    What an image is, is what the model says of it unchanged: b becomes d if half of all images
    that are a b to it are a d to it afterwards. A model that was trained on changed images does
    not see the change, and finds nothing.
    """
    before = model.probabilities(images_NHWC).argmax(axis=1)
    after = model.probabilities(changed_NHWC).argmax(axis=1)
    found = []
    for label, name in enumerate(model.classes):
        there = after[before == label]
        if len(there) < ENOUGH:
            continue
        sizes = np.bincount(there, minlength=len(model.classes))
        sizes[label] = 0
        other = int(sizes.argmax())
        share = sizes[other] / len(there)
        if share >= SHARE:
            found.append(Mirror(of=name, into=model.classes[other], share=float(share)))
    return sorted(found, key=lambda mirror: -mirror.share)
