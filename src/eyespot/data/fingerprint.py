"""A short name for the contents of a data set."""

import hashlib
from collections.abc import Sequence

from eyespot.values.dataset import Dataset


def fingerprint(dataset: Dataset, digests: Sequence[bytes]) -> str:
    """Equal for equal names, labels and pixels, in whatever order they were read.

    digests: one per image, of its decoded pixels.
    """
    rows = sorted(
        repr((name, dataset.classes[label], digest.hex()))
        for name, label, digest in zip(dataset.names, dataset.labels, digests, strict=True)
    )
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()[:16]
