"""Other labels for images that have some: a table as `eyespot suspects --fix` writes it."""

from dataclasses import replace
from pathlib import Path

from eyespot.data.edited import edited_rows
from eyespot.errors import DataError
from eyespot.values.dataset import Dataset

HEADER = ("image", "label")


def relabelled(dataset: Dataset, table: str | Path) -> Dataset:
    """The set with the labels that the table says; images that it does not name keep theirs.

    A row of an image that was left out counts for nothing. Raises DataError, with the line, for an
    image or a class that is not in the set, and for an image with two labels.
    """
    path = Path(table)
    if not path.is_file():
        raise DataError(f"there is no table {path}; name one with the columns image and label")
    places = {name: place for place, name in enumerate(dataset.names)}
    numbers = {name: number for number, name in enumerate(dataset.classes)}
    known = {*places, *(issue.name for issue in dataset.issues if issue.left_out)}
    labels, lines = dataset.labels.copy(), dict[str, int]()
    for row in edited_rows(path, HEADER):
        name = row.one_of("image", known, "the image")
        number = numbers[row.one_of("label", numbers, "the class")]
        if name not in places:
            continue
        first = lines.setdefault(name, row.line)
        if first != row.line and labels[places[name]] != number:
            raise DataError(
                f"{path} line {row.line}: '{name}' has another label in line {first}; leave one"
            )
        labels[places[name]] = number
    return replace(dataset, labels=labels)
