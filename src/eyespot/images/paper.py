"""From pixels to ink: how much of what is written each pixel has, whatever it is written on.

Shadows, uneven light and the colours of ink and paper are gone; dark on light and light on dark are
the same. Whole numbers throughout (// rounds down), in an order that every other implementation
must keep:

    reduce    by the smallest whole factor k that brings the longer side to `longest` or less: boxes
              of k x k pixels, at the right and lower edge of fewer, of n pixels each become
              ((sum + n // 2) * (2**24 // n)) >> 24, which is what Pillow's `reduce` does
    channels  one of the three if they are equal everywhere
    smooth    where the shorter side has 100 pixels or more, each channel of which the neighbours to
              the right differ by 3 or more in the median becomes the mean of 3 x 3 pixels,
              (sum + 4) // 9, the outermost going on; and a second time
    polarity  of each channel, on a copy that is reduced again, to 256: dark ink if the paper found
              for dark ink (below) is the smoother one, that is if its neighbours, to the right and
              below, differ less in sum; else the channel is inverted
    paper     the closing of the channel: in a square window the largest value, then the smallest.
              The window is odd and wider than any stroke, so that strokes are filled with the paper
              around them, and shadows and gradients, which are larger, stay.
              Beyond its edges the picture goes on with its outermost pixels, of which each row and
              column was closed by itself, by a window of 3/4 of its length: a stroke that leaves
              the picture is no paper. If `sides` is asked for, at least with the largest of the
              medians of its sides: then a stroke along a whole side is none either
    ink       of dark ink (paper - value) * 255 // max(paper, 64), for a shadow makes ink fainter as
              well; of light ink paper - value (both inverted)
    colour    the channels' mean, weighted by how much ink each has where the largest of them is
              above its Otsu threshold
    texture   less the usual ink of the place: the middle value (of two the larger) of each block,
              whose side is a quarter of the window, 4 or more; of these the opening, that is in
              squares of 5 x 5 blocks the smallest, then the largest, with 0 beyond the edges
    stretch   less the median of what is not above the threshold, which is noise, and so that of
              what is above it nine tenths stay below 255
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from eyespot.values.arrays import Array

_LEAST_PAPER = 64
_LEAST_GRAIN = 3
_LONGEST_POLARITY = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Paper:
    """What is written on a picture. ink: uint8 (h, w), 0 for paper, 255 for as much as the strokes
    have.

    threshold: what is written has more than this. contrast: the ink's difference from its paper
    before it was stretched, 0..255. grain: by how much neighbours differ, on the same scale.
    reduction: how many pixels of the picture, each way, are one.
    """

    ink: Array
    threshold: int
    contrast: int
    grain: int
    reduction: int


def read_paper(
    pixels: Array, *, longest: int = 1024, window: int | None = None, sides: bool = False
) -> Paper:
    """What is written on a decoded picture, uint8 (H, W, C).

    longest: the side that larger pictures are reduced to. window: wider than the widest stroke, in
    pixels of the reduced picture; None takes a third of its shorter side. sides: takes what lies
    along a whole side for ink, not for paper.
    """
    pixels, reduction = reduced(pixels, longest)
    if pixels.shape[2] == 3 and _grey(pixels):
        pixels = pixels[..., :1]
    side = min(pixels.shape[:2])
    channels = [_smooth(np.ascontiguousarray(one)) for one in np.moveaxis(pixels, 2, 0)]
    width = _odd(side // 3 if window is None else window)
    ink = _mixed([_ink(channel, width, sides=sides) for channel in channels])
    noise = _grain(ink)
    return _stretched(_without_texture(ink, max(4, width // 4)), noise, reduction)


def reduced(pixels: Array, longest: int) -> tuple[Array, int]:
    """The picture, its longer side `longest` or less, and the whole factor."""
    factor = -(-max(pixels.shape[:2]) // longest)
    if factor == 1:
        return pixels, 1
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    small = np.asarray(image.reduce(factor))
    return small.reshape(*small.shape[:2], -1), factor


def otsu(counts: Array) -> int:
    """The level that parts a histogram best: the class above it is what exceeds the level.

    counts: int64 (256,). Of equally good levels the lowest; 0 for a histogram of one level.
    Whole numbers: between-class variance as a fraction is compared in float64, in one order.
    """
    below = np.cumsum(counts).astype(np.float64)
    mass = np.cumsum(counts * np.arange(len(counts))).astype(np.float64)
    above = below[-1] - below
    apart = mass[-1] * below - mass * below[-1]
    both = below * above
    spread = np.where(both > 0, apart * apart / np.where(both > 0, both, 1.0), 0.0)
    return int(spread.argmax())


def histogram(values: Array) -> Array:
    """int64 (256,): how often each level occurs in uint8 (h, w). Pillow counts the fastest."""
    return np.array(Image.fromarray(values).histogram(), np.int64)


def closing(values: Array, window: int) -> Array:
    """The largest, then the smallest value of each square window. (h, w) to the same less
    2 * (window - 1)."""
    for function in (np.maximum, np.minimum):
        for axis in (0, 1):
            values = slid(values, window, axis, function)
    return values


def slid(values: Array, window: int, axis: int, function: np.ufunc) -> Array:
    """`function` over each run of `window` values along an axis, by doubling."""
    num = values.shape[axis] - window + 1
    have = 1
    while 2 * have <= window:
        values = function(_from(values, 0, -have, axis), _from(values, have, None, axis))
        have *= 2
    rest = window - have
    found: Array = function(_from(values, 0, num, axis), _from(values, rest, rest + num, axis))
    return found


def _from(values: Array, start: int, stop: int | None, axis: int) -> Array:
    return values[start:stop] if axis == 0 else values[:, start:stop]


def _grey(pixels: Array) -> bool:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return bool((red == green).all() and (green == blue).all())


def _odd(number: int) -> int:
    return max(3, number | 1)


def _ink(channel: Array, window: int, *, sides: bool) -> Array:
    """uint8 (h, w): how much ink a channel has where."""
    dark = _is_dark(channel, window, sides=sides)
    values = channel if dark else 255 - channel
    paper = _paper(values, window, sides=sides)
    difference = paper - values  # never below 0, for a closing is never below
    if not dark:
        return difference
    scale = np.maximum(paper, _LEAST_PAPER)
    of_paper: Array = (difference.astype(np.uint16) * np.uint16(255) // scale).astype(np.uint8)
    return of_paper


def _smooth(channel: Array) -> Array:
    for _ in range(2):
        if min(channel.shape) < 100 or _grain(channel) < _LEAST_GRAIN:
            break
        wide = np.pad(channel, 1, mode="edge").astype(np.uint16)
        rows = wide[:-2] + wide[1:-1] + wide[2:]
        channel = ((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4) // 9).astype(np.uint8)
    return channel


def _grain(values: Array) -> int:
    """The median difference of neighbours in a row."""
    left, right = values[:, :-1], values[:, 1:]
    steps = np.maximum(left, right) - np.minimum(left, right)
    return _quantile(histogram(steps), 1, 2)


def _is_dark(channel: Array, window: int, *, sides: bool) -> bool:
    small, factor = reduced(channel[..., np.newaxis], _LONGEST_POLARITY)
    width = _odd(window // factor)
    values = small[..., 0]
    dark, light = (_paper(one, width, sides=sides) for one in (values, 255 - values))
    return _roughness(dark) <= _roughness(light)


def _roughness(values: Array) -> int:
    wide = values.astype(np.int16)
    steps = (np.abs(np.diff(wide, axis=axis)).sum(dtype=np.int64) for axis in (0, 1))
    return int(sum(steps))


def _paper(values: Array, window: int, *, sides: bool) -> Array:
    """The paper under dark ink, (h, w)."""
    return closing(_continued(values, window - 1, sides=sides), window)


def _continued(values: Array, margin: int, *, sides: bool) -> Array:
    """The picture with `margin` pixels more to every side."""
    top, bottom, left, right = lines = values[0], values[-1], values[:, 0], values[:, -1]
    height, width = values.shape
    page = np.pad(values, margin, mode="edge")
    inner = slice(margin, margin + height), slice(margin, margin + width)
    for line, place in (
        (top, (slice(0, margin), inner[1])),
        (bottom, (slice(margin + height, None), inner[1])),
    ):
        page[place] = _closed_line(line)[np.newaxis]
    for line, place in (
        (left, (inner[0], slice(0, margin))),
        (right, (inner[0], slice(margin + width, None))),
    ):
        page[place] = _closed_line(line)[:, np.newaxis]
    if sides:
        paper = max(int(np.partition(line, len(line) // 2)[len(line) // 2]) for line in lines)
        page = np.maximum(page, np.uint8(paper))
        page[inner] = values
    return page


def _closed_line(line: Array) -> Array:
    window = _odd(3 * len(line) // 4)
    padded = np.pad(line, window - 1, mode="edge")[np.newaxis]
    once = slid(padded, window, 1, np.maximum)
    closed: Array = slid(once, window, 1, np.minimum)[0]
    return closed


def _mixed(inks: list[Array]) -> Array:
    """One ink of those of the channels."""
    if len(inks) == 1:
        return inks[0]
    most = np.maximum(np.maximum(inks[0], inks[1]), inks[2])
    strong = most > otsu(histogram(most))
    weights = [int(ink.sum(where=strong, dtype=np.int64)) for ink in inks]
    num = max(int(strong.sum()), 1)
    means = [weight // num for weight in weights]
    total = max(sum(means), 1)
    mixed = np.zeros(most.shape, np.uint32)
    for ink, mean in zip(inks, means, strict=True):
        mixed += ink.astype(np.uint32) * np.uint32(mean)
    found: Array = (mixed // np.uint32(total)).astype(np.uint8)
    return found


def _without_texture(ink: Array, block: int) -> Array:
    """The ink less what is usual around it: grain, noise, shades that the closing left."""
    height, width = ink.shape
    down, across = -(-height // block), -(-width // block)
    whole = np.pad(ink, ((0, down * block - height), (0, across * block - width)), mode="edge")
    blocks = whole.reshape(down, block, across, block).swapaxes(1, 2).reshape(down, across, -1)
    middle = block * block // 2
    usual = np.partition(blocks, middle, axis=2)[..., middle]
    # An opening is the closing of what is inverted.
    usual = 255 - closing(np.pad(255 - usual, 4, constant_values=255), 5)
    spread = usual.repeat(block, axis=0).repeat(block, axis=1)[:height, :width]
    found: Array = ink - np.minimum(ink, spread)
    return found


def _stretched(ink: Array, grain: int, reduction: int) -> Paper:
    counts = histogram(ink)
    level = otsu(counts)
    noise = _quantile(counts[: level + 1], 1, 2)
    full = level + 1 + _quantile(counts[level + 1 :], 9, 10) if counts[level + 1 :].any() else level
    span = max(full - noise, 1)
    levels = np.clip((np.arange(256) - noise) * 255 // span, 0, 255).astype(np.uint8)
    return Paper(
        ink=levels.take(ink, mode="clip"),
        threshold=int(levels[level]),
        contrast=max(full - noise, 0),
        grain=grain,
        reduction=reduction,
    )


def _quantile(counts: Array, part: int, of: int) -> int:
    """The first place up to which part / of of all, rounded down, and one more are counted."""
    upto = np.cumsum(counts)
    return int(np.searchsorted(upto, int(upto[-1]) * part // of, side="right")) if len(upto) else 0
