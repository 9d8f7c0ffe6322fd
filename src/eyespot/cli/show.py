"""`eyespot show RUN|MODEL|DATA`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eyespot.cli.options import ColumnsOption, JsonOption, parse_columns
from eyespot.cli.talk import printable, show_json

if TYPE_CHECKING:
    from eyespot.models.latency import FormFacts

MODEL_SUFFIXES = (".safetensors", ".onnx", ".pt", ".pt2", ".pth", ".h5", ".keras")
MOST = 20  # items of a list that are shown to a person


def command(
    what: Annotated[str, typer.Argument(help="A run folder, a model file, or data.")],
    columns: ColumnsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a run, a model or a data set is, in a few lines.

    Of a model also how long each of its forms, trained and exported, takes for a prepared picture:
    the median, and in brackets what 95 % of pictures take at most.
    """
    from eyespot.files.run import Run

    forms: list[FormFacts] = []
    path = Path(what)
    run = Run(path)
    own = (run.recipe, run.model, run.onnx)
    if any(file.exists() for file in own) or path.suffix in MODEL_SUFFIXES:
        from eyespot.models.latency import form_facts

        facts, forms = _model_facts(path), form_facts(path)
    else:
        facts = _data_facts(what, parse_columns(columns))
    if as_json:
        show_json(facts | ({"forms": [form.as_json() for form in forms]} if forms else {}))
        return
    facts |= {form.form: str(form) for form in forms}
    width = max(map(len, facts))
    for key, value in facts.items():
        print(f"{key:<{width}}  {printable(_text(value))}")


def _text(value: object) -> str:
    if not isinstance(value, list):
        return "unknown" if value is None else str(value)
    more = f" and {len(value) - MOST:,} more" if len(value) > MOST else ""
    return ", ".join(map(str, value[:MOST])) + more


def _model_facts(source: Path) -> dict[str, Any]:
    from eyespot.models.facts import model_facts

    return model_facts(source)


def _data_facts(source: str, columns: dict[str, str] | None) -> dict[str, Any]:
    from eyespot.data import read
    from eyespot.data.facts import data_facts

    return data_facts(read(source, columns=columns))
