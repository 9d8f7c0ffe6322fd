"""What is written on a page, before anybody reads it: each connected thing with its own ink."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.images.joining import joined, usual_height
from eyespot.images.paper import slid
from eyespot.images.pieces import Pieces, find_pieces
from eyespot.images.ruling import without_rules
from eyespot.values.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Blob:
    """A character, or several that touch. box: left, top, right, bottom, the latter two just
    outside, in pixels of the ink map. ink: uint8 (h, w), its own alone."""

    box: tuple[int, int, int, int]
    ink: Array

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """height: that of a usual character, in pixels of the ink map. threshold: what is written has
    more ink than this."""

    blobs: tuple[Blob, ...]
    height: float
    threshold: int


def read_page(ink: Array, threshold: int) -> Page:
    """What is written in an ink map, uint8 (H, W), where it is above a threshold."""
    mask = without_rules(ink > threshold)
    pieces = find_pieces(mask)
    height = usual_height(pieces, mask.shape)
    if height is None:
        return Page(blobs=(), height=0.0, threshold=threshold)
    groups = joined(pieces, height, mask.shape)
    blobs = tuple(_blob(ink, pieces, group) for group in groups)
    return Page(blobs=blobs, height=height, threshold=threshold)


def _blob(ink: Array, pieces: Pieces, places: Sequence[int]) -> Blob:
    """The pieces' pixels, and the faint ones around that belong to no other."""
    boxes = pieces.boxes[list(places)]
    left, top = (boxes[:, :2].min(axis=0) - 1).clip(0).tolist()
    right, bottom = (boxes[:, 2:].max(axis=0) + 1).clip(None, ink.shape[::-1]).tolist()
    numbers = pieces.numbers[top:bottom, left:right]
    own = np.isin(numbers, np.array(places) + 1)
    near = _grown(own) & (numbers == 0) | own
    return Blob(box=(left, top, right, bottom), ink=np.where(near, ink[top:bottom, left:right], 0))


def _grown(mask: Array) -> Array:
    """The mask and its 8 neighbours."""
    grown = np.pad(mask, 1)
    for axis in (0, 1):
        grown = slid(grown, 3, axis, np.logical_or)
    return grown


def together(one: Blob, other: Blob) -> Blob:
    """Two blobs as one."""
    boxes = np.array([one.box, other.box])
    left, top = (int(side) for side in boxes[:, :2].min(axis=0))
    right, bottom = (int(side) for side in boxes[:, 2:].max(axis=0))
    ink = np.zeros((bottom - top, right - left), np.uint8)
    for blob in (one, other):
        x, y = blob.box[0] - left, blob.box[1] - top
        area = ink[y : y + blob.ink.shape[0], x : x + blob.ink.shape[1]]
        np.maximum(area, blob.ink, out=area)
    return Blob(box=(left, top, right, bottom), ink=ink)


def cut_out(blob: Blob, keep: Array) -> Blob | None:
    """The pixels of a blob that a mask keeps; None if no ink is there."""
    ink = np.where(keep, blob.ink, 0)
    rows, columns = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    x, y = blob.box[:2]
    box = (int(x + left), int(y + top), int(x + right), int(y + bottom))
    return Blob(box=box, ink=ink[top:bottom, left:right])
