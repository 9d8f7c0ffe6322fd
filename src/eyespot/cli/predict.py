"""`eyespot predict MODEL SOURCE...`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from eyespot.cli.talk import complain, printable, say, show_json


def command(
    model: Annotated[Path, typer.Argument(help="A run folder or a model file.")],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Files, folders, globs, tables; - reads names from stdin."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Also write a table, .csv.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to rank.")] = 3,
    form: Annotated[
        Literal["table", "kaggle"],
        typer.Option("--format", help="kaggle: ImageId,Label, as result.csv."),
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what is on pictures: name, label and probability, a line each.

    A picture that cannot be read is named on stderr, and the exit code is 3 at the end.
    """
    from eyespot.data import pictures
    from eyespot.errors import DataError
    from eyespot.models.loading import load
    from eyespot.models.predict import answers
    from eyespot.models.tables import write_answers, write_kaggle
    from eyespot.values import Prediction

    loaded = load(model)
    found = pictures(sources)
    results = []
    for result in answers(loaded, found.images, found.names, top=top):
        results.append(result)
        if isinstance(result, Prediction):
            if as_json:
                show_json(result.as_json())
            elif form == "table":
                print(f"{result.label}\t{result.probability:.4f}\t{printable(result.name)}")
        else:
            name, error = result
            complain(f"{name} {error}")
            if as_json:
                show_json({"name": name, "error": str(error)})
    if form == "kaggle":
        out = out or Path("result.csv")
        write_kaggle(out, found, results)
    elif out:
        write_answers(out, results, top=min(top, len(loaded.classes)))
    if out:
        say(f"{len(results):,} answers: {out}")
    broken = sum(not isinstance(result, Prediction) for result in results)
    if broken:
        raise DataError(f"{broken:,} of {len(results):,} pictures cannot be read; see above")
