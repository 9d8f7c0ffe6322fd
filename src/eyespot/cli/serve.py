"""`eyespot serve MODEL`."""

from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import say


def command(
    model: given.ModelArgument,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0 is all of them.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="EYESPOT_TOKEN", help="What clients have to send as a bearer token."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A name that clients reach the server by, say behind a proxy."),
    ] = None,
    collect: Annotated[
        Path | None,
        typer.Option(help="A folder for pictures whose class somebody has corrected."),
    ] = None,
) -> None:
    """Answer over HTTP what is on pictures, and show a page to try it.

    POST a picture's bytes to /predict; /openapi.json says what else there is. A model file that is
    replaced is taken without a pause. Ends with Ctrl-C, or SIGTERM, after what is begun.
    """
    from eyespot.serving import serve

    serve(model, host=host, port=port, token=token, names=name or (), collect=collect, say=say)
