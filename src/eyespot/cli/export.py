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
        Literal["onnx", "int8"],
        typer.Option(help="onnx: one file in float32. int8: smaller and faster."),
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="The file; beside the model, if not given.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Pictures to judge it by; the run's own test part if not.")
    ] = None,
    loss: Annotated[
        float, typer.Option(min=0, help="The points of accuracy that int8 may lose.")
    ] = 0.5,
    as_json: given.JsonOption = False,
) -> None:
    """Write a model as a file that needs no torch, and prove that it answers the same.

    The proof is run on pictures that the model has not learnt from; what disagrees is not kept.
    """
    from eyespot.exports import export

    if out:
        given.writable(out)
    done = export(model, to=to, out=out, data=data, loss=loss, say=say)
    if as_json:
        show_json(done.as_json())
        return
    print(*done.parity.sentences(), f"{done.path}: {done.num_bytes:,} bytes", sep="\n")
    say(f"next: eyespot predict {shlex.quote(str(done.path))} IMAGE...")
