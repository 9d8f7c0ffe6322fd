"""`eyespot export MODEL`."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import say, show_json


def command(
    model: given.ModelArgument,
    to: Annotated[
        Literal["onnx", "int8", "web"],
        typer.Option(
            help="onnx: one file in float32. int8: smaller and faster. web: a folder with a page."
        ),
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="The file or folder; beside the model, if not given.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Pictures to judge it by; the run's own test part if not.")
    ] = None,
    loss: Annotated[
        float, typer.Option(min=0, help="The points of accuracy that int8 may lose.")
    ] = 0.5,
    runtime: Annotated[
        Path | None,
        typer.Option(help="web: where onnxruntime-web lies; npm fetches it, if not given."),
    ] = None,
    must_check: Annotated[
        bool, typer.Option("--must-check", help="web: fail where no browser can check the page.")
    ] = False,
    as_json: given.JsonOption = False,
) -> None:
    """Write a model as a file that needs no torch, and prove that it answers the same.

    The proof is run on pictures that the model has not learnt from; what disagrees is not kept.
    """
    from eyespot.exports import Exported, ExportedWeb, export, export_web

    done: Exported | ExportedWeb
    if to == "web":
        done = export_web(
            model, out=out, data=data, runtime=runtime, must_check=must_check, say=say
        )
        next_step = "python -m http.server -d"
    else:
        if out:
            given.writable(out)
        done = export(model, to=to, out=out, data=data, loss=loss, say=say)
        next_step = "eyespot predict"
    if as_json:
        show_json(done.as_json())
        return
    print(*done.sentences(), f"{done.path}: {done.num_bytes:,} bytes", sep="\n")
    ending = "" if to == "web" else " IMAGE..."
    say(f"next: {next_step} {shlex.quote(str(done.path))}{ending}")
