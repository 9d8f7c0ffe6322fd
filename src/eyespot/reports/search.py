"""The picture of a search for a recipe; build it inside `drawing.style()`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from eyespot.reports.drawing import ACCENT, LINE, MUTED, SOFT, WRONG, in_percent

_COLUMNS = 4


class Axis(Protocol):
    """From where to where the values of a field go; log: by their size."""

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...

    @property
    def log(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One recipe that was tried. accuracy, loss: of the validation part; None where it was given
    up."""

    number: int
    fields: Mapping[str, float]
    accuracy: float | None
    loss: float | None
    epochs: int
    seconds: float


def search_chart(trials: Sequence[Trial], fields: Mapping[str, Axis]) -> Figure:
    """Above the trials in their order, below the accuracy over each field.

    fields: the scale of each.
    """
    rows = math.ceil(len(fields) / _COLUMNS)
    figure = Figure(figsize=(9.6, 2.9 + 1.9 * rows), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2.9, 1.9 * rows), squeeze=False).ravel()
    ended = [trial for trial in trials if trial.accuracy is not None]
    best = max(ended, key=lambda trial: (trial.accuracy, -(trial.loss or 0)))
    _in_order(above.subplots(), trials, best)
    grid = below.subplots(rows, _COLUMNS, squeeze=False, sharey=True).ravel()
    for axes, (name, axis) in zip(grid, fields.items(), strict=False):
        _over(axes, ended, best, name, axis)
    for axes in grid[len(fields) :]:
        axes.set_visible(False)
    return figure


def _in_order(axes: Axes, trials: Sequence[Trial], best: Trial) -> None:
    """The accuracy of each, and the best so far."""
    so_far, highest = [], 0.0
    for trial in trials:
        highest = max(highest, trial.accuracy or 0.0)
        so_far.append(highest)
    numbers = [trial.number for trial in trials]
    ended = [trial for trial in trials if trial.accuracy is not None]
    first = next(i for i, trial in enumerate(trials) if trial.accuracy is not None)
    axes.step(numbers[first:], so_far[first:], where="post", color=SOFT, label="best so far")
    values = [trial.accuracy or 0.0 for trial in ended]
    axes.scatter([trial.number for trial in ended], values, color=ACCENT, s=18, label="a trial")
    low, high = min(values), max(values)
    floor = low - 0.08 * max(high - low, 0.01)
    given_up = [trial.number for trial in trials if trial.accuracy is None]
    if given_up:
        axes.scatter(
            given_up, [floor] * len(given_up), color=MUTED, marker="x", s=18, label="given up"
        )
    axes.scatter([best.number], [best.accuracy or 0.0], color=WRONG, s=36, label="the best")
    axes.set_xlabel("trial; the first is the recipe that the search began with")
    axes.set_title("Validation accuracy", loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    in_percent(axes)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0)


def _over(axes: Axes, ended: Sequence[Trial], best: Trial, name: str, axis: Axis) -> None:
    told = [trial for trial in ended if name in trial.fields]
    values = [trial.accuracy or 0 for trial in told]
    axes.scatter([trial.fields[name] for trial in told], values, color=ACCENT, s=12)
    axes.axvline(best.fields[name], color=LINE, zorder=0)
    axes.scatter([best.fields[name]], [best.accuracy or 0], color=WRONG, s=24)
    axes.set_title(name.replace("_", " "), loc="left", color=MUTED)
    if axis.log:
        axes.set_xlim(axis.low, axis.high)  # before the scale, which wants more than one point
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter("{x:g}")  # powers would be written as formulas
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlim(axis.low, axis.high)
    in_percent(axes)
