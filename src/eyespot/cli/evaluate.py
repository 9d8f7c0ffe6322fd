"""`eyespot evaluate MODEL DATA`."""

import time
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from eyespot.cli.options import (
    ColumnsOption,
    JsonOption,
    ModelArgument,
    QuarantineOption,
    parse_columns,
)
from eyespot.cli.talk import LiveProgress, columns_of_text, printable, say, show_json


def command(
    model: ModelArgument,
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    part: Annotated[
        Literal["train", "valid", "test"] | None, typer.Option(help="Which part of DATA.")
    ] = None,
    columns: ColumnsOption = None,
    quarantine: QuarantineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a model on labelled images: accuracy with its interval, and class by class.

    Of the data that the model was trained on only the test part counts.
    """
    from eyespot.line import evaluate
    from eyespot.models.loading import model_path

    started = time.perf_counter()
    with LiveProgress() as progress:
        judged = evaluate(
            model,
            data,
            part=part,
            columns=parse_columns(columns),
            quarantine=quarantine,
            progress=progress,
        )
    evaluation = judged.evaluation
    for issue in judged.issues:
        say(f"left out {issue.name}: {issue.detail}")
    if as_json:
        path = model_path(model)
        show_json(
            {
                "run": str(path.parent),
                "model": str(path),
                **{f"num_{name}": num for name, num in judged.counts.items()},
                "classes": [score.name for score in evaluation.per_class],
                "seconds": round(time.perf_counter() - started, 2),
                "judged_on": judged.how,
                **asdict(evaluation),
            }
        )
        return
    rows = [["class", "precision", "recall", "F1", "images"]]
    for score in evaluation.per_class:
        numbers = (f"{n:.4f}" for n in (score.precision, score.recall, score.f1))
        rows.append([printable(score.name)[:40], *numbers, f"{score.support:,}"])
    print(columns_of_text(rows))
    print(f"\naccuracy {evaluation.accuracy} on {evaluation.num:,} images ({judged.how})")
    print(f"macro F1 {evaluation.macro_f1:.4f}, log loss {evaluation.log_loss:.4f}")
