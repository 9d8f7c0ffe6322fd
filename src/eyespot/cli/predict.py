"""`eyespot predict MODEL SOURCE...`."""

from typing import Annotated

import typer

from eyespot.cli import clustered
from eyespot.cli import options as given
from eyespot.cli.talk import say, show_answer
from eyespot.errors import DataError


def command(
    model: given.ModelArgument,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Files, folders, globs, tables; - reads names from stdin."
        ),
    ],
    out: given.AnswersOption = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to rank.")] = 3,
    form: given.FormOption = "table",
    accept_all: given.AcceptAllOption = False,
    coverage: given.CoverageOption = None,
    show: given.ShowOption = None,
    heat: given.HeatOption = None,
    heat_by: given.HeatByOption = "net",
    cluster: given.ClusterOption = None,
    workers: given.WorkersOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Say what is on pictures: label, probability and name, a line each.

    A picture unlike all that the model was trained on is unknown, with the nearest class. One that
    cannot be read is named on stderr, and the exit code is 3 at the end. With --cluster answers go
    to --out alone, as Parquet, and the same command goes on there.
    """
    names = list(given.with_stdin(sources))
    if cluster:
        given.alone("--cluster", show=show, heat=heat, coverage=coverage, format=form == "kaggle")
        return clustered.predict(cluster, model, names, out, accept_all, workers, as_json)
    from eyespot.data import pictures
    from eyespot.models.loading import load
    from eyespot.models.predict import Asked, answers
    from eyespot.models.tables import write_answers, write_kaggle
    from eyespot.values import Prediction

    table = given.writable(out or ("result.csv" if form == "kaggle" else None))
    loaded = load(model)
    found = pictures(names)
    heats, sights = given.heat_folder(heat, loaded, heat_by), given.show_folder(show)
    results = []
    asked = Asked(top=top, accept_all=accept_all, coverage=coverage)
    for result in answers(loaded, found.images, found.names, asked):
        results.append(result)
        show_answer(result, form="json" if as_json else form)
    if table:
        if form == "kaggle":
            write_kaggle(table, found, results)
        else:
            write_answers(table, results, top=min(top, len(loaded.classes)))
        say(f"{len(results):,} answers: {table}")
    if heats or sights:
        from eyespot.line.showing import write_pictures

        say(write_pictures(loaded, found, results, heats=heats, by=heat_by, sights=sights))
    broken = sum(not isinstance(result, Prediction) for result in results)
    if broken:
        raise DataError(f"{broken:,} of {len(results):,} pictures cannot be read; see above")
