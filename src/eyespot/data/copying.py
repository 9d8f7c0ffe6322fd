"""How many copies of which images make the classes of the training part equal, or larger."""

import hashlib
from collections.abc import Sequence

import numpy as np

from eyespot.errors import UsageError
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Part


def copies_per_image(
    dataset: Dataset,
    parts: Sequence[Part],
    *,
    seed: int = 0,
    per_image: int | None = None,
    per_class: int | None = None,
) -> Array:
    """How many copies of each image to make, int64 (N,); 0 for all outside the training part.

    per_image: so many of each. per_class: as many as bring each class up to this number of training
    images; 0 means the number of the largest class. The copies of a class are spread evenly over
    its images; which ones get one more follows from the seed and the names.
    Raises UsageError unless exactly one of both is given.
    """
    if (per_image is None) == (per_class is None):
        raise UsageError("give either a number of copies per image or a size for the classes")
    trained = np.array([part == "train" for part in parts], dtype=bool)
    if per_image is not None:
        return trained * np.int64(per_image)
    num = np.zeros(len(dataset), dtype=np.int64)
    sizes = np.bincount(dataset.labels[trained], minlength=len(dataset.classes))
    target = per_class or int(sizes.max(initial=0))
    for label, size in enumerate(sizes.tolist()):
        if not 0 < size < target:
            continue
        members = np.flatnonzero(trained & (dataset.labels == label)).tolist()
        members.sort(key=lambda index: draw(seed, dataset.names[index]))
        each, more = divmod(target - size, size)
        num[members] = each
        num[members[:more]] += 1
    return num


def draw(seed: int, name: str, number: int = 0) -> int:
    """64 random bits that follow from the seed, an image's name and a copy's number.

    It does not depend on the order or the number of the other images.
    """
    text = f"{seed}/{number}/{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
