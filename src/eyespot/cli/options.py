"""The arguments that several verbs share."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eyespot.errors import DataError, ResourceError, UsageError

if TYPE_CHECKING:
    from eyespot.values.model import Model

ModelArgument = Annotated[Path, typer.Argument(help="A run folder or a model file.")]
ColumnsOption = Annotated[
    str | None,
    typer.Option(help="A table's own column names: image=NAME,label=NAME; part and group, too."),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        help="A .toml file or a name: quick, standard (if none is given), best, features, "
        "finetune, or a classic: two-conv, augmented, plateau, batchnorm, characters."
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a recipe field: --set epochs=5. Repeatable."),
]
SeedOption = Annotated[int | None, typer.Option(help="The same as --set seed=N.")]
FoldsOption = Annotated[int | None, typer.Option(help="Cross-validate; the same as --set folds=N.")]
EnsembleOption = Annotated[
    bool, typer.Option("--ensemble", help="Of the folds: one model that averages theirs.")
]
SplitOption = Annotated[
    Path | None, typer.Option(help="A split.csv whose parts are to be taken as they are.")
]
MinutesOption = Annotated[
    float | None, typer.Option(help="A time for reading and training; judging comes on top.")
]
ResumeOption = Annotated[
    Path | None, typer.Option(help="Go on with this run, which was interrupted.")
]
QuarantineOption = Annotated[
    Path | None,
    typer.Option(help="A table of images to leave out, besides the quarantine.csv of DATA."),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(help="A table (image,label) whose labels count instead of those of DATA."),
]
FormOption = Annotated[
    Literal["table", "kaggle"],
    typer.Option("--format", help="kaggle: ImageId,Label, as result.csv."),
]
HeatOption = Annotated[
    Path | None,
    typer.Option(help="A new folder for pictures of where the model looked, one of each."),
]
ShowOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Also write, for each picture, what was found on it and what the model saw.",
    ),
]
HeatByOption = Annotated[
    Literal["net", "occlusion"],
    typer.Option(help="Ask the net itself, or cover parts of the picture, which is slower."),
]
AnswersOption = Annotated[
    str | None,
    typer.Option(help="Also write a table, .csv; with --cluster: the folder or URL of answers."),
]
QuarantineFlag = Annotated[
    bool, typer.Option("--quarantine", help="Let every verb leave out what is wrong for certain.")
]
BackboneOption = Annotated[
    str | None,
    typer.Option(help="A pretrained net's folder, name or .onnx file, to look with, too."),
]
AcceptAllOption = Annotated[
    bool, typer.Option("--accept-all", help="Never say unknown; give the nearest class.")
]
CoverageOption = Annotated[
    float | None,
    typer.Option(help="Sets of classes that hold the truth in this share of images, say 0.95."),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|local|HOST:PORT",
        help="Work on a Ray cluster: the one that runs, one on this machine, or that one.",
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="With --cluster: how many processes work.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def parse_columns(text: str | None) -> dict[str, str] | None:
    """`image=NAME,label=NAME` as a mapping. Raises UsageError."""
    if text is None:
        return None
    columns = {}
    for pair in text.split(","):
        role, _, name = (word.strip() for word in pair.partition("="))
        if role not in ("image", "label", "part", "group") or not name:
            raise UsageError(
                f"--columns '{text}' is not understood; write image=NAME,label=NAME "
                "with the table's own column names"
            )
        columns[role] = name
    return columns


def recipe_fields(
    settings: Sequence[str] | None, seed: int | None, folds: int | None = None
) -> dict[str, object]:
    """The fields of `--set`, `--seed` and `--folds`. Raises UsageError."""
    from eyespot.training.recipefile import parse_settings

    fields = parse_settings(settings or [])
    given = {"seed": seed, "folds": folds}
    return fields | {name: value for name, value in given.items() if value is not None}


def class_size(per_image: int | None, *, balance: bool, to: int | None) -> int | None:
    """What `--balance` and `--to N` say: a number, 0 for the largest class. Raises UsageError."""
    if (per_image is not None) == (balance or to is not None):
        raise UsageError("say how many copies: either --per-image N, or --balance, or --to N")
    return to or 0 if per_image is None else None


def alone(option: str, **others: object) -> None:
    """Raises UsageError for what was given besides an option that it has no meaning with."""
    for name in (name for name, value in others.items() if value):
        raise UsageError(f"--{name.replace('_', '-')} is not for {option}; leave one of them away")


def with_stdin(sources: Sequence[str]) -> Iterator[str]:
    """The sources, and in the place of `-` the lines of standard input."""
    for source in sources:
        if source != "-":
            yield source
        else:
            lines = sys.stdin.buffer.read().splitlines()
            yield from (os.fsdecode(line) for line in lines if line.strip())


def show_folder(folder: Path | None) -> Path | None:
    """The same, made if it is not there. Raises UsageError where it holds something."""
    if folder is None:
        return None
    from eyespot.files.folders import new_folder

    return new_folder(folder, name="", root=folder, purpose="what was seen")


def heat_folder(
    folder: Path | None, model: "Model", by: Literal["net", "occlusion"]
) -> Path | None:
    """The same, made if it is not there. Raises UsageError where it holds something, and where the
    model cannot say where it looked."""
    if folder is None:
        return None
    from eyespot.files.folders import new_folder
    from eyespot.line.explaining import check_heat

    check_heat(model, by)
    return new_folder(folder, name="", root=folder, purpose="heat maps")


def writable(given: str | Path | None) -> Path | None:
    """The same, if a file can be made there: refused before the work, not after it."""
    out = Path(given) if given else None
    if out and (out.is_dir() or not os.access(out.parent, os.W_OK)):
        reason = "it is a folder" if out.is_dir() else f"the folder {out.parent} is not writable"
        raise ResourceError(f"{out} cannot be written: {reason}")
    return out


def check_readable(num_broken: int, num: int) -> None:
    """Raises DataError where pictures cannot be read, after all others are answered."""
    if num_broken:
        raise DataError(f"{num_broken:,} of {num:,} pictures cannot be read; see above")
