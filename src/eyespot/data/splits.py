"""The split into train, valid and test, before anything random touches a pixel.

Which part an image goes to follows from the seed and its name, not from the order of the files.
Equal pictures go to one part.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eyespot.errors import DataError
from eyespot.values import PARTS, Array, Dataset, Issue, Part


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
    seed: int,
    valid: float,
    test: float,
    digests: Sequence[bytes] | None = None,
) -> Split:
    """A split stratified by class; a part that the set came with stays what it is.

    valid, test: shares of every class for the parts that the set has not got. digests: one per
    image, equal for equal pictures; those stay together. A class of one image goes to train, one
    of two to train and test.
    Raises DataError when fewer than two classes have an image to train on.
    """
    if valid + test >= 1:
        raise DataError(
            f"valid = {valid} and test = {test} leave nothing to train on; make them smaller"
        )
    given = dataset.parts or (None,) * len(dataset)
    shares: dict[Part, float] = {"test": test, "valid": valid}
    wanted = {part: share for part, share in shares.items() if share and part not in given}
    parts: list[Part] = [part or "train" for part in given]
    for members, part in _assigned(_classes_of_groups(dataset, given, digests, seed), wanted):
        for index in members:
            parts[index] = part
    trained = set(dataset.labels[[part == "train" for part in parts]].tolist())
    if len(trained) < 2:
        raise DataError(
            f"{dataset.name}: {len(trained)} of {len(dataset.classes)} classes has images to train "
            "on; a classifier needs two or more"
        )
    return Split(
        parts=tuple(parts),
        how=_how(given, parts),
        issues=(
            *_thin_classes(dataset, parts),
            *(_twins(dataset, parts, digests) if digests is not None else ()),
        ),
    )


def _classes_of_groups(
    dataset: Dataset, given: Sequence[Part | None], digests: Sequence[bytes] | None, seed: int
) -> list[list[list[int]]]:
    """The images that may be moved, class by class: groups of equal ones, shuffled by name."""
    groups: dict[object, list[int]] = defaultdict(list)
    for index in sorted(range(len(dataset)), key=lambda i: dataset.names[i]):
        if given[index] in (None, "train"):
            groups[index if digests is None else digests[index]].append(index)
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
    """Which groups leave the training part, and for where; one group of each class always stays."""
    for groups in classes:
        num = sum(map(len, groups))
        remaining = iter(groups[:-1])
        for part, share in wanted.items():
            room = max(1, round(share * num))
            while room > 0 and (members := next(remaining, None)) is not None:
                if len(members) <= room:
                    room -= len(members)
                    yield members, part


def _thin_classes(dataset: Dataset, parts: Sequence[Part]) -> Iterator[Issue]:
    """A class that some part has no image of."""
    present = set(zip(parts, dataset.labels.tolist(), strict=True))
    for part in ("train", "test"):
        for label, name in enumerate(dataset.classes):
            if (part, label) not in present and any(own == part for own in parts):
                verb = "learnt" if part == "train" else "judged"
                yield Issue(
                    kind="thin-class",
                    name=name,
                    detail=f"class '{name}' has no image in the {part} part: it is not {verb}",
                )


def _twins(dataset: Dataset, parts: Sequence[Part], digests: Sequence[bytes]) -> Iterator[Issue]:
    """Equal pictures with two labels, and test images that are in the training part too."""
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
        trained = [index for index in members if parts[index] == "train"]
        for index in members:
            if trained and parts[index] != "train":
                detail = f"the same picture as {dataset.names[trained[0]]} of the training part"
                yield Issue(kind="leak", name=dataset.names[index], detail=detail)


def _how(given: Sequence[Part | None], parts: Sequence[Part]) -> str:
    sizes = Counter(parts)
    numbers = ", ".join(f"{sizes[part]:,} {part}" for part in PARTS)
    own = [part for part in ("valid", "test") if part in given]
    return f"{numbers}" + (f" (its own {' and '.join(own)} part)" if own else " (stratified)")
