"""`eyespot predict MODEL SOURCE...`."""

from functools import partial
from typing import Annotated

import typer

from eyespot.cli import clustered
from eyespot.cli import options as given
from eyespot.cli.talk import say, show_answer


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
    to --out alone, as Parquet. The same command goes on where it was interrupted.
    """
    names = list(given.with_stdin(sources))
    if cluster or workers:
        given.alone("--cluster", show=show, heat=heat, coverage=coverage, format=form == "kaggle")
        return clustered.predict(cluster, model, names, out, accept_all, workers, as_json)
    from eyespot.data import pictures
    from eyespot.line.predicting import predict_into
    from eyespot.models.loading import load
    from eyespot.models.predict import Asked, answers
    from eyespot.models.tables import num_broken, write_results

    table = given.writable(out or ("result.csv" if form == "kaggle" else None))
    loaded = load(model)
    found = pictures(names)
    heats, sights = given.heat_folder(heat, loaded, heat_by), given.show_folder(show)
    asked = Asked(top=top, accept_all=accept_all, coverage=coverage)
    tell = partial(show_answer, form="json" if as_json else form)
    if table and form == "table" and not (heats or sights):
        done = predict_into(table, loaded, model, found, asked, on_answer=tell)
        say(f"{done}: {table}")
        return given.check_readable(done.num_broken, done.num)
    results = []
    for result in answers(loaded, found.images, found.names, asked):
        tell(result)
        results.append(result)
    if table:
        write_results(table, found, results, min(top, len(loaded.classes)), kaggle=form == "kaggle")
        say(f"{len(results):,} answers: {table}")
    if heats or sights:
        from eyespot.line.showing import write_pictures

        say(write_pictures(loaded, found, results, heats=heats, by=heat_by, sights=sights))
    given.check_readable(num_broken(results), len(results))
