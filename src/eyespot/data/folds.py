"""Cross-validation: the images in k folds, and the split for which each fold is the test part once.

Pictures that are equal or look the same lie in one fold, and so do the images of one group. What a
set has as its test part, or `test_per_class` asks for, is kept out of all folds.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyespot.data.duplicates import Duplicates
from eyespot.data.grouping import joined
from eyespot.data.loading import Loaded
from eyespot.data.room import copied
from eyespot.data.selection import selected
from eyespot.data.sources.assembly import natural, part_of, shortened
from eyespot.data.splits import Split, movable, sizes_of, split
from eyespot.errors import DataError, UsageError, count
from eyespot.values.dataset import Dataset, Issue, Part


@dataclass(frozen=True, kw_only=True)
class Folds:
    """The fold of each image, in the order of the data set; the first is 1.

    None: in no fold. split: such images are its test part, if they are kept out of all folds, or of
    a class that could not be learnt without them; they are then never judged. All others are its
    training part. how: what was done, in words.
    """

    num: int
    numbers: tuple[int | None, ...]
    split: Split
    how: str
    issues: tuple[Issue, ...]


def make_folds(
    dataset: Dataset,
    num: int,
    *,
    seed: int,
    duplicates: Duplicates,
    test_per_class: int | None = None,
    column: str | None = None,
) -> Folds:
    """`num` folds in which every class and every group has its share, as nearly as may be.

    column: of the table, it says the fold of each image instead, by any `num` words; an image of
    which it says `test` is in no fold. A class that lies in one group is never judged, because no
    model could learn it without that group; one of fewer groups than folds is told.
    Source of the rule: scikit-learn's StratifiedGroupKFold; the largest group first, each goes
    where it leaves the shares of its classes most even.
    Raises DataError when a fold would be empty or an image has no fold, UsageError when the column
    has other than `num` words or the set has a test part besides `test_per_class`.
    """
    told = _told_folds(dataset, column, num) if column else None
    held = [fold is None for fold in told] if told else [p == "test" for p in dataset.parts or ()]
    given: tuple[Part, ...] = tuple("test" if out else "train" for out in held)
    whole = split(
        replace(dataset, parts=given if any(held) else None),
        seed=seed,
        valid=0,
        test=0,
        per_class={"test": test_per_class} if test_per_class else None,
        duplicates=duplicates,
    )
    keys = duplicates.ties(len(dataset))
    if dataset.groups is not None:
        keys = joined(dataset.groups, keys)
    groups = movable(dataset, whole.parts, keys, seed)
    numbers = told or _dealt(dataset, groups, num)
    if len(set(numbers) - {None}) < num:
        raise DataError(
            f"{dataset.name}: {count(len(groups), 'group')} of images that belong together are not "
            f"enough for {num} folds; ask for fewer"
        )
    return Folds(
        num=num,
        numbers=tuple(numbers),
        split=whole,
        how=_how(numbers, num, column, dataset.groups) + _kept_out(whole.parts.count("test")),
        issues=tuple(_small_classes(dataset, numbers, whole.parts, num)),
    )


def names_folds(dataset: Dataset, column: str) -> bool:
    """Whether this column of the table says something else than parts."""
    return any(cell.strip() and not part_of(cell) for cell in dataset.columns.get(column, ()))


def in_folds(loaded: Loaded, folds: Folds) -> tuple[Loaded, tuple[int | None, ...]]:
    """The images that are not kept out of all folds, and the fold of each."""
    places = folds.split.indices("train")
    if len(places) == len(loaded.dataset):
        return loaded, folds.numbers
    rows = np.asarray(places, dtype=np.int64)
    return Loaded(
        dataset=selected(loaded.dataset, places),
        images=copied(loaded.dataset.name, loaded.images, rows)
        if len(loaded.images) and loaded.images.ndim == 4
        else loaded.images[rows[: len(loaded.images)]],
        digests=tuple(loaded.digests[place] for place in places),
        thumbs=loaded.thumbs[rows],
        issues=loaded.issues,
    ), tuple(folds.numbers[place] for place in places)


def fold_splits(
    loaded: Loaded,
    numbers: Sequence[int | None],
    num: int,
    *,
    seed: int,
    valid: float,
    valid_per_class: int | None = None,
) -> tuple[Split, ...]:
    """For each fold the split that has it as its test part.

    valid: the share of every class of the other folds that chooses the epoch.
    """
    splits = []
    for number in range(1, num + 1):
        parts: list[Part] = ["test" if own == number else "train" for own in numbers]
        made = split(
            replace(loaded.dataset, parts=tuple(parts)),
            seed=seed,
            valid=valid,
            per_class={"valid": valid_per_class} if valid_per_class else None,
            duplicates=loaded.duplicates,
        )
        splits.append(replace(made, how=f"fold {number} of {num}: {sizes_of(made.parts)}"))
    return tuple(splits)


def torn(splits: Sequence[Split]) -> tuple[Issue, ...]:
    """What a given column has torn apart, each image once."""
    kinds = ("leak", "near-leak", "torn-group")
    found = {
        (issue.kind, issue.name): issue
        for made in splits
        for issue in made.issues
        if issue.kind in kinds
    }
    return tuple(found.values())


def _dealt(dataset: Dataset, groups: Sequence[Sequence[int]], num: int) -> list[int | None]:
    """The fold of each image, for groups in their order."""
    holds = [(members, Counter(dataset.labels[members].tolist())) for members in groups]
    totals: Counter[int] = Counter()
    owners: Counter[int] = Counter()
    for _, sizes in holds:
        totals.update(sizes)
        owners.update(sizes.keys())
    rooms: list[dict[int, int]] = [defaultdict(int) for _ in range(num)]
    full = [0] * num
    numbers: list[int | None] = [None] * len(dataset)
    # Class by class, so that what a class has left over goes to the folds with the fewest images.
    for members, sizes in sorted(holds, key=lambda h: (-len(h[0]), int(dataset.labels[h[0][0]]))):
        if any(owners[label] == 1 for label in sizes):
            continue  # it stays in the training part of every fold
        fold = min(
            range(num), key=lambda fold: (_unevenness(rooms[fold], sizes, totals), full[fold], fold)
        )
        for label, size in sizes.items():
            rooms[fold][label] += size
        full[fold] += len(members)
        for member in members:
            numbers[member] = fold + 1
    return numbers


def _unevenness(
    room: Mapping[int, int], sizes: Mapping[int, int], totals: Mapping[int, int]
) -> float:
    """How much the squares of the classes' shares grow in a fold that takes a group."""
    if len(sizes) == 1:  # the common case, and the same order
        return float(room[next(iter(sizes))])
    return math.fsum(
        room[label] * size / totals[label] ** 2 for label, size in sorted(sizes.items())
    )


