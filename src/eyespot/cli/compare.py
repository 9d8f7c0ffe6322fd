"""`eyespot compare RUN RUN`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli.options import JsonOption
from eyespot.cli.talk import printable, show_json

RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)
]


def command(first: RunArgument, second: RunArgument, as_json: JsonOption = False) -> None:
    """Say whether the second run is better than the first, or whether that may be chance.

    Both must have been judged by the same images: those of a test part that the set came with, of
    one seed, of one --split, or of all folds. The exact test of McNemar decides, at 5 %.
    """
    from eyespot.evaluation import compare
    from eyespot.files import Run

    found = compare(*(Run(path).read_predictions("test") for path in (first, second)))
    names = [printable(str(path)) for path in (first, second)]
    gain = found.difference
    if not found.significant:
        word = "gain" if gain.value > 0 else "loss"
        verdict = f"this {word} is inside the noise" if gain.value else "neither is better"
    else:
        better, worse = reversed(names) if gain.value > 0 else names
        verdict = f"{better} is better than {worse}"
    if as_json:
        facts = {**asdict(found), "significant": found.significant, "verdict": verdict}
        show_json({"runs": list(map(str, (first, second))), **facts})
        return
    interval = f"{gain.value:+.4f} (95 % interval {gain.low:+.4f} to {gain.high:+.4f})"
    rows = {names[0]: str(found.first), names[1]: str(found.second), "difference": interval}
    for name, numbers in rows.items():
        print(f"{name:<{max(map(len, rows))}}  {numbers}")
    print(
        f"of {found.num:,} images only the first got {found.lost:,} right, only the second "
        f"{found.gained:,}; McNemar's exact test: p = {found.p:.2g}"
    )
    print(verdict)
