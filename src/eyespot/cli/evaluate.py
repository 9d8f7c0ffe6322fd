"""`eyespot evaluate MODEL DATA`."""

import time
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, say, show_json


def command(
    model: given.ModelArgument,
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    part: Annotated[
        Literal["train", "valid", "test"] | None, typer.Option(help="Which part of DATA.")
    ] = None,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    coverage: Annotated[
        float | None, typer.Option(help="Also judge sets that hold the truth so often, 0.95 say.")
    ] = None,
    as_json: given.JsonOption = False,
) -> None:
    """Judge a model on labelled images: each number with its interval, and class by class.

    Of the data that the model was trained on only the test part counts.
    """
    from eyespot.line import evaluate
    from eyespot.models.loading import model_path
    from eyespot.reports.plaintext import classification_report, set_report

    started = time.perf_counter()
    with LiveProgress() as progress:
        judged = evaluate(
            model,
            data,
            part=part,
            columns=given.parse_columns(columns),
            quarantine=quarantine,
            coverage=coverage,
            progress=progress,
        )
    for issue in judged.issues:
        say(f"left out {issue.name}: {issue.detail}")
    if as_json:
        path = model_path(model)
        show_json(
            {
                "run": str(path.parent),
                "model": str(path),
                **{f"num_{name}": num for name, num in judged.counts.items()},
                "classes": [score.name for score in judged.evaluation.per_class],
                "seconds": round(time.perf_counter() - started, 2),
                "judged_on": judged.how,
                **asdict(judged.evaluation),
                "sets": judged.sets and asdict(judged.sets),
            }
        )
        return
    print(f"{judged.evaluation.num:,} images: {judged.how}\n")
    print(classification_report(judged.evaluation), end="")
    if judged.sets:
        print("\n" + set_report(judged.sets), end="")
