"""The pages: how good a run is, from its folder alone, and what a check found in a set."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eyespot.errors import MissingExtra
from eyespot.files.run import Run

if TYPE_CHECKING:
    from eyespot.data.checkup import Checked


def report(run: Run | str | Path) -> Path:
    """Writes report.html, its charts as PNG files and classification_report.txt; returns the page.

    Needs nothing but the run folder. Raises DataError when the run is not finished or torn,
    MissingExtra without matplotlib or jinja2.
    """
    try:
        from eyespot.reports.page import write
    except ModuleNotFoundError as error:
        raise _said(error, action="A report") from error
    return write(run if isinstance(run, Run) else Run(Path(run)))


def compare_page(runs: Sequence[Run], page: str | Path) -> Path:
    """Writes one page for several runs side by side, from their folders alone; returns it.

    Raises UsageError when another file than such a page is in its place, DataError for a run that
    is not finished, ResourceError when it cannot be written, MissingExtra without matplotlib or
    jinja2.
    """
    try:
        from eyespot.reports.comparepage import write
    except ModuleNotFoundError as error:
        raise _said(error, action="A page of several runs") from error
    return write(runs, Path(page))


def check_page(checked: "Checked", folder: str | Path) -> Path:
    """Writes check.html, issues.csv and class_distribution.png into a folder; returns the page.

    Decodes again the images that the page shows. Raises ResourceError when the folder cannot be
    written, MissingExtra without matplotlib or jinja2.
    """
    try:
        from eyespot.reports.checkpage import write
    except ModuleNotFoundError as error:
        raise _said(error, action="The page of a check") from error
    return write(checked, Path(folder))


def _said(error: ModuleNotFoundError, *, action: str) -> MissingExtra:
    """What to say of a package that is not there; one of eyespot's own is a fault of eyespot."""
    package = (error.name or "").partition(".")[0]
    if package == "eyespot":
        raise error
    return MissingExtra(package, extra="train", action=action)
