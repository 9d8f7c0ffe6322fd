"""What a model says of blobs of ink, and how much each looks like one character."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.images.page import Blob
from eyespot.images.redrawing import redrawn
from eyespot.models.predict import batch_size
from eyespot.values.arrays import Array
from eyespot.values.model import Model
from eyespot.values.preparation import InkStyle

# Chosen on pages of MNIST's training digits; see docs/pages.md. Costs are in nats.
_UNSURE = 0.9  # probability of the answer of a model that cannot refuse, below which it is odd
_ODD = 4.0  # the cost of refusal, which is 1 where a single character is refused
_STUMP = 8.0  # the cost of what is lower than three quarters of all around it, for each height
_BROAD = 4.0  # the cost of each height of width above 1.1
_WEIGHT = 0.8  # costs count by the width in heights, but for no less than this


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A blob as one character. probs: float32 (K,). refusal: unknown above 1; None of a model that
    takes whatever it is given."""

    blob: Blob
    probs: Array
    refusal: float | None

    def is_odd(self, most: float = 1.0) -> bool:
        """Whether the refusal is above `most`, or it is unsure where the model cannot refuse."""
        if self.refusal is None:
            return float(self.probs.max()) < _UNSURE
        return self.refusal > most

    def cost(self, tall: int, height: float) -> float:
        """How little it looks like one character, in nats, and the more the wider it is.

        tall: pixels of all that it is a part of. height: that of a usual character.
        """
        own_height, own_width = self.blob.ink.shape
        width = own_width / height
        cost = -math.log(max(float(self.probs.max()), 1e-6))
        cost += _ODD * (self.refusal or 0.0)
        cost += _STUMP * max(0.0, 0.75 - own_height / tall)
        cost += _BROAD * max(0.0, width - 1.1)
        return float(max(width, _WEIGHT) * cost)


ReadBlobs = Callable[[Sequence[Blob]], list[Reading]]


def reader_of(model: Model, style: InkStyle, threshold: int) -> ReadBlobs:
    """Reads blobs, each shown as the model's training set shows characters.

    threshold: what is written has more ink than this.
    """
    shape = model.preparation

    def read(blobs: Sequence[Blob]) -> list[Reading]:
        found = []
        step = batch_size(shape.size)
        for start in range(0, len(blobs), step):
            some = blobs[start : start + step]
            drawn = [redrawn(blob.ink, threshold, style, shape.size) for blob in some]
            images = np.stack(drawn)[..., np.newaxis].repeat(shape.channels, axis=3)
            probs_NK, refusals = model.examine(images)
            for row, blob in enumerate(some):
                refusal = None if refusals is None else float(refusals[row])
                found.append(Reading(blob=blob, probs=probs_NK[row], refusal=refusal))
        return found

    return read
