"""`eyespot augment DATA --out FOLDER`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, say, show_json


def command(
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    out: Annotated[Path, typer.Option(help="The folder to make; must be new or empty.")],
    per_image: Annotated[int | None, typer.Option(min=1, help="Copies of each image.")] = None,
    balance: Annotated[bool, typer.Option("--balance", help="All classes to the largest.")] = False,
    to: Annotated[int | None, typer.Option(min=1, help="All classes to N training images.")] = None,
    rotate: Annotated[float, typer.Option(help="Degrees either way; 0 is off, as below.")] = 12,
    shift: Annotated[float, typer.Option(help="Share of the side.")] = 0.08,
    zoom: Annotated[float, typer.Option(help="0.15: from 1/1.15 to 1.15.")] = 0.15,
    brightness: Annotated[float, typer.Option(help="0.2: from 0.8 to 1.2 times.")] = 0.2,
    contrast: Annotated[float, typer.Option(help="Likewise.")] = 0.2,
    colour: Annotated[float, typer.Option(help="Likewise, how colourful.")] = 0.2,
    blur: Annotated[float, typer.Option(help="Radius, in hundredths of the longer side.")] = 0.5,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Mirror; photos only, if not said.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Judges whether a flip is safe.")] = None,
    folder: Annotated[str, typer.Option(help="Where in FOLDER the copies lie.")] = "new_Data",
    table: Annotated[str, typer.Option(help="The new table in FOLDER.")] = "updated_Labels.csv",
    split: given.SplitOption = None,
    recipe: given.RecipeOption = None,
    settings: given.SettingsOption = None,
    seed: given.SeedOption = None,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Write varied copies of the training images beside the originals, as a set of its own.

    Splits first, as train with the same recipe does, and copies nothing of the other parts.
    """
    from eyespot.copies.augmenting import Copies, augment
    from eyespot.data.summary import sentences
    from eyespot.files.folders import check_free
    from eyespot.images.variation import Ranges
    from eyespot.line import plan
    from eyespot.models.loading import load

    moved = {"rotate": rotate, "shift": shift, "zoom": zoom, "blur": blur}
    lit = {"brightness": brightness, "contrast": contrast, "colour": colour}
    ranges = Ranges(flip=bool(flip), **moved, **lit)
    size = given.class_size(per_image, balance=balance, to=to)
    names = {"folder": folder, "table": table}
    copies = Copies(per_image=per_image, per_class=size, ranges=ranges, flip=flip, **names)
    check_free(out)
    judge = load(model) if model else None
    fields, named = given.recipe_fields(settings, seed), given.parse_columns(columns)
    left = {"split": split, "quarantine": quarantine}
    with LiveProgress() as tell:
        planned = plan(data, recipe=recipe, settings=fields, columns=named, progress=tell, **left)
        for sentence in (f"split: {planned.split.how}", *sentences(planned.issues)):
            tell.say(sentence)
        made = augment(planned, out, copies, model=judge, progress=tell)
    if as_json:
        show_json({"table": str(made.table), "num_copies": made.num_copies, **made.sizes})
    else:
        print(f"{made.num_copies:,} copies, so {made.num_training:,} training images: {made.table}")
    say(f"next: eyespot train {shlex.quote(str(made.table))}")
