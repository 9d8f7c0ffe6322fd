"""All images of a set as one array of pixels, and what could not be read.

N images, S side, C channels.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from eyespot.data.measurement import pixel_digest
from eyespot.data.selection import selected
from eyespot.errors import DataError, ImageError, ResourceError, count
from eyespot.images.decode import in_order, open_image
from eyespot.images.preparation import prepare
from eyespot.values import Array, Dataset, Fit, Issue

MAX_BAD = 0.05  # of a set's images may be unreadable; more means that something else is wrong
MEMORY_SHARE = 0.5  # the training part is copied out of the array

T = TypeVar("T")

# Where a container's limit stands, in versions 2 and 1 of control groups.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """The readable images of a set, in memory.

    images: uint8 (N, S, S, C), in the order of dataset.names. digests: N hashes of the decoded
    pixels; equal pictures have equal digests. issues: the images that were left out, and what is
    odd about others.
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

    An array of images that have this shape already is taken as it is, not copied. on_image is told
    how many are done. Raises DataError when more than 5 % are unreadable, ResourceError when the
    array would not fit into memory.
    """
    num = len(dataset)
    if (ready := _ready(dataset.images, size, channels)) is not None:
        on_image(num)
        digests = tuple(map(pixel_digest, ready))
        return Loaded(dataset=dataset, images=ready, digests=digests, issues=())
    images = _room(dataset, (num, size, size, channels))

    def load(pixels: Array) -> Array:
        return prepare(pixels, size=size, channels=channels, fit=fit)

    hashes: list[bytes] = []
    issues: list[Issue] = []
    kept: list[int] = []
    for index, digest, prepared in _readable(dataset, load, issues, on_image):
        images[len(kept)] = prepared
        hashes.append(digest)
        kept.append(index)
    return Loaded(
        dataset=dataset if len(kept) == num else selected(dataset, kept),
        images=images[: len(kept)],
        digests=tuple(hashes),
        issues=tuple(issues),
    )


def load_digests(
    dataset: Dataset, *, on_image: Callable[[int], None] = lambda done: None
) -> Loaded:
    """The same without the pixels: which images can be read, and their hashes. images: none."""
    issues: list[Issue] = []
    found = list(_readable(dataset, lambda pixels: None, issues, on_image))
    kept = [index for index, _, _ in found]
    return Loaded(
        dataset=dataset if len(kept) == len(dataset) else selected(dataset, kept),
        images=np.empty((0, 0, 0, 1), np.uint8),
        digests=tuple(digest for _, digest, _ in found),
        issues=tuple(issues),
    )


def _readable(
    dataset: Dataset,
    load: Callable[[Array], T],
    issues: list[Issue],
    on_image: Callable[[int], None],
) -> Iterator[tuple[int, bytes, T]]:
    """The index, the hash and what `load` makes of each image that can be read.

    Of the others, and of what is odd, it tells `issues`. Raises DataError at the end when more
    than 5 % are unreadable.
    """

    def look(source: Any) -> tuple[bytes, T, tuple[str, ...]] | ImageError:
        try:
            pixels, remarks = open_image(source)
        except ImageError as error:
            return error
        return pixel_digest(pixels), load(pixels), remarks

    bad = []
    for index, result in enumerate(_results(look, dataset.images)):
        name = dataset.names[index]
        if isinstance(result, ImageError):
            bad.append(Issue(kind="unreadable", name=name, detail=str(result), left_out=True))
            issues.append(bad[-1])
        else:
            digest, loaded, remarks = result
            issues += [Issue(kind="odd-file", name=name, detail=r, score=0.0) for r in remarks]
            yield index, digest, loaded
        on_image(index + 1)
    _check_share(dataset, bad)


def pixel_digests(dataset: Dataset) -> tuple[bytes, ...]:
    """A hash of each image's decoded pixels; one that cannot be decoded is equal to no other."""

    def digest(source: Any) -> bytes | None:
        try:
            return pixel_digest(open_image(source).pixels)
        except ImageError:
            return None

    return tuple(
        found or b"%d" % index for index, found in enumerate(_results(digest, dataset.images))
    )


def _ready(images: Any, size: int, channels: int) -> Array | None:
    """The array itself, if it is what loading would make of it."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        return None
    shape = images.shape[1:] if images.ndim == 4 else (*images.shape[1:], 1)
    return images.reshape(-1, *shape) if shape == (size, size, channels) else None


def _check_share(dataset: Dataset, bad: list[Issue]) -> None:
    if len(bad) > MAX_BAD * len(dataset):
        raise DataError(
            f"{dataset.name}: {len(bad):,} of {count(len(dataset), 'image')} cannot be read, "
            f"more than {MAX_BAD:.0%}; the first is {bad[0].name}, which {bad[0].detail}; "
            "mend or remove them"
        )


def _results(load: Callable[[Any], Any], images: Any) -> Iterator[Any]:
    # An array needs no decoding: handing its small images to threads costs more than it saves.
    return map(load, images) if isinstance(images, np.ndarray) else in_order(load, images, batch=16)


def _room(dataset: Dataset, shape: tuple[int, ...]) -> Array:
    """An array of this shape. Raises ResourceError when it would not leave room for a training."""
    needed, memory = math.prod(shape), _memory()
    try:
        if needed <= MEMORY_SHARE * memory:
            return np.empty(shape, np.uint8)
    except MemoryError:
        memory = min(memory, needed)
    raise ResourceError(
        f"{dataset.name}: {count(len(dataset), 'image')} of {shape[1]} x {shape[2]} pixels need "
        f"{needed / 1e9:.1f} GB of memory, and at most {MEMORY_SHARE * memory / 1e9:.1f} GB can be "
        "had; choose a smaller size, for instance --set size=32, or take fewer images"
    )


def _memory() -> float:
    """Bytes of memory that this process may have: the machine's, or its container's if less."""
    limits = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on every system
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        with contextlib.suppress(ValueError, OSError):  # "max" is no limit
            limits.append(int(Path(path).read_text()))
    return min(limits, default=math.inf)
