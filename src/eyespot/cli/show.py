"""`eyespot show RUN|MODEL|DATA`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from eyespot.cli.talk import parse_columns, printable, show_json


def command(
    what: Annotated[str, typer.Argument(help="A run folder, a model file, or data.")],
    columns: Annotated[
        str | None, typer.Option(help="A table's own column names: image=NAME,label=NAME.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what a run, a model or a data set is, in a few lines."""
    from eyespot.files import Run

    path = Path(what)
    if Run(path).model.exists() or path.suffix in (".safetensors", ".pt", ".onnx", ".h5", ".keras"):
        facts = _model_facts(path)
    else:
        facts = _data_facts(what, parse_columns(columns))
    if as_json:
        show_json(facts)
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        print(f"{key:<{width}}  {printable(text)}")


def _model_facts(source: Path) -> dict[str, Any]:
    from eyespot.models.facts import model_facts

    return model_facts(source)


def _data_facts(source: str, columns: dict[str, str] | None) -> dict[str, Any]:
    from eyespot.data import read
    from eyespot.data.facts import data_facts

    return data_facts(read(source, columns=columns))
