"""`eyespot predict MODEL SOURCE...`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from eyespot.cli.options import JsonOption, ModelArgument, with_stdin, writable
from eyespot.cli.talk import complain, printable, say, show_json
from eyespot.errors import DataError


def command(
    model: ModelArgument,
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
    as_json: JsonOption = False,
) -> None:
    """Say what is on pictures: label, probability and name, a line each.

    A picture that cannot be read is named on stderr, and the exit code is 3 at the end.
    """
    from eyespot.data import pictures
    from eyespot.models.loading import load
    from eyespot.models.predict import answers
    from eyespot.models.tables import write_answers, write_kaggle
    from eyespot.values import Prediction

    out = writable(out or (Path("result.csv") if form == "kaggle" else None))
    loaded = load(model)
    found = pictures(list(with_stdin(sources)))
    results = []
    for result in answers(loaded, found.images, found.names, top=top):
        results.append(result)
        if isinstance(result, Prediction):
            if as_json:
                show_json(result.as_json())
            elif form == "table":
                label, name = printable(result.label), printable(result.name)
                print(f"{label}\t{result.probability:.4f}\t{name}")
        else:
            name, error = result
            complain(f"{name} {error}")
            if as_json:
                show_json({"name": name, "error": str(error)})
    if out and form == "kaggle":
        write_kaggle(out, found, results)
    elif out:
        write_answers(out, results, top=min(top, len(loaded.classes)))
    if out:
        say(f"{len(results):,} answers: {out}")
    broken = sum(not isinstance(result, Prediction) for result in results)
    if broken:
        raise DataError(f"{broken:,} of {len(results):,} pictures cannot be read; see above")
