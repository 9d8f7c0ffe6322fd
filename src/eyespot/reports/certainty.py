"""The figures of how sure a model is; build them inside `drawing.style()`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eyespot.evaluation.ranking import Curve
from eyespot.reports.drawing import (
    ACCENT,
    INK,
    LINE,
    SERIES,
    SOFT,
    STROKES,
    WRONG,
    axes_in_inches,
    head_room,
    in_percent,
    legend,
    named,
    titled,
)
from eyespot.reports.words import short
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Reliability

NUM_BINS = 30  # of the histogram of refusals
NUM_POINTS = 400  # of one curve; more cannot be told apart on a screen
WIDTH, HEIGHT = 4.8, 2.7
_ENDS = ("low", "high")


def reliability(runs: Sequence[tuple[str, Sequence[Reliability]]]) -> Figure:
    """How often answers of a stated probability are right, and below how many there are.

    A curve for each named run; with 95 % bars where they can be told apart.
    """
    alone = len(runs) == 1
    head = 0.32 if alone else head_room(len(runs))
    figure, axes = axes_in_inches(WIDTH, 3.78 + head, bottom=1.65, top=head)
    axes.plot([0, 1], [0, 1], color=LINE, lw=1)
    for index, (name, bins) in enumerate(runs):
        filled = [(one.confidence, one.accuracy) for one in bins if one.accuracy]
        x = np.array([confidence for confidence, _ in filled])
        y = np.array([share.value for _, share in filled])
        low, high = (np.array([getattr(share, end) for _, share in filled]) for end in _ENDS)
        axes.errorbar(
            x,
            y,
            yerr=np.stack([y - low, high - y]).clip(0) if len(runs) <= 2 else None,
            color=SERIES[index % len(SERIES)],
            linestyle=STROKES[index // len(SERIES) % len(STROKES)],
            marker="o",
            markersize=3.5,
            lw=1.4,
            elinewidth=1,
            capsize=2,
            label="observed, with 95 % interval" if alone else short(name, 32),
        )
    axes.grid()
    axes.set(xlim=(0, 1.02), ylim=(0, 1.03))
    in_percent(axes)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    _numbers_below(figure, runs)
    titled(figure, "Answers that are right")
    if alone:
        legend(figure, "upper right")
    else:
        named(figure)
    return figure


def refusals(refusal: Array, right: Array) -> Figure:
    """The refusal scores of right and of wrong answers; what lies beyond the line is refused.

    refusal: float (N,). right: bool (N,). The last bar holds all that lie above it.
    """
    figure, axes = axes_in_inches(WIDTH, HEIGHT, right=0.2)
    top = float(np.clip(np.quantile(refusal, 0.995), 1.5, 5.0))
    edges = np.linspace(min(0.0, float(refusal.min())), top, NUM_BINS + 1)
    for chosen, colour, name in ((right, SOFT, "right"), (~right, WRONG, "wrong")):
        if not chosen.any():
            continue
        counts, _ = np.histogram(refusal[chosen].clip(edges[0], top), edges)
        shares = counts / chosen.sum()
        filled = name == "right"
        axes.stairs(
            shares, edges, fill=filled, color=colour, lw=1.5, label=f"{name} ({chosen.sum():,})"
        )
    axes.axvline(1.0, color=INK, lw=1)
    axes.text(1.02, 0.97, "unknown", transform=axes.get_xaxis_transform(), va="top", color=INK)
    axes.set(xlim=(edges[0], top), ylim=(0, None), xlabel="refusal score, 1 is the threshold")
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    in_percent(axes)
    titled(figure, "Share of answers")
    legend(figure, "upper right")
    return figure


def roc(curve: Curve) -> Figure:
    """Of two classes: how many of the second are found, for the false alarms that are allowed."""
    figure, axes = _unit_square("false alarms, of the others")
    axes.plot([0, 1], [0, 1], color=LINE, lw=1)
    axes.plot(*_thinned(curve), color=ACCENT, lw=1.8)
    titled(figure, "Found, for the false alarms: ROC curve")
    return figure


def precision_recall(curve: Curve, share: float) -> Figure:
    """Of two classes: how many answers of the second are right, by how many of it are found.

    share: of the images that are of the second class; blind answers are right as often.
    """
    figure, axes = _unit_square("found: recall")
    axes.axhline(share, color=LINE, lw=1)
    axes.plot(*_thinned(curve), color=ACCENT, lw=1.8)
    titled(figure, "Right, of what is called so: precision")
    return figure


def _thinned(curve: Curve) -> tuple[Array, Array]:
    kept = np.unique(np.linspace(0, len(curve.x) - 1, NUM_POINTS).astype(np.int64))
    return curve.x[kept], curve.y[kept]


def _unit_square(xlabel: str) -> tuple[Figure, Axes]:
    figure, axes = axes_in_inches(WIDTH, 3.3)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02), xlabel=xlabel)
    axes.grid()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    in_percent(axes)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    return figure, axes


def _numbers_below(figure: Figure, runs: Sequence[tuple[str, Sequence[Reliability]]]) -> None:
    """The share of the answers in each bin, under the axes of the reliability."""
    height = figure.get_figheight()
    axes = figure.add_axes((0.55 / WIDTH, 0.42 / height, 1 - 0.67 / WIDTH, 0.75 / height))
    for index, (_, bins) in enumerate(runs):
        counts = np.array([one.num for one in bins])
        edges = np.array([*(one.low for one in bins), bins[-1].high])
        axes.stairs(
            counts / max(counts.sum(), 1),
            edges,
            fill=len(runs) == 1,
            color=SOFT if len(runs) == 1 else SERIES[index % len(SERIES)],
        )
    axes.set(xlim=(0, 1.02), xlabel="probability that the model states")
    figure.text(0.01, 1.25 / height, "Share of all answers", va="bottom", weight="bold")
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    in_percent(axes)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
