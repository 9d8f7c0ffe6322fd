"""The split into train, valid and test, before anything random touches a pixel.

Which part an image goes to follows from the seed and its name, not from the order of the files.
Pictures that are equal or look the same go to one part, and so do the images of one group.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eyespot.data.duplicates import Duplicates, duplicate_issues
from eyespot.data.grouping import joined
from eyespot.data.loading import duplicates_of
from eyespot.errors import DataError, UsageError, count
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS, Dataset, Issue, Part

_PART_NAMES: dict[Part, str] = {
    "train": "training part",
    "valid": "validation part",
    "test": "test part",
}


@dataclass(frozen=True, kw_only=True)
class Split:
    """One part per image, in the order of the data set. how: what was done, in words."""

    parts: tuple[Part, ...]
    how: str
    issues: tuple[Issue, ...]

    def indices(self, part: Part) -> list[int]:
        """Where the images of this part stand in the data set."""
        return [index for index, own in enumerate(self.parts) if own == part]

    def counts(self, labels: Array, num_classes: int) -> dict[Part, list[int]]:
        """The number of images of each class, part by part."""
        pairs = Counter(zip(self.parts, labels.tolist(), strict=True))
        return {part: [pairs[part, label] for label in range(num_classes)] for part in PARTS}


def split(
    dataset: Dataset,
    *,
    seed: int = 0,
    valid: float = 0.1,
    test: float = 0.2,
    per_class: Mapping[Part, int] | None = None,
    duplicates: Duplicates | None = None,
) -> Split:
    """A split stratified by class; a part that the set came with stays what it is.

    valid, test: shares of every class for the parts that the set has not got. per_class: how many
    images of every class a part gets, in the place of its share. duplicates: the groups of
    pictures that stay together because they look the same; None decodes all images to find them.
    A class of one image goes to train, one of two to train and test. Where groups tie classes
    together, the sizes are met as closely as a greedy choice of whole groups meets them.
    Raises UsageError for shares that leave nothing, DataError when fewer than two classes have an
    image to train on, or a class has too few images for `per_class`.
    """
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise UsageError(
            f"valid = {valid} and test = {test} leave nothing to train on; "
            "give two numbers from 0 that add up to less than 1"
        )
    check_classes(dataset)
    if duplicates is None:
        duplicates = duplicates_of(dataset)
    given = dataset.parts or (None,) * len(dataset)
    numbers = per_class or {}
    _check_numbers(dataset, given, numbers)
    shares: dict[Part, float] = {"test": test, "valid": valid}
    wanted = {
        part: numbers.get(part, share)
        for part, share in shares.items()
        if numbers.get(part, share) and part not in given
    }
    keys = duplicates.ties(len(dataset))
    if dataset.groups is not None:
        keys = joined(dataset.groups, keys)
    known = _with_twins(given, keys)
    parts: list[Part] = [part or "train" for part in known]
    rooms = _rooms(dataset, known, wanted)
    groups = movable(dataset, known, keys, seed)
    if dataset.groups is None:
        assigned = _assigned(_by_class(dataset, groups), rooms)
    else:
        assigned = _assigned_together(dataset, groups, rooms)
    for members, part in assigned:
        for index in members:
            parts[index] = part
    how = _how(given, parts, dataset.groups)
    if numbers or dataset.groups is not None:
        how += _reached(dataset, parts, rooms)
    return checked_split(dataset, parts, how=how, duplicates=duplicates)


def checked_split(
    dataset: Dataset, parts: Sequence[Part], *, how: str, duplicates: Duplicates
) -> Split:
    """These parts with what is to be said against them.

    Raises DataError when fewer than two classes have an image to train on.
    """
    trained = set(dataset.labels[[part == "train" for part in parts]].tolist())
    if len(trained) < 2:
        classes = count(len(dataset.classes), "class", "classes")
        raise DataError(
            f"{dataset.name}: {len(trained)} of {classes} left to train on; "
            "a classifier needs two or more"
        )
    issues = [*_thin_classes(dataset, parts), *_twins(dataset, parts, duplicates)]
    issues += _straddling(dataset, parts)
    return Split(parts=tuple(parts), how=how, issues=tuple(issues))


def check_classes(dataset: Dataset) -> None:
    """Raises DataError for a set with images of one class only."""
    if len(set(dataset.labels.tolist())) == 1:
        raise DataError(
            f"{dataset.name} holds one class only ('{dataset.classes[dataset.labels[0]]}', "
            f"{count(len(dataset), 'image')}); a classifier needs two classes or more"
        )


def _check_numbers(
    dataset: Dataset, given: Sequence[Part | None], numbers: Mapping[Part, int]
) -> None:
    """Raises when a part cannot have these many images of every class."""
    wish = " and ".join(f"{part}_per_class = {num}" for part, num in numbers.items())
    for part, num in numbers.items():
        if num < 1:
            raise UsageError(f"{part}_per_class = {num}; give a number from 1")
        if part in given:
            raise UsageError(
                f"{dataset.name} has a {part} part of its own, and {part}_per_class = {num} "
                "asks for another; leave that away, or forget its parts with split=stratified"
            )
    sizes = Counter(
        label
        for label, part in zip(dataset.labels.tolist(), given, strict=True)
        if part in (None, "train")
    )
    small = [label for label in sizes if sizes[label] <= sum(numbers.values())]
    if small:
        label = min(small, key=sizes.__getitem__)
        others = f" (and {len(small) - 1:,} more are too small)" if len(small) > 1 else ""
        raise DataError(
            f"{dataset.name}: class '{dataset.classes[label]}' has "
            f"{count(sizes[label], 'image')}{others}, and {wish} leave none to train on; "
            f"ask for at most {sizes[label] - 1:,} in all"
        )


def _with_twins(given: Sequence[Part | None], keys: Sequence[Hashable]) -> list[Part | None]:
    """The given parts; an image without one follows a twin out of the training part."""
    taken: dict[Hashable, Part] = {}
    for held_out in ("valid", "test"):  # of two twins, the one in the test part decides
        for part, key in zip(given, keys, strict=True):
            if part == held_out:
                taken[key] = part
    return [part or taken.get(key) for part, key in zip(given, keys, strict=True)]


def _rooms(
    dataset: Dataset, known: Sequence[Part | None], wanted: Mapping[Part, float]
) -> dict[Part, list[int]]:
    """How many images of each class a part is to get. wanted: a share, or a number from 1."""
    sizes = Counter(
        label
        for label, part in zip(dataset.labels.tolist(), known, strict=True)
        if part in (None, "train")
    )

    def room(wish: float, num: int) -> int:
        return int(wish) if wish >= 1 else max(1, round(wish * num))

    labels = range(len(dataset.classes))
    return {
        part: [room(wish, sizes[label]) if sizes[label] else 0 for label in labels]
        for part, wish in wanted.items()
    }


def movable(
    dataset: Dataset, known: Sequence[Part | None], keys: Sequence[Hashable], seed: int
) -> list[list[int]]:
    """The images that may leave the training part: groups that stay together, shuffled by name."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index in sorted(range(len(dataset)), key=dataset.names.__getitem__):
        if known[index] in (None, "train"):
            groups[keys[index]].append(index)

    def place(members: list[int]) -> bytes:
        name = dataset.names[members[0]].encode("utf-8", "surrogatepass")
        return hashlib.blake2b(b"%d/" % seed + name, digest_size=16).digest()

    return sorted(groups.values(), key=place)


