"""The sheet of paper on a picture that also shows the table under it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from eyespot.images.paper import otsu, reduced
from eyespot.images.pieces import find_pieces
from eyespot.values.arrays import Array

_LONGEST = 256  # pixels of the copy that it is looked for on
_LEAST_AREA = 0.15  # of the picture
_LEAST_FILL = 0.55  # of its box; a ring of ink has less
_SURROUNDED = 0.7  # of the picture's border is something else
_APART = 24  # grey levels between the sheet and what it lies on
_EDGE = (
    0.012  # of the picture's longer side, that the sheet is taken smaller by: its edge is no ink
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """box: left, top, right, bottom in the picture. inside: bool (H, W) of the box: the sheet."""

    box: tuple[int, int, int, int]
    inside: Array

    def flattened(self, pixels: Array) -> Array:
        """The picture in the box, with the sheet's usual colour where it is not."""
        left, top, right, bottom = self.box
        part = pixels[top:bottom, left:right].copy()
        part[~self.inside] = np.median(part[self.inside][::16], axis=0).astype(np.uint8)
        return part


def find_sheet(pixels: Array) -> Sheet | None:
    """The sheet on a picture, uint8 (H, W, C); None where there is none, or it fills all."""
    small, factor = reduced(pixels, _LONGEST)
    grey = small.mean(axis=2).astype(np.uint8)
    level = otsu(np.bincount(grey.ravel(), minlength=256))
    bright = grey > level
    for own in (bright, ~bright):
        mask = _surrounded(own)
        if mask is not None and abs(np.median(grey[mask]) - np.median(grey[~mask])) >= _APART:
            return _sheet(mask, factor, pixels.shape)
    return None


def _surrounded(own: Array) -> Array | None:
    """The largest piece of a mask, its holes filled, if it lies on something else as paper does."""
    border = np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]])
    pieces = find_pieces(own)
    if not len(pieces) or border.mean() > 1 - _SURROUNDED:
        return None
    mask = _filled(pieces.numbers == int(pieces.areas.argmax()) + 1)
    width, height = pieces.sizes[pieces.areas.argmax()]
    large = mask.sum() >= max(_LEAST_AREA * mask.size, _LEAST_FILL * width * height)
    return mask if large else None


def _filled(mask: Array) -> Array:
    """What lies between pixels of the mask, both along its row and along its column."""
    filled = np.ones(mask.shape, np.bool_)
    for axis in (0, 1):
        before = np.maximum.accumulate(mask, axis=axis)
        after = np.flip(np.maximum.accumulate(np.flip(mask, axis), axis=axis), axis)
        filled &= before & after
    return filled


def _sheet(mask: Array, factor: int, shape: tuple[int, ...]) -> Sheet | None:
    """Somewhat smaller, and as large as the picture."""
    edge = max(1, round(_EDGE * max(mask.shape)))
    for axis in (0, 1):
        padded = np.pad(mask, edge)
        shifted = [np.roll(padded, shift, axis) for shift in (-edge, edge)]
        mask = (padded & shifted[0] & shifted[1])[edge:-edge, edge:-edge]
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    left, top, right, bottom = (int(side) * factor for side in (left, top, right, bottom))
    right, bottom = min(right, shape[1]), min(bottom, shape[0])
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    size = (inner.shape[1] * factor, inner.shape[0] * factor)
    inside = np.asarray(Image.fromarray(inner).resize(size, Image.Resampling.NEAREST)) > 0
    return Sheet(box=(left, top, right, bottom), inside=inside[: bottom - top, : right - left])
