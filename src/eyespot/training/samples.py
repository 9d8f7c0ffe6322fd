"""One part of a set, ready to be drawn from. N images, B batch, H height, W width, C channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eyespot.training.world import World
from eyespot.values import Array


@dataclass(frozen=True, eq=False)
class Samples:
    """The images of a part. images: uint8 (M, H, W, C), the whole set's; places: int64 (N,), which
    of them; labels: int64 (N,), of those.

    The images stay where they are, in memory or in a mapped file; a batch is copied out of them.
    """

    images: Tensor
    places: Tensor
    labels: Tensor

    @classmethod
    def of(
        cls, images: Array, labels: Array, world: World, places: Sequence[int] | None = None
    ) -> "Samples":
        """The images at these places, or all; labels: of the whole set, int64 (M,)."""
        chosen = np.arange(len(images)) if places is None else np.asarray(places, np.int64)
        if world.device.type != "cpu":  # the part alone goes to the device
            images, labels, chosen = images[chosen], labels[chosen], np.arange(len(chosen))
        # Not copied, unless it is read-only: torch warns of that.
        pixels, classes = (
            torch.from_numpy(np.require(array, requirements=["C", "W"])).to(world.device)
            for array in (images, labels)
        )
        indices = torch.from_numpy(chosen).to(world.device)
        return cls(pixels, indices, classes[indices])

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        """Height of an image in pixels; they are square."""
        return self.images.shape[1]

    def batch(self, indices: Tensor) -> Tensor:
        """Float images (B, C, H, W) in 0..255, laid out channels last as they are stored."""
        places = self.places[indices.to(self.places.device)]
        return self.images[places].permute(0, 3, 1, 2).float()
