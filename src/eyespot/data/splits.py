"""The split into train, valid and test, before anything random touches a pixel.

Which part an image goes to follows from the seed and its name, not from the order of the files.
Equal pictures go to one part.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eyespot.data.loading import pixel_digests
from eyespot.errors import DataError, UsageError, count
from eyespot.values import PARTS, Array, Dataset, Issue, Part

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
    digests: Sequence[bytes] | None = None,
) -> Split:
    """A split stratified by class; a part that the set came with stays what it is.

    valid, test: shares of every class for the parts that the set has not got. digests: one per
    image, equal for equal pictures, which stay together; None decodes all images to find them.
    A class of one image goes to train, one of two to train and test.
    Raises UsageError for shares that leave nothing, DataError when fewer than two classes have an
    image to train on.
    """
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise UsageError(
            f"valid = {valid} and test = {test} leave nothing to train on; "
            "give two numbers from 0 that add up to less than 1"
        )
    check_classes(dataset)
    if digests is None:
        digests = pixel_digests(dataset)
    given = dataset.parts or (None,) * len(dataset)
    shares: dict[Part, float] = {"test": test, "valid": valid}
    wanted = {part: share for part, share in shares.items() if share and part not in given}
    known = _with_twins(given, digests)
    parts: list[Part] = [part or "train" for part in known]
    for members, part in _assigned(_classes_of_groups(dataset, known, digests, seed), wanted):
        for index in members:
            parts[index] = part
    trained = set(dataset.labels[[part == "train" for part in parts]].tolist())
    if len(trained) < 2:
        classes = count(len(dataset.classes), "class", "classes")
        raise DataError(
            f"{dataset.name}: {len(trained)} of {classes} left to train on; "
            "a classifier needs two or more"
        )
    return Split(
        parts=tuple(parts),
        how=_how(given, parts),
        issues=(*_thin_classes(dataset, parts), *_twins(dataset, parts, digests)),
    )


def check_classes(dataset: Dataset) -> None:
    """Raises DataError for a set with images of one class only."""
    if len(set(dataset.labels.tolist())) == 1:
        raise DataError(
            f"{dataset.name} holds one class only ('{dataset.classes[dataset.labels[0]]}', "
            f"{count(len(dataset), 'image')}); a classifier needs two classes or more"
        )


def _with_twins(given: Sequence[Part | None], digests: Sequence[bytes]) -> list[Part | None]:
    """The given parts; an image without one follows an equal picture out of the training part."""
    taken: dict[bytes, Part] = {}
    for held_out in ("valid", "test"):  # of two twins, the one in the test part decides
        for part, digest in zip(given, digests, strict=True):
            if part == held_out:
                taken[digest] = part
    return [part or taken.get(digest) for part, digest in zip(given, digests, strict=True)]


def _classes_of_groups(
    dataset: Dataset, given: Sequence[Part | None], digests: Sequence[bytes], seed: int
) -> list[list[list[int]]]:
    """The images that may be moved, class by class: groups of equal ones, shuffled by name."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index in sorted(range(len(dataset)), key=dataset.names.__getitem__):
        if given[index] in (None, "train"):
            groups[digests[index]].append(index)
    classes: dict[int, list[list[int]]] = defaultdict(list)
    for members in groups.values():
        classes[int(dataset.labels[members[0]])].append(members)

    def place(members: list[int]) -> bytes:
        name = dataset.names[members[0]].encode("utf-8", "surrogatepass")
        return hashlib.blake2b(b"%d/" % seed + name, digest_size=16).digest()

    return [sorted(classes[label], key=place) for label in sorted(classes)]


def _assigned(
    classes: list[list[list[int]]], wanted: dict[Part, float]
) -> Iterator[tuple[list[int], Part]]:
    """Which groups leave the training part, and for where; the largest of each class stays."""
    for groups in classes:
        num = sum(map(len, groups))
        stays = max(reversed(groups), key=len)
        remaining = [members for members in groups if members is not stays]
        for part, share in wanted.items():
            room = max(1, round(share * num))
            too_large = []
            for members in remaining:
                if len(members) <= room:
                    room -= len(members)
                    yield members, part
                else:
                    too_large.append(members)
            remaining = too_large


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


def _twins(dataset: Dataset, parts: Sequence[Part], digests: Sequence[bytes]) -> Iterator[Issue]:
    """Equal pictures with two labels, and those that a part shares with an earlier one."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        groups[digest].append(index)
    for members in groups.values():
        if len(members) == 1:
            continue
        first = members[0]
        for other in members[1:]:
            if dataset.labels[other] != dataset.labels[first]:
                names = (dataset.classes[dataset.labels[i]] for i in (first, other))
                labels = " and ".join(f"'{name}'" for name in names)
                detail = f"the same picture as {dataset.names[first]}, labelled {labels}"
                kind = "contradicting-label"
                yield Issue(kind=kind, name=dataset.names[other], detail=detail)
        own = min((parts[index] for index in members), key=PARTS.index)
        source = next(index for index in members if parts[index] == own)
        for index in members:
            if parts[index] != own:
                detail = f"the same picture as {dataset.names[source]} of the {_PART_NAMES[own]}"
                yield Issue(kind="leak", name=dataset.names[index], detail=detail)


def _how(given: Sequence[Part | None], parts: Sequence[Part]) -> str:
    sizes = Counter(parts)
    numbers = ", ".join(f"{sizes[part]:,} {part}" for part in PARTS)
    own = [part for part in ("valid", "test") if part in given]
    return f"{numbers}" + (f" (its own {' and '.join(own)} part)" if own else " (stratified)")
