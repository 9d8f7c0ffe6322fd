"""The page that tells a person how good a run is, from its folder alone."""

from pathlib import Path

from eyespot.errors import MissingExtra
from eyespot.files import Run


def report(run: Run | str | Path) -> Path:
    """Writes report.html, its charts as PNG files and classification_report.txt; returns the page.

    Needs nothing but the run folder. Raises DataError when the run is not finished or torn,
    MissingExtra without matplotlib or jinja2.
    """
    try:
        from eyespot.reports.page import write
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "eyespot":
            raise
        raise MissingExtra(package, extra="train", action="A report") from error
    return write(run if isinstance(run, Run) else Run(Path(run)))
