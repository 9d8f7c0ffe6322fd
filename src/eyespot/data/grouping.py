"""Which images belong together, and which part each one came in, as a person wishes.

A wish is the name of a table's column, or a regular expression with one group for the names.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import replace

from eyespot.data.sources.assembly import part_of, shortened
from eyespot.errors import DataError, UsageError, count, did_you_mean
from eyespot.values.dataset import Dataset, Issue, Part


def arranged(dataset: Dataset, *, group: str | None = None, split: str = "auto") -> Dataset:
    """The set with the groups and the parts that a recipe's `group` and `split` ask for.

    Groups that the set has already stay together, too. split: `auto` keeps the set's own parts,
    `stratified` forgets them, any other word is the column that says the part.
    Raises UsageError for a wish that this set cannot meet, DataError for a cell that is no part.
    """
    if split != "auto":
        parts = None if split == "stratified" else _column_of_parts(dataset, split)
        dataset = replace(dataset, parts=parts)
    return dataset if group is None else _grouped(dataset, group)


def joined(*namings: Sequence[Hashable]) -> list[int]:
    """A number for each image; two that share a word in any naming, by however many steps, agree.

    A word None is shared with nobody.
    """
    parents = list(range(len(namings[0])))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for naming in namings:
        first: dict[Hashable, int] = {}
        for index, word in enumerate(naming):
            if word is not None:
                one, two = sorted((root(first.setdefault(word, index)), root(index)))
                parents[two] = one
    return [root(index) for index in range(len(parents))]


def _grouped(dataset: Dataset, wish: str) -> Dataset:
    words = _words(dataset, wish)
    alone = [name for name, word in zip(dataset.names, words, strict=True) if word is None]
    if len(alone) == len(words):
        raise UsageError(f"group = '{wish}' says nothing about any image of {dataset.name}")
    issues = dataset.issues
    if alone:
        detail = (
            f"group = '{wish}' says nothing about {count(len(alone), 'image')} of "
            f"{len(words):,}; each is a group of its own"
        )
        issues = (*issues, Issue(kind="no-group", name=alone[0], detail=detail, score=0.5))
    if dataset.groups is None:
        pairs = zip(dataset.names, words, strict=True)
        groups = [f"{name}, alone" if word is None else word for name, word in pairs]
    else:  # no word fits all of a joined group: it is called after its first image
        groups = [dataset.names[root] for root in joined(dataset.groups, words)]
    return replace(dataset, groups=tuple(groups), issues=issues)


def _words(dataset: Dataset, wish: str) -> list[str | None]:
    """The group's word of each image; None where the column is empty or the name does not match."""
    if wish in dataset.columns:
        return [cell.strip() or None for cell in dataset.columns[wish]]
    try:
        pattern = re.compile(wish)
    except re.error:
        pattern = None
    if pattern is None or pattern.groups != 1:
        raise UsageError(
            f"group = '{wish}' is neither {_columns(dataset)} nor a regular expression with one "
            f"group, such as '-(\\d+)\\.'{did_you_mean(wish, dataset.columns)}"
        )
    matches = map(pattern.search, dataset.names)
    return [(match[1] or None) if match else None for match in matches]


def _column_of_parts(dataset: Dataset, name: str) -> tuple[Part | None, ...]:
    if name not in dataset.columns:
        raise UsageError(
            f"split = '{name}' is neither auto, stratified nor {_columns(dataset)}"
            f"{did_you_mean(name, ['auto', 'stratified', *dataset.columns])}"
        )
    cells = dataset.columns[name]
    for image, cell in zip(dataset.names, cells, strict=True):
        if cell.strip() and part_of(cell) is None:
            raise DataError(
                f"{dataset.name}: the column '{name}' says '{cell}' of {image}; "
                "a part is train, valid or test"
            )
    return tuple(map(part_of, cells))


def _columns(dataset: Dataset) -> str:
    if not dataset.columns:
        return f"a column ({dataset.name} has none)"
    return f"a column of {dataset.name} ({shortened(list(dataset.columns))})"
