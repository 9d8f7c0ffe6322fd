"""`eyespot split DATA`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, columns_of_text, printable, say, show_json


def command(
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("split.csv"),
    recipe: given.RecipeOption = None,
    settings: given.SettingsOption = None,
    seed: given.SeedOption = None,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Split images into train, valid and test, and write who is where; train nothing.

    `eyespot train DATA --split split.csv` takes the table, which you may edit. Recipe fields that
    matter here: valid, test, valid_per_class, test_per_class, split, group.
    """
    from eyespot.data.keeping import write_split
    from eyespot.data.summary import sentences
    from eyespot.line import plan
    from eyespot.values.dataset import PARTS

    given.writable(out)
    fields, named = given.recipe_fields(settings, seed), given.parse_columns(columns)
    with LiveProgress() as tell:
        made = plan(
            data,
            recipe=recipe,
            settings=fields,
            columns=named,
            quarantine=quarantine,
            progress=tell,
        )
    write_split(out, made.loaded, made.split.parts)
    classes, counts = made.loaded.dataset.classes, made.counts
    say(f"split: {made.split.how}")
    for sentence in sentences(made.issues):
        say(sentence)
    if as_json:
        show_json({"split": str(out), "how": made.split.how, "classes": classes, "counts": counts})
    else:
        rows = [["class", *PARTS]]
        for label, name in enumerate(classes):
            rows.append([printable(name)[:40], *(f"{counts[part][label]:,}" for part in PARTS)])
        print(columns_of_text([*rows, ["all", *(f"{sum(counts[part]):,}" for part in PARTS)]]))
    say(f"{out}; next: eyespot train {shlex.quote(data)} --split {shlex.quote(str(out))}")
