"""The figures of a report that show counts and pictures; build them inside `drawing.style()`.

Shapes: N images, K classes, P parts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from eyespot.evaluation import normalised
from eyespot.reports.drawing import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    PAPER,
    SOFT,
    WRONG,
    axes_in_inches,
    legend,
)
from eyespot.reports.words import short
from eyespot.values.arrays import Array

# In this order; the images of a set without parts of its own are all of one kind.
_PART_COLOURS = {"train": ACCENT, "valid": SOFT, "test": MUTED, "free": LINE, "images": ACCENT}

# An embedded picture has one colour for both themes: these are legible on white and on black.
_RIGHT_RGB, _WRONG_RGB = (63, 127, 217), (224, 105, 43)

NUM_BARS = 40  # more classes than this become an outline
NUM_CELLS = 30  # more classes than this become a picture
NUM_LABELS = 70  # more classes than this have no room for their names
NUM_PIXELS = 300  # more classes than this are pooled, or a screen would drop single mistakes


def class_distribution(classes: Sequence[str], counts: Mapping[Any, Sequence[int]]) -> Figure:
    """Images per class: a bar per class, or an outline by size where there are many.

    counts: of each part, or under `images` of all.
    """
    parts = [part for part in _PART_COLOURS if part in counts]
    counts_PK = np.array([counts[part] for part in parts]).reshape(len(parts), len(classes))
    if len(classes) > NUM_BARS:
        return _outline(parts, counts_PK)
    names = [short(name, 18) for name in classes]
    top = 0.36 if len(parts) > 1 else 0.1  # room for a legend
    figure, axes = axes_in_inches(
        4.8,
        0.39 + top + 0.23 * len(classes),
        left=_label_width(names),
        right=0.55,
        bottom=0.1,
        top=top,
    )
    rows, start_K = np.arange(len(classes)), np.zeros(len(classes))
    for part, counts_K in zip(parts, counts_PK, strict=True):
        axes.barh(rows, counts_K, 0.72, start_K, color=_PART_COLOURS[part], label=part)
        start_K += counts_K
    for row, total in enumerate(start_K):
        axes.text(total, row, f"\u00a0{total:,.0f}", va="center", color=MUTED)
    axes.set_yticks(rows, names)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_xlim(0, max(float(start_K.max()), 1.0))
    axes.set_xticks([])
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    if len(parts) > 1:
        legend(figure, "upper left")
    return figure


def confusion_matrix(
    classes: Sequence[str],
    counts_KK: Array,
    link: Callable[[int, int], str | None] = lambda truth, said: None,
) -> Figure:
    """Truth by prediction, shaded by the share of the truth's images; mistakes have a colour.

    link: where a click on the cell of a truth and an answer leads, if anywhere.
    """
    num = len(classes)
    names = [short(name, 18) for name in classes]
    labelled = num <= NUM_LABELS
    margin = _label_width(names) if labelled else 0.2
    upright = labelled and max(map(len, names)) > 2
    side = min(max(4.0 if num > 4 else 2.4, 0.36 * num), 8.4)
    bottom = (margin if upright else 0.25) + 0.3 if labelled else 0.4
    figure, axes = axes_in_inches(
        margin + 0.3 + side,
        bottom + side + 0.1,
        left=margin + 0.25,
        bottom=bottom,
        top=0.1,
        right=0.05,
    )
    shares_KK = normalised(counts_KK)
    if num <= NUM_CELLS:
        _draw_cells(axes, counts_KK, shares_KK, cell=72 * side / num, link=link)
    else:
        _draw_pixels(axes, shares_KK)
    axes.set(xlim=(-0.5, num - 0.5), ylim=(num - 0.5, -0.5), xlabel="prediction", ylabel="truth")
    ticks = range(num) if labelled else []
    size = min(9.0, 0.8 * 72 * side / num)
    axes.set_xticks(ticks, names if labelled else [], rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(ticks, names if labelled else [], fontsize=size)
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(not labelled)
    return figure


def contact_sheet(pictures: Sequence[Array], captions: Sequence[tuple[str, bool]]) -> Figure:
    """Pictures in rows of eight over their captions; each caption says if it is wrong."""
    columns = min(8, max(len(pictures), 1))
    rows = max(-(-len(pictures) // columns), 1)
    figure, axes = axes_in_inches(1.1 * columns, 1.35 * rows, left=0, right=0, bottom=0, top=0)
    axes.set_axis_off()
    for index, (picture, (caption, wrong)) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(index, columns)
        x, y = 1.1 * column + 0.05, 1.35 * row + 0.05
        grey = picture.shape[-1] == 1
        axes.imshow(
            picture[..., 0] if grey else picture,
            cmap="gray" if grey else None,
            vmin=0,
            vmax=255,
            extent=(x, x + 1, y + 1, y),
            interpolation="nearest",
            aspect="auto",
        )
        axes.text(x, y + 1.04, caption, va="top", fontsize=7, color=WRONG if wrong else INK)
    axes.set(xlim=(0, 1.1 * columns), ylim=(1.35 * rows, 0))
    return figure


def _outline(parts: Sequence[str], counts_PK: Array) -> Figure:
    figure, axes = axes_in_inches(4.8, 2.4, left=0.6, top=0.4)
    order = np.argsort(-counts_PK.sum(axis=0), kind="stable")
    tops_PK = np.vstack([np.zeros(len(order)), counts_PK[:, order].cumsum(axis=0)])
    edges = np.arange(len(order) + 1)
    for part, low_K, high_K in zip(parts, tops_PK[:-1], tops_PK[1:], strict=True):
        axes.stairs(high_K, edges, baseline=low_K, fill=True, color=_PART_COLOURS[part], label=part)
    axes.set(xlim=(0, len(order)), ylim=(0, None), xlabel=f"{len(order):,} classes, largest first")
    axes.grid(axis="y")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    if len(parts) > 1:
        legend(figure, "upper left")
    return figure


def _draw_cells(
    axes: Axes,
    counts_KK: Array,
    shares_KK: Array,
    *,
    cell: float,
    link: Callable[[int, int], str | None],
) -> None:
    """cell: the side of one square in points; the widest number is set to fit it."""
    size = min(9.0, 1.4 * cell / len(f"{counts_KK.max():,}"))
    cells, colours, links = [], [], []
    for truth, said in np.argwhere(counts_KK).tolist():
        # The square root lets one mistake in a hundred be seen.
        shade = max(0.12, float(shares_KK[truth, said]) ** 0.5)
        cells.append(Rectangle((said - 0.47, truth - 0.47), 0.94, 0.94))
        colours.append(to_rgba(ACCENT if truth == said else WRONG, shade))
        links.append(link(truth, said))
        axes.text(
            said,
            truth,
            f"{counts_KK[truth, said]:,}",
            ha="center",
            va="center",
            fontsize=size,
            color=PAPER if shade > 0.6 else INK,
            url=links[-1],
        )
    axes.add_collection(PatchCollection(cells, facecolors=colours, linewidths=0, urls=links))


def _draw_pixels(axes: Axes, shares_KK: Array) -> None:
    num = len(shares_KK)
    right = np.diag(shares_KK.diagonal())
    right, wrong = _pooled(right), _pooled(shares_KK - right)
    shades = np.zeros((*right.shape, 4), dtype=np.uint8)
    for shares, colour in ((right, _RIGHT_RGB), (wrong, _WRONG_RGB)):
        shown = shares > 0
        shades[shown, :3] = colour
        shades[shown, 3] = 255 * np.sqrt(shares[shown]).clip(0.15)
    extent = (-0.5, num - 0.5, num - 0.5, -0.5)
    axes.imshow(shades, extent=extent, interpolation="none", aspect="auto")


def _pooled(shares_KK: Array) -> Array:
    """The greatest share in each of at most 300 x 300 blocks."""
    num = len(shares_KK)
    if num <= NUM_PIXELS:
        return shares_KK
    starts = np.linspace(0, num, NUM_PIXELS, endpoint=False).astype(np.int64)
    rows: Array = np.maximum.reduceat(shares_KK, starts, axis=0)
    return np.maximum.reduceat(rows, starts, axis=1)


def _label_width(names: Sequence[str]) -> float:
    """Inches that the longest name takes at 9 points, with a little air."""
    widths = [sum(2 if east_asian_width(c) in "WF" else 1 for c in name) for name in names]
    return 0.15 + 0.078 * max(widths, default=0)
