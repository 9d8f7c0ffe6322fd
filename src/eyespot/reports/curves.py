"""The figures of a report that are curves; build them inside `drawing.style()`."""

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
    MUTED,
    PAPER,
    SERIES,
    SOFT,
    WRONG,
    axes_in_inches,
    legend,
    titled,
)
from eyespot.reports.words import short
from eyespot.values import Array, Epoch, Interval, Reliability

NUM_BINS = 30  # of the histogram of refusals
NUM_POINTS = 400  # of one curve; more cannot be told apart on a screen
WIDTH, HEIGHT = 4.8, 2.7


def accuracy(epochs: Sequence[Epoch], best_epoch: int) -> Figure:
    """Accuracy of training and validation over the epochs; the chosen one is marked."""
    figure, axes = axes_in_inches(WIDTH, HEIGHT)
    train = [epoch.train_accuracy for epoch in epochs]
    valid = [epoch.valid_accuracy for epoch in epochs]
    _curves(figure, axes, epochs, train, valid, best_epoch)
    _in_percent(axes)
    titled(figure, "Accuracy")
    return figure


def loss(epochs: Sequence[Epoch], best_epoch: int) -> Figure:
    """Loss of training and validation over the epochs; the chosen one is marked."""
    figure, axes = axes_in_inches(WIDTH, HEIGHT)
    train, valid = [epoch.train_loss for epoch in epochs], [epoch.valid_loss for epoch in epochs]
    _curves(figure, axes, epochs, train, valid, best_epoch)
    titled(figure, "Loss, in nats")
    return figure


def rate(epochs: Sequence[Epoch]) -> Figure:
    """The learning rate over the epochs."""
    figure, axes = axes_in_inches(WIDTH, 1.6)
    axes.plot([epoch.epoch for epoch in epochs], [epoch.rate for epoch in epochs], color=MUTED)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter("{x:g}")
    _epoch_axis(axes)
    titled(figure, "Learning rate")
    return figure


def intervals(runs: Sequence[tuple[str, Interval]]) -> Figure:
    """A share of each named run with its 95 % interval, one below the other."""
    names = [short(name, 24) for name, _ in runs]
    left = 0.35 + 0.075 * max(map(len, names))
    figure, axes = axes_in_inches(WIDTH, 0.6 + 0.3 * len(runs), left=left, right=0.3, top=0.1)
    for row, (_, share) in enumerate(runs):
        axes.errorbar(
            share.value,
            row,
            xerr=[[share.value - share.low], [share.high - share.value]],
            color=SERIES[row % len(SERIES)],
            marker="o",
            markersize=5,
            capsize=3,
        )
    axes.axvline(runs[0][1].value, color=LINE, lw=1, zorder=0)
    axes.set_yticks(range(len(runs)), names)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x")
    axes.tick_params(length=0, axis="both")
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure


def side_by_side(runs: Sequence[tuple[str, Sequence[Epoch]]], *, losses: bool = False) -> Figure:
    """Accuracy, or loss, on the validation part over the epochs, a curve for each named run."""
    rows = -(-len(runs) // 2)
    figure, axes = axes_in_inches(WIDTH, 2.6 + 0.2 * rows, left=0.65, top=0.35 + 0.2 * rows)
    for index, (name, epochs) in enumerate(runs):
        axes.plot(
            [epoch.epoch for epoch in epochs],
            [epoch.valid_loss if losses else epoch.valid_accuracy for epoch in epochs],
            color=SERIES[index % len(SERIES)],
            linestyle=("-", "--", ":", "-.")[index // len(SERIES) % 4],
            marker="o" if len(epochs) <= 40 else "",
            markersize=2.5,
            label=short(name, 32),
        )
    axes.grid(axis="y")
    if not losses:
        _in_percent(axes)
    _epoch_axis(axes)
    titled(figure, "Validation loss, in nats" if losses else "Validation accuracy")
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0, 1 - 0.22 / figure.get_figheight()),
        ncols=2,
        borderaxespad=0,
        borderpad=0.3,
        handlelength=1.4,
    )
    return figure


def reliability(runs: Sequence[tuple[str, Sequence[Reliability]]]) -> Figure:
    """How often answers of a stated probability are right, with 95 % bars, and how many there are.

    A curve for each named run; of one run its bins' numbers of images lie below.
    """
    figure, axes = axes_in_inches(WIDTH, 4.1, bottom=1.65)
    axes.plot([0, 1], [0, 1], color=LINE, lw=1)
    for index, (name, bins) in enumerate(runs):
        filled = [(one.confidence, one.accuracy) for one in bins if one.accuracy]
        x = np.array([confidence for confidence, _ in filled])
        y = np.array([share.value for _, share in filled])
        low, high = (np.array([getattr(share, end) for _, share in filled]) for end in _ENDS)
        axes.errorbar(
            x,
            y,
            yerr=np.stack([y - low, high - y]).clip(0),
            color=SERIES[index % len(SERIES)],
            marker="o",
            markersize=3.5,
            lw=1.4,
            elinewidth=1,
            capsize=2,
            label=short(name, 24) if len(runs) > 1 else "observed, with 95 % interval",
        )
    axes.grid()
    axes.set(xlim=(0, 1.02), ylim=(0, 1.03))
    _in_percent(axes)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    _numbers_below(figure, runs)
    titled(figure, "Answers that are right")
    legend(figure, "upper right")
    return figure


_ENDS = ("low", "high")


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
    _in_percent(axes)
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
    _in_percent(axes)
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
    _in_percent(axes)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def _curves(
    figure: Figure,
    axes: Axes,
    epochs: Sequence[Epoch],
    train: Sequence[float],
    valid: Sequence[float],
    best_epoch: int,
) -> None:
    numbers = [epoch.epoch for epoch in epochs]
    dot = "o" if len(epochs) <= 40 else ""
    axes.plot(numbers, train, color=MUTED, marker=dot, markersize=2.5, lw=1.2, label="training")
    axes.plot(numbers, valid, color=ACCENT, marker=dot, markersize=2.5, lw=1.8, label="validation")
    if best_epoch in numbers:
        axes.axvline(best_epoch, color=LINE, lw=1, zorder=0)
        axes.plot(
            best_epoch,
            valid[numbers.index(best_epoch)],
            color=ACCENT,
            marker="o",
            markersize=7,
            markerfacecolor=PAPER,
            markeredgewidth=1.8,
            linestyle="",
            label=f"chosen, epoch {best_epoch}",
        )
    axes.grid(axis="y")
    _epoch_axis(axes)
    legend(figure, "upper right")


def _epoch_axis(axes: Axes) -> None:
    low, high = axes.get_xlim()
    if high - low < 1:  # a single epoch
        axes.set_xlim(low - 0.5, high + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)


def _in_percent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
