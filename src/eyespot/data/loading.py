"""All images of a set as one array of pixels, and what could not be read.

N images, S side, C channels.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from eyespot.errors import DataError, ImageError, ResourceError, count
from eyespot.images.decode import in_order, open_image
from eyespot.images.preparation import prepare
from eyespot.values import Array, Dataset, Fit, Issue

MAX_BAD = 0.05  # of a set's images may be unreadable; more means that something else is wrong


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """The readable images of a set, in memory.

    images: uint8 (N, S, S, C), in the order of dataset.names. digests: N hashes of the decoded
    pixels; equal pictures have equal digests. issues: one for each image that was left out.
    """

    dataset: Dataset
    images: Array
    digests: tuple[bytes, ...]
    issues: tuple[Issue, ...]


def load_images(
    dataset: Dataset,
    *,
    size: int,
    channels: Literal[1, 3],
    fit: Fit,
    on_image: Callable[[int], None] = lambda done: None,
) -> Loaded:
    """Decodes and prepares every image, on all cores; those that cannot be decoded become issues.

    on_image is told how many are done. Raises DataError when more than 5 % are unreadable,
    ResourceError when the array would not fit into memory.
    """
    _check_memory(dataset, size * size * channels)
    images = np.empty((len(dataset), size, size, channels), np.uint8)
    digests: list[bytes] = []
    kept: list[int] = []
    issues: list[Issue] = []

    def load(source: Any) -> tuple[bytes, Array] | ImageError:
        try:
            pixels = open_image(source).pixels
        except ImageError as error:
            return error
        return _digest(pixels), prepare(pixels, size=size, channels=channels, fit=fit)

    for index, result in enumerate(_results(load, dataset.images)):
        if isinstance(result, ImageError):
            name = dataset.names[index]
            issues.append(Issue(kind="unreadable", name=name, detail=str(result), left_out=True))
        else:
            digest, images[len(kept)] = result
            digests.append(digest)
            kept.append(index)
        on_image(index + 1)
    if len(issues) > MAX_BAD * len(dataset):
        raise DataError(
            f"{dataset.name}: {len(issues):,} of {count(len(dataset), 'image')} cannot be read, "
            f"more than {MAX_BAD:.0%}; the first is {issues[0].name}, which {issues[0].detail}; "
            "mend or remove them"
        )
    return Loaded(
        dataset=_selected(dataset, kept) if issues else dataset,
        images=images[: len(kept)],
        digests=tuple(digests),
        issues=tuple(issues),
    )


def _results(load: Callable[[Any], Any], images: Any) -> Iterator[Any]:
    # An array needs no decoding: handing its small images to threads costs more than it saves.
    return map(load, images) if isinstance(images, np.ndarray) else in_order(load, images, batch=16)


def _digest(pixels: Array) -> bytes:
    head = repr(pixels.shape).encode()
    return hashlib.blake2b(head + pixels.tobytes(), digest_size=16).digest()


def _selected(dataset: Dataset, indices: list[int]) -> Dataset:
    """The same set with these images alone; its classes stay, even those without an image left."""
    images = dataset.images
    return replace(
        dataset,
        images=images[indices] if isinstance(images, np.ndarray) else [images[i] for i in indices],
        names=tuple(dataset.names[i] for i in indices),
        labels=dataset.labels[indices],
        parts=None if dataset.parts is None else tuple(dataset.parts[i] for i in indices),
    )


def _check_memory(dataset: Dataset, bytes_each: int) -> None:
    needed = len(dataset) * bytes_each
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not known on every system
        return
    if needed > 0.7 * total:
        raise ResourceError(
            f"{dataset.name}: {count(len(dataset), 'image')} of this size need "
            f"{needed / 1e9:.1f} GB of memory, and there are {total / 1e9:.1f} GB; "
            "choose a smaller size, for instance --set size=32"
        )
