"""`eyespot compare RUN RUN...`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli.options import JsonOption
from eyespot.cli.talk import printable, say, show_json
from eyespot.errors import DataError, EyespotError, UsageError

RunsArgument = Annotated[
    list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders.", show_default=False)
]
OutOption = Annotated[Path, typer.Option(help="The page; an earlier one of eyespot is replaced.")]


def command(
    runs: RunsArgument, out: OutOption = Path("compare.html"), as_json: JsonOption = False
) -> None:
    """Say which of several runs is better, or whether that may be chance, and make a page of it.

    The first run is what the others are held against. All must have been judged by the same images:
    those of a test part that the set came with, of one seed, of one --split, or of all folds. The
    exact test of McNemar decides, at 5 %, and by Holm's rule where there are several.
    """
    from eyespot.files.run import Run
    from eyespot.reports import compare_page
    from eyespot.reports.plaintext import comparison_report
    from eyespot.reports.standings import standings

    if len(runs) < 2:
        raise UsageError("name two runs or more to compare")
    names = [printable(str(path)) for path in runs]
    found = standings(names, [Run(path).read_predictions("test") for path in runs])
    page, failed = None, None
    try:
        page = compare_page([Run(path) for path in runs], out)
        told = f"page: {page}"
    except DataError as error:  # a run of which only the answers are left can be compared by them
        told = f"no page: {error}"
    except EyespotError as error:  # the numbers come first all the same
        failed = error
    if as_json:
        facts: dict[str, object] = {"runs": list(map(str, runs)), "page": page and str(page)}
        if len(found) == 2 and (pair := found[1].against):
            facts |= {**asdict(pair), "significant": found[1].significant}
            facts["verdict"] = found[1].verdict
        show_json({**facts, "standings": [one.as_json() for one in found]})
    else:
        print(comparison_report(found), end="")
    if failed:
        raise failed
    say(told)
