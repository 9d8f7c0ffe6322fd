"""`eyespot train DATA`."""

import shlex
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
    folds: given.FoldsOption = None,
    ensemble: given.EnsembleOption = False,
    split: given.SplitOption = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; must be new or empty.")] = None,
    minutes: given.MinutesOption = None,
    resume: given.ResumeOption = None,
    seed: given.SeedOption = None,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    labels: given.LabelsOption = None,
    cluster: given.ClusterOption = None,
    workers: given.WorkersOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Train a classifier on a pile of images.

    DATA is a named set (digits, mnist, fashion-mnist, emnist-letters, cifar10, ...), a folder per
    class, a folder with train/ and test/ folders, IDX files, a labels table (.csv, .tsv) beside
    its images, a pixel table, an .npz, or a .zip of any of these.
    """
    from eyespot.cluster.training import engine_on
    from eyespot.line import train

    with LiveProgress() as progress, engine_on(cluster, workers) as engine:
        trained = train(
            data,
            recipe=recipe,
            settings=given.recipe_fields(settings, seed, folds),
            columns=given.parse_columns(columns),
            quarantine=quarantine,
            labels=labels,
            split=split,
            out=out,
            minutes=minutes,
            ensemble=ensemble,
            resume=resume,
            engine=engine,
            progress=progress,
        )
    run = trained.run
    if as_json:
        show_json(trained.as_json())
    else:
        print("\n".join(trained.sentences()))
    report = f"; report: {run.report}" if run.report.exists() else ""
    say(f"{trained.seconds:.1f} s{report}")
    say(f"next: eyespot predict {shlex.quote(str(trained.usable.path))} IMAGE...")
