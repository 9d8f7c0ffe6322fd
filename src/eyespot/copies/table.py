"""The table of the new set: each original, then each copy, with its label and part."""

import re
from collections.abc import Sequence

from eyespot.copies.names import Copy
from eyespot.errors import DataError
from eyespot.line import Plan

_RESERVED = ("image", "label", "source", "part", "group")


def tabulated(
    planned: Plan, originals: Sequence[str], copies: Sequence[Copy]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the originals, then the copies, which have their original's other cells.

    A group is written where the set has groups; else `source` ties a copy to its original.
    """
    dataset, parts = planned.loaded.dataset, planned.split.parts
    for name in dataset.classes:
        if re.search("[\ud800-\udfff]", name):
            raise DataError(f"the class {ascii(name)} is no Unicode; rename it")
    others = {
        name: cells for name, cells in dataset.columns.items() if name.lower() not in _RESERVED
    }
    header = ["image", "label", "source", "part"]
    if dataset.groups is not None:
        others = {"group": _writable(dataset.groups), **others}

    def row(image: str, source: str, index: int) -> list[str]:
        label = dataset.classes[dataset.labels[index]]
        return [image, label, source, parts[index], *(cells[index] for cells in others.values())]

    rows = [row(name, "", index) for index, name in enumerate(originals)]
    rows += [row(copy.name, originals[copy.place], copy.place) for copy in copies]
    return [*header, *others], rows


def _writable(groups: Sequence[str]) -> tuple[str, ...]:
    """The groups' words; a number for one that is no Unicode, as file names may be."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(groups))}
    return tuple(
        f"group {numbers[word]}" if re.search("[\ud800-\udfff]", word) else word for word in groups
    )