def _by_class(dataset: Dataset, groups: list[list[int]]) -> dict[int, list[list[int]]]:
    """The groups of each class; one of equal pictures with two labels counts to its first."""
    classes: dict[int, list[list[int]]] = defaultdict(list)
    for members in groups:
        classes[int(dataset.labels[members[0]])].append(members)
    return dict(sorted(classes.items()))


def _assigned(
    classes: dict[int, list[list[int]]], rooms: dict[Part, list[int]]
) -> Iterator[tuple[list[int], Part]]:
    """Which groups leave the training part, and for where; the largest of each class stays."""
    for label, groups in classes.items():
        stays = max(reversed(groups), key=len)
        remaining = [members for members in groups if members is not stays]
        for part, rooms_K in rooms.items():
            room = rooms_K[label]
            too_large = []
            for members in remaining:
                if len(members) <= room:
                    room -= len(members)
                    yield members, part
                else:
                    too_large.append(members)
            remaining = too_large


def _assigned_together(
    dataset: Dataset, groups: list[list[int]], rooms: dict[Part, list[int]]
) -> Iterator[tuple[list[int], Part]]:
    """The same for groups that hold several classes, each of which keeps an image to train on.

    First the groups for which there is room in every class of theirs, in their order; then, the
    smallest first, those that bring the part nearer to its sizes although they exceed one.
    """
    holds = [(members, Counter(dataset.labels[members].tolist())) for members in groups]
    left = Counter(label for _, sizes in holds for label in sizes.elements())
    for part, rooms_K in rooms.items():
        room = list(rooms_K)
        for exceeding in (False, True):
            remaining = []
            for members, sizes in sorted(holds, key=lambda h: len(h[0])) if exceeding else holds:
                if exceeding:
                    gain = sum(abs(room[c]) - abs(room[c] - num) for c, num in sizes.items())
                    fits = gain > 0
                else:
                    fits = all(num <= room[c] for c, num in sizes.items())
                if fits and all(num < left[c] for c, num in sizes.items()):
                    for label, num in sizes.items():
                        room[label] -= num
                        left[label] -= num
                    yield members, part
                else:
                    remaining.append((members, sizes))
            holds = remaining


