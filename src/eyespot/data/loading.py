"""All images of a set as one array of pixels, and what could not be read.

N images, S side, H height, W width, C channels, T = THUMB the side of a thumbnail.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from eyespot.data.duplicates import Duplicates, find_duplicates
from eyespot.data.measurement import THUMB, pixel_digest, thumbnail
from eyespot.data.selection import selected
from eyespot.data.shrinking import thumbnails
from eyespot.errors import DataError, ImageError, ResourceError, count
from eyespot.images.decode import in_order, open_image
from eyespot.images.pixels import MAX_PIXELS
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
    pixels; equal pictures have equal digests. thumbs: uint8 (N, T, T), as the check compares them.
    issues: the images that were left out, and what is odd about others.
    """

    dataset: Dataset
    images: Array
    digests: tuple[bytes, ...]
    thumbs: Array
    issues: tuple[Issue, ...]

    @cached_property
    def duplicates(self) -> Duplicates:
        """Which of the images are the same picture, as the check finds them."""
        return find_duplicates(self.dataset, self.digests, self.thumbs)


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
    ready = _plain(dataset.images)
    if ready is not None and ready.shape[1:] == (size, size, channels):
        return _whole(dataset, ready, ready, on_image)
    images = _room(dataset, (num, size, size, channels))

    def load(pixels: Array) -> Array:
        return prepare(pixels, size=size, channels=channels, fit=fit)

    looks = _Looks(num)
    for prepared in looks.at(dataset, load, on_image):
        images[len(looks.kept) - 1] = prepared
    _check_share(dataset, looks.issues)
    return looks.loaded(dataset, images)


def load_digests(
    dataset: Dataset, *, on_image: Callable[[int], None] = lambda done: None
) -> Loaded:
    """The same without the pixels: which images can be read, and their hashes. images: none."""
    none = np.empty((0, 0, 0, 1), np.uint8)
    if (ready := _plain(dataset.images)) is not None:
        return _whole(dataset, ready, none, on_image)
    looks = _Looks(len(dataset))
    for _ in looks.at(dataset, lambda pixels: None, on_image):
        pass
    _check_share(dataset, looks.issues)
    return looks.loaded(dataset, none)


def duplicates_of(dataset: Dataset) -> Duplicates:
    """Which images are the same picture; one that cannot be decoded is like no other."""
    if (ready := _plain(dataset.images)) is not None:
        return _whole(dataset, ready, ready).duplicates
    looks = _Looks(len(dataset))
    for _ in looks.at(dataset, lambda pixels: None):
        pass
    digests = [b""] * len(dataset)
    thumbs = np.zeros((len(dataset), THUMB, THUMB), np.uint8)
    for row, index in enumerate(looks.kept):
        digests[index], thumbs[index] = looks.digests[row], looks.thumbs[row]
    return find_duplicates(dataset, digests, thumbs)


class _Looks:
    """What was seen of a set's images, of which there are `num`, one after the other.

    kept: the places of those that can be read; digests, thumbs: theirs. issues: about the others,
    and what is odd.
    """

    def __init__(self, num: int) -> None:
        self.kept: list[int] = []
        self.digests: list[bytes] = []
        self.thumbs = np.empty((num, THUMB, THUMB), np.uint8)
        self.issues: list[Issue] = []

    def at(
        self,
        dataset: Dataset,
        load: Callable[[Array], T],
        on_image: Callable[[int], None] = lambda done: None,
    ) -> Iterator[T]:
        """What `load` makes of each image that can be read, told here by then."""
        plain = _plain(dataset.images)
        known = None if plain is None else thumbnails(plain)

        def look(source: Any) -> tuple[bytes, Array | None, T, tuple[str, ...]] | ImageError:
            try:
                pixels, remarks = open_image(source)
            except ImageError as error:
                return error
            thumb = thumbnail(pixels) if known is None else None
            return pixel_digest(pixels), thumb, load(pixels), remarks

        for index, result in enumerate(_results(look, dataset.images)):
            name = dataset.names[index]
            if isinstance(result, ImageError):
                detail = str(result)
                issue = Issue(kind="unreadable", name=name, detail=detail, left_out=True)
                self.issues.append(issue)
            else:
                digest, thumb, loaded, remarks = result
                self.issues += [
                    Issue(kind="odd-file", name=name, detail=r, score=0.0) for r in remarks
                ]
                self.thumbs[len(self.kept)] = thumb if known is None else known[index]
                self.digests.append(digest)
                self.kept.append(index)
                yield loaded
            on_image(index + 1)

    def loaded(self, dataset: Dataset, images: Array) -> Loaded:
        """images: those that can be read, or none; room for more is cut off."""
        num = len(self.kept)
        return Loaded(
            dataset=dataset if num == len(dataset) else selected(dataset, self.kept),
            images=images[:num],
            digests=tuple(self.digests),
            thumbs=self.thumbs[:num],
            issues=tuple(self.issues),
        )


def _whole(
    dataset: Dataset,
    pixels: Array,
    images: Array,
    on_image: Callable[[int], None] = lambda done: None,
) -> Loaded:
    """A set whose pixels, uint8 (N, H, W, C), need no decoding."""
    on_image(len(dataset))
    digests = tuple(map(pixel_digest, pixels))
    return Loaded(
        dataset=dataset, images=images, digests=digests, thumbs=thumbnails(pixels), issues=()
    )


def _plain(images: Any) -> Array | None:
    """uint8 (N, H, W, C): the array itself, if decoding its images would change nothing."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim not in (3, 4):
        return None
    plain = images if images.ndim == 4 else images[..., np.newaxis]
    fine = 1 <= plain.shape[1] * plain.shape[2] <= MAX_PIXELS and plain.shape[3] in (1, 3)
    return plain if fine else None


def _check_share(dataset: Dataset, issues: Sequence[Issue]) -> None:
    """Raises DataError when more than 5 % of the images are left out."""
    bad = [issue for issue in issues if issue.left_out]
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
