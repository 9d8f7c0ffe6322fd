"""Some of a set's images, with all that belongs to each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eyespot.data.sources.encoded import Encoded
from eyespot.data.sources.tree import Paths
from eyespot.values.dataset import Dataset


def selected(dataset: Dataset, indices: Sequence[int]) -> Dataset:
    """The same set with these images alone; its classes stay, even those without an image left."""

    def those(values: Any) -> Any:
        return None if values is None else tuple(values[index] for index in indices)

    return replace(
        dataset,
        images=_images(dataset.images, indices),
        names=those(dataset.names),
        labels=dataset.labels[np.asarray(indices, dtype=np.int64)],
        parts=those(dataset.parts),
        groups=those(dataset.groups),
        columns={name: those(cells) for name, cells in dataset.columns.items()},
    )


def _images(images: Any, indices: Sequence[int]) -> Any:
    if isinstance(images, np.ndarray):
        return images[np.asarray(indices, dtype=np.int64)]
    if isinstance(images, Encoded):
        return images.at(indices)
    if isinstance(images, Paths):
        return Paths(images.root, [images.names[index] for index in indices])
    return [images[index] for index in indices]