def _reached(dataset: Dataset, parts: Sequence[Part], rooms: dict[Part, list[int]]) -> str:
    """What became of the sizes that were wished for, where they were not met."""
    pairs = Counter(zip(parts, dataset.labels.tolist(), strict=True))
    told = ""
    for part, rooms_K in rooms.items():
        num = sum(1 for own in parts if own == part)
        worst = max(range(len(rooms_K)), key=lambda label: abs(pairs[part, label] - rooms_K[label]))
        if pairs[part, worst] != rooms_K[worst]:
            told += (
                f"; {part}: {num:,} of {sum(rooms_K):,} wished for, at worst "
                f"{pairs[part, worst]:,} of {rooms_K[worst]:,} of class '{dataset.classes[worst]}'"
            )
    return told


def _straddling(dataset: Dataset, parts: Sequence[Part]) -> Iterator[Issue]:
    """The groups that the set's own parts, or a split.csv, have torn apart."""
    first: dict[str, int] = {}
    told = set()
    for index, group in enumerate(dataset.groups or ()):
        other = first.setdefault(group, index)
        if parts[index] != parts[other] and group not in told:
            told.add(group)
            yield Issue(
                kind="torn-group",
                name=dataset.names[index],
                detail=f"of the group '{group}', as {dataset.names[other]} of the "
                f"{_PART_NAMES[parts[other]]}",
            )


def _thin_classes(dataset: Dataset, parts: Sequence[Part]) -> Iterator[Issue]:
    """A class that some part has no image of."""
    present = set(zip(parts, dataset.labels.tolist(), strict=True))
    occurring = set(parts)
    for part in ("train", "test"):
        for label, name in enumerate(dataset.classes):
            if part in occurring and (part, label) not in present:
                verb = "learnt" if part == "train" else "judged"
                yield Issue(
                    kind="thin-class",
                    name=name,
                    detail=f"class '{name}' has no image in the {part} part: it is not {verb}",
                )


def _twins(dataset: Dataset, parts: Sequence[Part], duplicates: Duplicates) -> Iterator[Issue]:
    """What the check would say of duplicates in these parts; a mere copy does no harm here."""
    for issue in duplicate_issues(replace(dataset, parts=tuple(parts)), duplicates):
        if issue.kind not in ("duplicate", "near-duplicate"):
            yield issue


def sizes_of(parts: Sequence[Part]) -> str:
    """`42 train, 6 valid, 12 test`."""
    sizes = Counter(parts)
    return ", ".join(f"{sizes[part]:,} {part}" for part in PARTS)


def _how(given: Sequence[Part | None], parts: Sequence[Part], groups: Sequence[str] | None) -> str:
    own = [part for part in ("valid", "test") if part in given]
    how = f"its own {' and '.join(own)} part" if own else "stratified"
    together = f", {count(len(set(groups)), 'group')} kept together" if groups else ""
    return f"{sizes_of(parts)} ({how}{together})"
