"""How a set shows its characters, and whether a prepared picture shows one in that way.

All is measured on prepared pictures, in whole numbers, and compared in the same way:

    grey     the mean of the channels, rounded down
    ink      how far a level is from the ground, in the direction of the set's ink, and not below 0
    box      of the ink above a third of the full level
    centre   twice that of the box less the side of the picture, or that of the ink's mass
    stroke   2 * sum(ink^2) / (full * sum(|ink - its neighbour|)), neighbours to the right and below
    peak     the largest ink
    clear    the median of how far the border's pixels are from the ground, either way
"""

import functools

import numpy as np

from eyespot.values.arrays import Array
from eyespot.values.preparation import InkStyle, Range

UNIT = 64  # parts of a pixel
_MOST_UNEVEN = 8  # the part of the full level that the usual picture's ground may be away


def ink_levels(grey: Array, *, ground: int, bright: bool) -> Array:
    """int64 of grey levels."""
    wide = grey.astype(np.int64)
    levels: Array = np.maximum(wide - ground if bright else ground - wide, 0)
    return levels


def grey_of(images: Array) -> Array:
    """(..., H, W) of uint8 (..., H, W, C)."""
    if images.shape[-1] == 1:
        return images[..., 0]
    mean: Array = (images.astype(np.uint16).sum(axis=-1) // images.shape[-1]).astype(np.uint8)
    return mean


def border_of(grey: Array) -> Array:
    """(N, 4 * (S - 1)) of (N, S, S): the outermost pixels."""
    return np.concatenate([grey[:, 0], grey[:, -1], grey[:, 1:-1, 0], grey[:, 1:-1, -1]], axis=1)


def measured(grey: Array, style: tuple[int, int, bool]) -> dict[str, Array]:
    """What each picture, uint8 (N, S, S), shows: int64 (N,) each, lengths in UNITs.

    style: ground, full and bright. A picture without ink has a side of 0.
    """
    ground, full, bright = style
    num, side = len(grey), grey.shape[1]
    ink = ink_levels(grey, ground=ground, bright=bright)
    inside = 3 * ink > full
    rows, columns = np.any(inside, axis=2), np.any(inside, axis=1)
    top, left = rows.argmax(axis=1), columns.argmax(axis=1)
    bottom, right = (side - one[:, ::-1].argmax(axis=1) for one in (rows, columns))
    written = rows.any(axis=1)
    mass = np.maximum(ink.sum(axis=(1, 2)), 1)
    places = 2 * np.arange(side) + 1 - side
    steps = np.abs(np.diff(ink, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(ink, axis=2)).sum(
        axis=(1, 2)
    )
    border = border_of(grey)
    middle = border.shape[1] // 2
    away = np.abs(border.astype(np.int16) - ground)
    clear = np.partition(away, middle, axis=1)[:, middle].astype(np.int64)
    return {
        "side": np.where(written, UNIT * np.maximum(bottom - top, right - left), 0),
        "stroke": 2 * UNIT * (ink * ink).sum(axis=(1, 2)) // np.maximum(full * steps, 1),
        "peak": ink.reshape(num, -1).max(axis=1),
        "clear": clear,
        "box down": UNIT // 2 * (top + bottom - side),
        "box right": UNIT // 2 * (left + right - side),
        "mass down": UNIT // 2 * (ink.sum(axis=2) @ places) // mass,
        "mass right": UNIT // 2 * (ink.sum(axis=1) @ places) // mass,
    }


def find_style(images: Array) -> InkStyle | None:
    """The style of prepared training images, uint8 (N, S, S, C); None if they show no ink."""
    grey = grey_of(images)
    levels = np.bincount(border_of(grey).ravel(), minlength=256)
    ground = int(np.searchsorted(np.cumsum(levels), levels.sum() // 2, side="right"))
    bright = float(grey.mean(dtype=np.float64)) > ground
    peaks = ink_levels(grey.reshape(len(grey), -1), ground=ground, bright=bright).max(axis=1)
    full = int(np.quantile(peaks, 0.95))
    if full < 16:
        return None
    found = measured(grey, (ground, full, bright))
    written = found["side"] > 0
    if 2 * written.sum() < len(written):
        return None
    found = {name: values[written] for name, values in found.items()}
    spreads = {
        by: _spread(found[f"{by} down"]) + _spread(found[f"{by} right"]) for by in ("box", "mass")
    }
    by = "mass" if spreads["mass"] < spreads["box"] else "box"
    clear, side, peak = (_range(found[name]) for name in ("clear", "side", "peak"))
    if clear.high * _MOST_UNEVEN > full:
        return None
    return InkStyle(
        ground=ground,
        full=full,
        bright=bright,
        by_mass=by == "mass",
        side=side.model_copy(update={"least": side.least - UNIT, "most": side.most + UNIT}),
        stroke=_range(found["stroke"]),
        down=_range(found[f"{by} down"]),
        right=_range(found[f"{by} right"]),
        peak=peak.model_copy(update={"least": peak.least - full // 8}),
        clear=clear,
    )


def _spread(values: Array) -> int:
    low, high = np.quantile(values, (0.1, 0.9))
    return int(high - low)


def _range(values: Array) -> Range:
    """Outermost: what one in a thousand exceeds, and half as far again from the middle."""
    least, low, middle, high, most = np.quantile(values, (0.001, 0.1, 0.5, 0.9, 0.999))
    return Range(
        least=int(least - (middle - least) / 2),
        low=int(low),
        middle=int(middle),
        high=int(high),
        most=int(most + (most - middle) / 2),
    )


def resemble(pictures: Array, style: InkStyle) -> Array:
    """bool (N,): which of the prepared pictures, uint8 (N, S, S, C), look like those of the set.

    For many small ones in a fifth of the time of one after the other.
    """
    found = measured(grey_of(pictures), (style.ground, style.full, style.bright))
    by = "mass" if style.by_mass else "box"
    alike = np.ones(len(pictures), np.bool_)
    for name, usual in (
        ("side", style.side),
        ("stroke", style.stroke),
        ("peak", style.peak),
        ("clear", style.clear),
        (f"{by} down", style.down),
        (f"{by} right", style.right),
    ):
        alike &= (usual.least <= found[name]) & (found[name] <= usual.most)
    return alike


def resembles(picture: Array, style: InkStyle) -> bool:
    """Whether one prepared picture, uint8 (S, S, C), looks like those of the set.

    The same as `resemble` of one, in a quarter of the time.
    """
    grey = grey_of(picture)
    side = len(grey)
    away = np.abs(_border(grey).astype(np.int16) - style.ground)
    if not _median_within(away, style.clear):
        return False
    ink = grey.astype(np.int32)
    if style.ground or not style.bright:
        ink = np.maximum(ink - style.ground if style.bright else style.ground - ink, 0)
    if not style.peak.least <= int(ink.max()) <= style.peak.most:
        return False
    inside = ink > style.full // 3
    rows, columns = np.any(inside, axis=1), np.any(inside, axis=0)
    if not rows.any():
        return False
    top, left, bottom, right = (
        int(rows.argmax()),
        int(columns.argmax()),
        side - int(rows[::-1].argmax()),
        side - int(columns[::-1].argmax()),
    )
    if not style.side.least <= UNIT * max(bottom - top, right - left) <= style.side.most:
        return False
    if style.by_mass:
        of_rows, of_columns = ink.sum(axis=1, dtype=np.int64), ink.sum(axis=0, dtype=np.int64)
        places, mass = _places(side), int(of_rows.sum())
        down, right_by = (UNIT // 2 * int(one @ places) // mass for one in (of_rows, of_columns))
    else:
        down, right_by = UNIT // 2 * (top + bottom - side), UNIT // 2 * (left + right - side)
    if not style.down.least <= down <= style.down.most:
        return False
    if not style.right.least <= right_by <= style.right.most:
        return False
    squares = int(np.square(ink).sum(dtype=np.int64))
    steps = int(np.abs(ink[1:] - ink[:-1]).sum(dtype=np.int64))
    steps += int(np.abs(ink[:, 1:] - ink[:, :-1]).sum(dtype=np.int64))
    stroke = 2 * UNIT * squares // max(style.full * steps, 1)
    return style.stroke.least <= stroke <= style.stroke.most


def cut_off(picture: Array, style: InkStyle) -> bool:
    """Whether what a prepared picture shows, away from the middle, ends straight on that side.

    As half of a character does. Of the sides from which the centre of mass is more than a pixel
    further than the style's middle one is enough. Its first line with ink lies within a sixth of
    the picture from the middle, and crosses strokes: it has a full stroke's ink, 15/16 of the full
    level somewhere, and 7/10 of the ink of the line behind it.
    """
    wide = grey_of(picture).astype(np.int64)
    ink = np.maximum(wide - style.ground if style.bright else style.ground - wide, 0)
    mass = max(int(ink.sum()), 1)
    for lines, middle in ((ink, style.down.middle), (ink.T, style.right.middle)):
        sums = lines.sum(axis=1)
        away = UNIT // 2 * int(sums @ _places(len(lines))) // mass - middle
        if abs(away) > UNIT:
            inward = slice(None) if away > 0 else slice(None, None, -1)
            if _straight(lines[inward], sums[inward], style.full):
                return True
    return False


def _straight(lines: Array, sums: Array, full: int) -> bool:
    """Whether the first of the lines with ink, near the middle, is as full as the next."""
    first, num = int((sums > 0).argmax()), len(sums)
    if 6 * abs(2 * first + 1 - num) > 2 * num or first + 1 == num:
        return False
    own, behind, peak = int(sums[first]), int(sums[first + 1]), int(lines[first].max())
    return own >= full and 16 * peak >= 15 * full and 10 * own >= 7 * behind


@functools.cache
def _places(side: int) -> Array:
    places: Array = 2 * np.arange(side) + 1 - side
    return places


def _border(grey: Array) -> Array:
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def _median_within(values: Array, usual: Range) -> bool:
    """Whether the median, of two middle values the larger, is within least and most."""
    middle = len(values) // 2
    num_low = int((values < usual.least).sum())
    return num_low <= middle and int((values <= usual.most).sum()) > middle
