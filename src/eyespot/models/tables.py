"""Answers as tables."""

from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from eyespot.errors import ImageError
from eyespot.files import write_table
from eyespot.values import Pictures, Prediction

Result = Prediction | tuple[str, ImageError]


def write_answers(path: Path, results: Sequence[Result], *, top: int) -> None:
    """A row for every picture: name, then label and probability of the likeliest classes, error."""
    ranks = [len(result.ranked) for result in results if isinstance(result, Prediction)]
    top = min([top, *ranks])  # there may be fewer classes
    header = ["name", "label", "probability"]
    for rank in range(2, top + 1):
        header += [f"label_{rank}", f"probability_{rank}"]
    rows = []
    for result in results:
        if isinstance(result, Prediction):
            ranked = [cell for label, p in result.ranked for cell in (label, f"{p:.6f}")]
            rows.append([result.name, *ranked, ""])
        else:
            rows.append([result[0], *[""] * (2 * top), str(result[1])])
    write_table(path, [*header, "error"], rows)


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