def _told_folds(dataset: Dataset, column: str, num: int) -> list[int | None]:
    """The fold of each image as a column says it, its words in natural order."""
    cells = [cell.strip() for cell in dataset.columns[column]]
    if "" in cells:
        raise DataError(
            f"{dataset.name}: the column '{column}' says no fold of "
            f"{dataset.names[cells.index('')]}; fill the cell"
        )
    words = sorted({cell for cell in cells if part_of(cell) != "test"}, key=natural)
    if len(words) != num:
        raise UsageError(
            f"folds = {num}, and the column '{column}' of {dataset.name} names {len(words)} "
            f"({shortened(words)}); say folds = {len(words)}, or split = stratified"
        )
    places: Mapping[Hashable, int] = {word: number for number, word in enumerate(words, 1)}
    return [places.get(cell) for cell in cells]


def _small_classes(
    dataset: Dataset, numbers: Sequence[int | None], parts: Sequence[Part], num: int
) -> Iterator[Issue]:
    """The classes that some fold has no image of, and those that no fold has one of."""
    sizes = Counter(
        label for label, part in zip(dataset.labels.tolist(), parts, strict=True) if part == "train"
    )
    present = set(zip(dataset.labels.tolist(), numbers, strict=True))
    for label, name in enumerate(dataset.classes):
        folds = sum((label, number) in present for number in range(1, num + 1))
        if not sizes[label] or folds == num:
            continue
        its = f"class '{name}' has {count(sizes[label], 'image')}"
        if folds:
            detail = f"{its} in {folds} of {num} folds; the others do not judge it"
        else:
            detail = f"{its} and cannot be parted: it is learnt in all folds and judged in none"
        yield Issue(kind="small-class", name=name, detail=detail)


def _how(
    numbers: Sequence[int | None], num: int, column: str | None, groups: Sequence[str] | None
) -> str:
    sizes = Counter(number for number in numbers if number is not None).values()
    low, high = min(sizes), max(sizes)
    images = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    if column:
        rule = f"as the column '{column}' says"
    else:
        rule = "stratified"
        rule += f", {count(len(set(groups)), 'group')} kept together" if groups else ""
    return f"{num} folds of {images} images ({rule})"


def _kept_out(num: int) -> str:
    return f", {count(num, 'test image')} kept out of them" if num else ""
