"""The one seam between whatever computes answers and whoever asks for them.

Shapes: N images, H height, W width, C channels (1 or 3), K classes, M validation images.
"""

from typing import Literal, Protocol

from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

Views = Literal["one", "shifts", "mirrors", "all"]  # of a picture, whose answers are averaged


class Model(Protocol):
    """The one seam: torch, onnxruntime and a ten-line fake are all one."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def preparation(self) -> Preparation: ...

    @property
    def scores(self) -> Array | None:
        """float32 (M,): what validation images got for their truth; see models/conformal.py."""
        ...

    def probabilities(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, H, W, C)."""
        ...

    def examine(self, images: Array) -> tuple[Array, Array | None]:
        """The probabilities, and float32 (N,): how unlike what it knows each image is.

        Above 1 the answer is "unknown". None for a model that cannot say.
        """
        ...
