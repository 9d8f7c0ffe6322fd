"""`eyespot tune DATA`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, say, show_json


def command(
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    trials: Annotated[
        int | None, typer.Option(min=1, max=1_000, help="How many recipes to try; 20.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="A time for all of it.")] = None,
    over: Annotated[
        str | None,
        typer.Option(help="Fields to search: rate,width,mixup; rates, decays and views usually."),
    ] = None,
    recipe: given.RecipeOption = None,
    settings: given.SettingsOption = None,
    seed: given.SeedOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The search's folder; one of the same search goes on.")
    ] = None,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    cluster: given.ClusterOption = None,
    workers: given.WorkersOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Search for a better recipe by the accuracy on the validation part, and write it as TOML.

    Trials that fall behind are given up early. The test part is not looked at: what the best
    recipe is worth, `train` says afterwards.
    """
    from eyespot.cluster.training import engine_on
    from eyespot.line.tuning import tune

    with LiveProgress() as progress, engine_on(cluster, workers, each_core=True) as engine:
        tuned = tune(
            data,
            recipe=recipe,
            settings=given.recipe_fields(settings, seed),
            columns=given.parse_columns(columns),
            quarantine=quarantine,
            over=[word.strip() for word in over.split(",")] if over else None,
            trials=trials,
            minutes=minutes,
            out=out,
            engine=engine,
            progress=progress,
        )
    if as_json:
        show_json(tuned.as_json())
    else:
        print("\n".join(tuned.sentences()))
    say(f"{tuned.seconds:.1f} s; picture: {tuned.path / 'search.png'}")
    say(f"next: eyespot train {shlex.quote(data)} --recipe {shlex.quote(str(tuned.recipe))}")
