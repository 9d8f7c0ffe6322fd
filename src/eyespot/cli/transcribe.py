"""`eyespot transcribe MODEL PAGE...`."""

from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import say, show_transcript
from eyespot.errors import DataError


def command(
    model: given.ModelArgument,
    pages: Annotated[
        list[str],
        typer.Argument(metavar="PAGE...", help="Pictures of pages: files, folders, globs, -."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Also write a table, .csv, a row for each character.")
    ] = None,
    show: Annotated[
        Path | None, typer.Option(help="A new folder for the pages with what was found, as PNG.")
    ] = None,
    accept_all: given.AcceptAllOption = False,
    as_json: given.JsonOption = False,
) -> None:
    """Say what is written on pages: their characters in reading order, by lines and words.

    A character unlike all that the model was trained on is a ?, and is counted on stderr.
    A page that cannot be read is named on stderr, and the exit code is 3 at the end.
    """
    from eyespot.data import pictures
    from eyespot.files.folders import new_folder
    from eyespot.line.transcribing import Transcript, transcripts, write_characters
    from eyespot.models.loading import load

    out = given.writable(out)
    loaded = load(model)
    found = pictures(list(given.with_stdin(pages)))
    folder = show and new_folder(show, name="", root=show, purpose="marked pages")
    results = []
    for result in transcripts(loaded, found, accept_all=accept_all):
        results.append(result)
        show_transcript(result, several=len(found) > 1, as_json=as_json)
    good = [result for result in results if isinstance(result, Transcript)]
    num = sum(len(one.characters) for one in good)
    if unknown := sum(result.num_unknown for result in good):
        say(f"{unknown:,} of {num:,} characters are unknown: ?")
    if out:
        write_characters(out, results)
        say(f"{num:,} characters: {out}")
    if folder:
        from eyespot.line.marking import write_marked

        say(f"{write_marked(found, results, folder):,} marked pages: {folder}")
    if broken := len(results) - len(good):
        raise DataError(f"{broken:,} of {len(results):,} pages cannot be read; see above")
