"""`eyespot report RUN`."""

from pathlib import Path
from typing import Annotated

import typer


def command(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Build the report of a run again, from its folder alone."""
    from eyespot.reports import report

    print(report(run))
