"""The arguments that several verbs share."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from eyespot.errors import ResourceError, UsageError

ModelArgument = Annotated[Path, typer.Argument(help="A run folder or a model file.")]
ColumnsOption = Annotated[
    str | None, typer.Option(help="A table's own column names: image=NAME,label=NAME.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def parse_columns(text: str | None) -> dict[str, str] | None:
    """`image=NAME,label=NAME` as a mapping. Raises UsageError."""
    if text is None:
        return None
    columns = {}
    for pair in text.split(","):
        role, _, name = (word.strip() for word in pair.partition("="))
        if role not in ("image", "label", "part") or not name:
            raise UsageError(
                f"--columns '{text}' is not understood; write image=NAME,label=NAME "
                "with the table's own column names"
            )
        columns[role] = name
    return columns


def with_stdin(sources: Sequence[str]) -> Iterator[str]:
    """The sources, and in the place of `-` the lines of standard input."""
    for source in sources:
        if source != "-":
            yield source
        else:
            lines = sys.stdin.buffer.read().splitlines()
            yield from (os.fsdecode(line) for line in lines if line.strip())


def writable(out: Path | None) -> Path | None:
    """The same, if a file can be made there: refused before the work, not after it."""
    if out and (out.is_dir() or not os.access(out.parent, os.W_OK)):
        reason = "it is a folder" if out.is_dir() else f"the folder {out.parent} is not writable"
        raise ResourceError(f"{out} cannot be written: {reason}")
    return out
