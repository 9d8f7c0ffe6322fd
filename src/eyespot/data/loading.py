"""All images of a set as one array of pixels, and what could not be read.

N images, S side, H height, W width, C channels, T = THUMB the side of a thumbnail.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np

from eyespot.data.duplicates import Duplicates, find_duplicates
from eyespot.data.measurement import THUMB, pixel_digest, thumbnail
from eyespot.data.room import room_for
from eyespot.data.selection import selected
from eyespot.data.shrinking import thumbnails
from eyespot.errors import DataError, ImageError, count
from eyespot.images.decode import open_image
from eyespot.images.ink import bridged
from eyespot.images.parallel import in_order
from eyespot.images.pixels import MAX_PIXELS
from eyespot.images.preparation import prepare
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue
from eyespot.values.preparation import Fit, InkStyle

MAX_BAD = 0.05  # of a set's images may be unreadable; more means that something else is wrong

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """The readable images of a set.

    images: uint8 (N, S, S, C), in the order of dataset.names; maybe in a file, larger than memory:
    to be copied a few at a time. digests: N hashes of the decoded pixels; equal pictures have equal
    digests. thumbs: uint8 (N, T, T), as the check compares them. issues: the images that were left
    out, and what is odd about others.
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
    ink: InkStyle | None = None,
    on_image: Callable[[int], None] = lambda done: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Loaded:
    """Decodes and prepares every image, on all cores; those that cannot be decoded become issues.

    ink: the style that pictures unlike it are redrawn in; one on which nothing is written stays as
    it is. Without it an array of images that have this shape already is taken as it is, not copied.
    Of others, those that memory would not hold lie in a temporary file, and `say` is told so.
    on_image is told how many are done. Raises DataError when more than 5 % are unreadable,
    ResourceError when neither memory nor the disk has room.
    """
    ready = _plain(dataset.images)
    if ready is not None and ink is None and ready.shape[1:] == (size, size, channels):
        return _whole(dataset, ready, ready, on_image)

    def load(pixels: Array) -> Array:
        if ink is not None:
            with contextlib.suppress(ImageError):  # with nothing on it a picture counts as it is
                return bridged(pixels, ink, size=size, channels=channels, fit=fit)
        return prepare(pixels, size=size, channels=channels, fit=fit)

    looks = _Looks(len(dataset))
    with room_for(dataset.name, (len(dataset), size, size, channels), say=say) as room:
        for prepared in looks.at(dataset, load, on_image):
            room.add(prepared)
        check_share(dataset, looks.issues)
        return looks.loaded(dataset, room.filled())


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
    check_share(dataset, looks.issues)
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
        """images: those that can be read, or none."""
        num = len(self.kept)
        return Loaded(
            dataset=dataset if num == len(dataset) else selected(dataset, self.kept),
            images=images,
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


def check_share(dataset: Dataset, issues: Sequence[Issue]) -> None:
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
