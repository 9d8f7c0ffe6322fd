"""One part of a set, ready to be drawn from. N images, B batch, H height, W width, C channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eyespot.data.room import expect
from eyespot.training.world import World
from eyespot.values.arrays import Array


@dataclass(frozen=True, eq=False)
class Samples:
    """The images of a part. images: uint8 (M, H, W, C), the whole set's; places: int64 (N,), which
    of them; labels: int64 (N,), of those.

    On a processor the images stay where they are, in memory or in a file, and a batch is copied out
    of them: as arrays, because numpy takes 0.14 ms for 128 of 128 x 128 pixels and torch 2.7 ms. To
    a device goes the part alone, at once.
    """

    images: Array | Tensor
    places: Tensor
    labels: Tensor

    @classmethod
    def of(
        cls, images: Array, labels: Array, world: World, places: Sequence[int] | None = None
    ) -> "Samples":
        """The images at these places, or all; labels: of the whole set, int64 (M,)."""
        chosen = np.arange(len(images)) if places is None else np.asarray(places, np.int64)
        classes = torch.from_numpy(labels[chosen]).to(world.device)
        if world.device.type == "cpu":
            return cls(np.ascontiguousarray(images), torch.from_numpy(chosen), classes)
        pixels = torch.from_numpy(images[chosen]).to(world.device)
        return cls(pixels, torch.arange(len(chosen), device=world.device), classes)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        """Height of an image in pixels; they are square."""
        return self.images.shape[1]

    def batch(self, indices: Tensor) -> Tensor:
        """Float images (B, C, H, W) in 0..255, laid out channels last as they are stored."""
        places = self.places[indices.to(self.places.device)]
        if isinstance(self.images, Tensor):
            return self.images[places].permute(0, 3, 1, 2).float()
        expect(self.images, places.numpy())
        return torch.from_numpy(self.images[places.numpy()]).permute(0, 3, 1, 2).float()
