"""`eyespot train DATA`."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli.options import ColumnsOption, JsonOption, parse_columns
from eyespot.cli.talk import LiveProgress, say, show_json


def command(
    data: Annotated[str, typer.Argument(help="A named set, folder, table, .npz or .zip.")],
    recipe: Annotated[str, typer.Option(help="A recipe by name, or a .toml file.")] = "standard",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a recipe field: --set epochs=5. Repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; must be new or empty.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same as --set seed=N.")] = None,
    columns: ColumnsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a classifier on a pile of images.

    DATA is a named set (digits, mnist, fashion-mnist, emnist-letters, cifar10, ...), a folder per
    class, a folder with train/ and test/ folders, IDX files, a labels table (.csv, .tsv) beside
    its images, a pixel table, an .npz, or a .zip of any of these.
    """
    from eyespot.line import train
    from eyespot.training.recipe import parse_settings

    fields = parse_settings(settings or [])
    if seed is not None:
        fields["seed"] = seed
    with LiveProgress() as progress:
        trained = train(
            data,
            recipe=recipe,
            settings=fields,
            columns=parse_columns(columns),
            out=out,
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
