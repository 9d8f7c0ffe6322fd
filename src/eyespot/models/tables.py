"""Answers as tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

import numpy as np

from eyespot.errors import ImageError
from eyespot.files.tables import write_table
from eyespot.values.dataset import Pictures
from eyespot.values.predictions import Prediction

UNKNOWN = "unknown"
Result = Prediction | tuple[str, ImageError]


def num_broken(results: Iterable[Result]) -> int:
    """How many pictures cannot be read."""
    return sum(not isinstance(result, Prediction) for result in results)


def write_results(
    path: Path, pictures: Pictures, results: Sequence[Result], top: int, *, kaggle: bool
) -> None:
    """The table that is wanted: `write_kaggle` or `write_answers`."""
    if kaggle:
        write_kaggle(path, pictures, results)
    else:
        write_answers(path, results, top=top)


def write_answers(path: Path, results: Sequence[Result], *, top: int) -> None:
    """A row for every picture: name, then label and probability of the likeliest classes, ...

    ... nearest, possible where sets were asked for, and error. Where the label is `unknown`,
    nearest is the class that was refused, to which the probability belongs.
    """
    found = [result for result in results if isinstance(result, Prediction)]
    top = min([top, *(len(result.ranked) for result in found)])  # there may be fewer classes
    sets = any(result.possible is not None for result in found)
    rows = (answer_row(result, top=top, sets=sets) for result in results)
    write_table(path, answer_header(top=top, sets=sets), rows)


def answer_header(*, top: int, sets: bool) -> list[str]:
    """The names of the columns. sets: whether sets of classes were asked for."""
    header = ["name", "label", "probability"]
    for rank in range(2, top + 1):
        header += [f"label_{rank}", f"probability_{rank}"]
    return [*header, "nearest", *(["possible"] if sets else []), "error"]


def answer_row(result: Result, *, top: int, sets: bool) -> list[str]:
    """The cells of one picture under that header."""
    if not isinstance(result, Prediction):
        name, error = result
        return [name, *[""] * (2 * top + 1 + sets), str(error)]
    cells = [cell for label, p in result.ranked[:top] for cell in (label, f"{p:.6f}")]
    nearest = result.label if result.unknown else ""
    if result.unknown:
        cells[0] = UNKNOWN
    possible = [" | ".join(result.possible or ())] if sets else []
    return [result.name, *cells, nearest, *possible, ""]


def write_kaggle(path: Path, pictures: Pictures, results: Sequence[Result]) -> None:
    """`ImageId,Label`: rows of pixels are counted from 1, files go by their names' stems.

    A picture that cannot be read keeps its row, with an empty label.
    """
    if isinstance(pictures.images, np.ndarray):
        ids: list[object] = list(range(1, len(pictures) + 1))
    else:
        stems = [PurePath(name).stem for name in pictures.names]
        ids = list(stems if len(set(stems)) == len(stems) else pictures.names)
    labels = (result.label if isinstance(result, Prediction) else "" for result in results)
    write_table(path, ("ImageId", "Label"), zip(ids, labels, strict=True))
