"""All images of a set as rows of numbers that something else makes of their pixels.

N images, S side, F numbers of each, T = THUMB the side of a thumbnail.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyespot.data.inspection import bytes_of, content_of
from eyespot.data.loading import Loaded, check_share
from eyespot.data.measurement import THUMB, pixel_digest, thumbnail
from eyespot.data.remembering import Memory, Remembered
from eyespot.data.selection import selected
from eyespot.errors import ImageError
from eyespot.images.decode import open_image
from eyespot.images.parallel import in_order
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue


@dataclass(frozen=True, kw_only=True, eq=False)
class Maker:
    """How a row is made. prepare: uint8 (S, S, C) of decoded pixels. make: float16 (B, F) of
    prepared pictures; batch: how many of them at a time. Several threads call both at once."""

    prepare: Callable[[Array], Array]
    width: int
    batch: int
    make: Callable[[Array], Array]


def load_rows(
    dataset: Dataset,
    maker: Maker,
    memory: Memory,
    *,
    on_image: Callable[[int], None] = lambda done: None,
) -> Loaded:
    """As `load_images`, with rows, float16 (N, F), in the place of pixels.

    An image is decoded only where the memory does not know it; what is new is remembered. Decoding
    and making go on at the same time, on all cores. Raises DataError when more than 5 % of the
    images are unreadable.
    """
    rows = np.empty((len(dataset), maker.width), np.float16)
    thumbs = np.empty((len(dataset), THUMB, THUMB), np.uint8)
    kept: list[int] = []
    digests: list[bytes] = []
    issues: list[Issue] = []
    done = 0
    try:
        for index, content, seen in _looks(dataset, maker, memory):
            name = dataset.names[index]
            done += 1
            on_image(done)
            if isinstance(seen, ImageError):
                issues.append(Issue(kind="unreadable", name=name, detail=str(seen), left_out=True))
                continue
            if content is not None:
                memory.add(content, seen)
            issues += [Issue(kind="odd-file", name=name, detail=r, score=0.0) for r in seen.remarks]
            rows[len(kept)], thumbs[len(kept)] = seen.row, seen.thumb
            digests.append(seen.digest)
            kept.append(index)
    finally:
        memory.save()
    check_share(dataset, issues)
    num = len(kept)
    return Loaded(
        dataset=dataset if num == len(dataset) else selected(dataset, kept),
        images=rows[:num],
        digests=tuple(digests),
        thumbs=thumbs[:num],
        issues=tuple(issues),
    )


# The place of an image; what it is made of, where that is new; what is known of it now.
_Look = tuple[int, bytes | None, Remembered | ImageError]


def _looks(dataset: Dataset, maker: Maker, memory: Memory) -> Iterator[_Look]:
    starts = range(0, len(dataset), maker.batch)

    def look(start: int) -> list[_Look]:
        return _batch(dataset, range(start, min(start + maker.batch, len(dataset))), maker, memory)

    for batch in in_order(look, starts):
        yield from batch


def _batch(dataset: Dataset, places: range, maker: Maker, memory: Memory) -> list[_Look]:
    looks: dict[int, _Look] = {}
    pictures: list[Array] = []
    new: list[tuple[int, bytes | None, bytes, Array, tuple[str, ...]]] = []
    for index in places:
        source: Any = dataset.images[index]
        data = bytes_of(source)
        content = None if data is None else content_of(source, data)
        if content is not None and (known := memory.find(content)) is not None:
            looks[index] = (index, None, known)
            continue
        try:
            pixels, remarks = open_image(source)
            pictures.append(maker.prepare(pixels))
        except ImageError as error:
            looks[index] = (index, None, error)
            continue
        new.append((index, content, pixel_digest(pixels), thumbnail(pixels), remarks))
    made = maker.make(np.stack(pictures)) if pictures else ()
    for (index, content, digest, thumb, remarks), row in zip(new, made, strict=True):
        seen = Remembered(digest=digest, thumb=thumb, remarks=remarks, row=row)
        looks[index] = (index, content, seen)
    return [looks[index] for index in places]
