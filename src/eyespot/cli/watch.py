"""`eyespot watch MODEL [SOURCE]`."""

from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import say, show_change


def command(
    model: given.ModelArgument,
    source: Annotated[
        str,
        typer.Argument(help="A camera (0), a video file, a stream (rtsp://...), or a folder."),
    ] = "0",
    show: Annotated[bool, typer.Option("--show", help="Also a window; q closes it.")] = False,
    record: Annotated[
        Path | None, typer.Option(help="Also write a video with the label in it, .mp4 or .avi.")
    ] = None,
    calm: Annotated[
        float, typer.Option(min=0, max=60, help="Seconds over which answers are averaged.")
    ] = 0.25,
    accept_all: given.AcceptAllOption = False,
    as_json: given.JsonOption = False,
) -> None:
    """Say what is before a camera: a line for each change, with its time and probability.

    Also what a video file or a network stream shows, and what each picture shows that comes into a
    folder. Ends with Ctrl-C; a video file, with its end.
    """
    from eyespot.line.live import Tally, reader_of
    from eyespot.line.screen import shown_on
    from eyespot.line.watching import Calm, looks
    from eyespot.models.loading import load

    loaded, tally = load(model), Tally()
    with (
        shown_on(window=show, record=record, say=say) as screen,
        reader_of(source, say=say, idle=screen.idle) as frames,
    ):
        try:
            for look in looks(loaded, frames, Calm(seconds=calm, accept_all=accept_all), say=say):
                tally.add(look)
                if look.change:
                    show_change(look.change, as_json=as_json)
                screen.show(look)
                if screen.closed:
                    break
        finally:
            if tally:
                say(tally.sentence(left_out=frames.num_left_out))
