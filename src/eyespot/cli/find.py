"""`eyespot find MODEL IMAGE DATA`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, printable, say, show_json


def command(
    model: given.ModelArgument,
    image: Annotated[Path, typer.Argument(help="The picture that others are to be like.")],
    data: Annotated[str, typer.Argument(help="Where to look: pictures, with labels or without.")],
    top: Annotated[int, typer.Option(min=1, help="How many of the nearest to name.")] = 12,
    out: Annotated[Path, typer.Option(help="The sheet of thumbnails, a PNG.")] = Path("near.png"),
    as_json: given.JsonOption = False,
) -> None:
    """Find the pictures that are most like one to a model: distance, label and name, a line each.

    A distance of 0 is the same to the model, 1 has nothing in common. A model on a backbone
    (recipe features) sees more than its classes need; one from scratch little else.
    """
    from eyespot.line.likeness import find, write_sheet

    sheet = given.writable(out)
    with LiveProgress() as progress:
        found = find(model, image, data, top=top, progress=progress)
    if as_json:
        show_json({"near": [one.as_json() for one in found.near], "sheet": str(sheet)})
    else:
        for one in found.near:
            print(f"{one.distance:.4f}\t{printable(one.label or '')}\t{printable(one.name)}")
    if sheet:
        write_sheet(sheet, found, image)
        say(f"sheet: {sheet}")
    say(f"next: eyespot predict {shlex.quote(str(model))} {shlex.quote(str(image))}")
