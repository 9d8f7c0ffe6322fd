"""How every chart looks, and drawing it: as SVG for the page, as PNG for a file.

Figures are made without pyplot: no window system is needed. Build and draw them inside `style()`.
"""

import io
import re
import warnings
from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# As PNG the colours are these; in the page each becomes the CSS variable of its name, so that a
# chart follows the reader's light or dark theme. No two may be equal.
COLOURS = {
    "ink": "#1b1f24",
    "muted": "#66707b",
    "line": "#d8dde3",
    "accent": "#1f5fbf",
    "soft": "#9dbfe9",
    "wrong": "#c2410c",
    "paper": "#fefefe",
    # What stands beside the first of several runs, which has the accent.
    "second": "#d97706",
    "third": "#15803d",
    "fourth": "#9333ea",
    "fifth": "#be185d",
    "sixth": "#0e7490",
}
INK, MUTED, LINE, ACCENT, SOFT, WRONG, PAPER, *_OTHERS = COLOURS.values()
SERIES = (ACCENT, *_OTHERS)
STROKES = ("-", "--", ":", "-.")  # one after the other where there are more runs than colours

_STYLE: dict[Any, Any] = {  # newer stubs want literal keys, older ones strings
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,  # a class may be named $x$
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "svg.fonttype": "none",  # letters stay letters: small, selectable, in the reader's font
}


def style() -> AbstractContextManager[None]:
    """What the charts look like, while it is entered."""
    return matplotlib.rc_context(_STYLE)


def svg(figure: Figure, name: str) -> str:
    """The figure as an <svg> element in the colours of the page; `name` is unique there."""
    text = io.StringIO()
    # The salt makes the ids of clip paths differ between figures and not between two builds.
    with matplotlib.rc_context({"svg.hashsalt": name}):
        _save(figure, text, "svg", facecolor="none", dpi=72)
    drawing = text.getvalue()
    return re.sub(r"<[^>]+>", _themed, drawing[drawing.index("<svg") :])


def png(figure: Figure) -> bytes:
    """The figure as a PNG file on white."""
    data = io.BytesIO()
    _save(figure, data, "png", facecolor="white", dpi=144)
    return data.getvalue()


def legend(figure: Figure, corner: Literal["upper left", "upper right"]) -> None:
    """One row of keys above the axes, where no curve runs under it."""
    figure.legend(
        loc=corner, ncols=3, borderaxespad=0, borderpad=0.3, handlelength=1.0, columnspacing=1.2
    )


def titled(figure: Figure, words: str) -> None:
    """Writes a title into the upper left corner."""
    figure.text(0.01, 0.985, words, va="top", weight="bold")


def head_room(num_runs: int) -> float:
    """Inches that a title takes with the names of so many runs, two in a row."""
    return 0.35 + 0.2 * -(-num_runs // 2)


def named(figure: Figure) -> None:
    """Writes the names of runs under the title, into the head room."""
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0, 1 - 0.22 / figure.get_figheight()),
        ncols=2,
        borderaxespad=0,
        borderpad=0.3,
        handlelength=1.4,
    )


def in_percent(axes: Axes) -> None:
    """Labels the y axis, of shares, in percent."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def _themed(tag: re.Match[str]) -> str:
    """One tag with CSS variables for colours, and without an id that other figures have too."""
    text = re.sub(r'^<g id="[^"]*"', "<g", tag[0])
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def _save(
    figure: Figure,
    file: io.StringIO | io.BytesIO,
    form: Literal["svg", "png"],
    *,
    facecolor: str,
    dpi: int,
) -> None:
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type")) if form == "svg" else None
    with warnings.catch_warnings():
        # A class named in a script that matplotlib's font lacks shows boxes, in the PNG file only.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(file, format=form, facecolor=facecolor, dpi=dpi, metadata=metadata)


def axes_in_inches(
    width: float,
    height: float,
    *,
    left: float = 0.55,
    right: float = 0.12,
    bottom: float = 0.42,
    top: float = 0.32,
) -> tuple[Figure, Axes]:
    """A figure with one pair of axes inside margins, all in inches.

    Margins by hand: matplotlib's own layouts draw every figure twice.
    """
    figure = Figure(figsize=(width, height))
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    return figure, figure.add_axes(box)
