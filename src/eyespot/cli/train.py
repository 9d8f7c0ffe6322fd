"""`eyespot train DATA`."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, say, show_json


def command(
    data: Annotated[
        str | None, typer.Argument(help="A named set, folder, table, .npz or .zip.")
    ] = None,
    recipe: given.RecipeOption = None,
    settings: given.SettingsOption = None,
    split: given.SplitOption = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; must be new or empty.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this run, which was interrupted.")
    ] = None,
    seed: given.SeedOption = None,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Train a classifier on a pile of images.

    DATA is a named set (digits, mnist, fashion-mnist, emnist-letters, cifar10, ...), a folder per
    class, a folder with train/ and test/ folders, IDX files, a labels table (.csv, .tsv) beside
    its images, a pixel table, an .npz, or a .zip of any of these.
    """
    from eyespot.line import train

    with LiveProgress() as progress:
        trained = train(
            data,
            recipe=recipe,
            settings=given.recipe_fields(settings, seed),
            columns=given.parse_columns(columns),
            quarantine=quarantine,
            split=split,
            out=out,
            resume=resume,
            progress=progress,
        )
    accuracy = trained.evaluation.accuracy if trained.evaluation else None
    run = trained.run
    if as_json:
        numbers = {f"num_{part}": sum(counts) for part, counts in trained.counts.items()}
        show_json(
            {
                "run": str(run.path),
                "model": str(run.model),
                **numbers,
                "classes": list(trained.model.classes),
                "seconds": round(trained.seconds, 2),
                "accuracy": asdict(accuracy) if accuracy else None,
            }
        )
    elif trained.evaluation:
        print(f"test accuracy {accuracy} on {trained.evaluation.num:,} images")
    else:
        print("test accuracy unknown: no class has an image to spare for a test part")
    report = f"; report: {run.report}" if run.report.exists() else ""
    say(f"{trained.seconds:.1f} s{report}")
    say(f"next: eyespot predict {shlex.quote(str(run.path))} IMAGE...")
