"""The figures of how trainings went; build them inside `drawing.style()`."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eyespot.reports.drawing import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    PAPER,
    SERIES,
    STROKES,
    axes_in_inches,
    head_room,
    in_percent,
    legend,
    named,
    titled,
)
from eyespot.reports.words import short
from eyespot.values.evaluation import Interval
from eyespot.values.training import Epoch

WIDTH, HEIGHT = 4.8, 2.7


def accuracy(epochs: Sequence[Epoch], best_epoch: int) -> Figure:
    """Accuracy of training and validation over the epochs; the chosen one is marked."""
    figure, axes = axes_in_inches(WIDTH, HEIGHT)
    train = [epoch.train_accuracy for epoch in epochs]
    valid = [epoch.valid_accuracy for epoch in epochs]
    _curves(figure, axes, epochs, train, valid, best_epoch)
    in_percent(axes)
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
    """Accuracy, or loss, on the validation part over the epochs, a curve for each named run.

    A run without epochs has no curve, but keeps its colour free.
    """
    head = head_room(len(runs))
    figure, axes = axes_in_inches(WIDTH, 2.25 + head, left=0.65, top=head)
    for index, (name, epochs) in enumerate(runs):
        if epochs:
            axes.plot(
                [epoch.epoch for epoch in epochs],
                [epoch.valid_loss if losses else epoch.valid_accuracy for epoch in epochs],
                color=SERIES[index % len(SERIES)],
                linestyle=STROKES[index // len(SERIES) % len(STROKES)],
                marker="o" if len(epochs) <= 40 else "",
                markersize=2.5,
                label=short(name, 32),
            )
    axes.grid(axis="y")
    if not losses:
        in_percent(axes)
    _epoch_axis(axes)
    titled(figure, "Validation loss, in nats" if losses else "Validation accuracy")
    named(figure)
    return figure


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
