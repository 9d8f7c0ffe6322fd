"""The same picture twice: pixel for pixel, or once resized or compressed again.

N images, S side of a thumbnail. Groups are tuples of places in the data set, ascending, the first
place first. What is found here is what `check` shows, and what a split keeps together.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.data.pairing import near_pairs
from eyespot.errors import count
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS, Dataset, Issue, Part

_BLANK_SPAN = 2  # levels; a thumbnail that spans no more looks like nothing

# A chain, in which each picture looks like the next but no picture like all, is cut when it holds
# this share of a class: else nothing of the class would be left to judge by. One of few pictures
# is not: they are copies of copies, and better not judged by at all.
_CHAIN_SHARE = 2 / 3
_LEAST_CHAIN = 12

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """exact: equal pixels. near: at least two different pictures that look the same; all exact
    copies of its members are members, too. chains: what would have been a group of `near`, had it
    not held most of a class; `near` holds it in pieces."""

    exact: Groups
    near: Groups
    chains: Groups = ()

    def ties(self, num: int) -> list[int]:
        """A number for each of `num` images; those of one group, exact or near, agree."""
        ties = list(range(num))
        for members in (
            *self.exact,
            *self.near,
        ):  # a near group holds all exact ones of its members
            for place in members:
                ties[place] = members[0]
        return ties


def find_duplicates(
    dataset: Dataset,
    digests: Sequence[bytes],
    thumbs: Array,
    *,
    pairs: Callable[[Array], Array] | None = None,
) -> Duplicates:
    """Groups of images that are the same picture.

    digests: of each image's pixels; an empty one is equal to nothing. thumbs: uint8 (N, S, S); one
    without any contrast has no near duplicates. Names and labels matter only where a chain of
    pictures is cut. pairs: what finds the pairs, with the arguments and the result of `near_pairs`.
    """
    exact = _equal(digests)
    copies = {group[0]: group for group in exact}
    distinct = _spans(thumbs) > _BLANK_SPAN
    distinct[[place for group in exact for place in group[1:]]] = False
    places = np.flatnonzero(distinct)
    near = _neighbourhoods(places[(pairs or near_pairs)(thumbs[places])])

    def whole(members: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted(place for member in members for place in copies.get(member, (member,))))

    sizes = Counter(dataset.labels.tolist())
    groups, chains = [], []
    for members in _connected(near):
        group = whole(members)
        if _is_chain(members, near) and _is_most(dataset.labels[list(group)], sizes):
            chains.append(group)
            by_name = sorted(members, key=dataset.names.__getitem__)
            groups += [whole(piece) for piece in _pieces(by_name, near) if len(piece) > 1]
        else:
            groups.append(group)
    return Duplicates(exact=exact, near=tuple(sorted(groups)), chains=tuple(chains))


def _equal(digests: Sequence[bytes]) -> Groups:
    places: dict[bytes, list[int]] = defaultdict(list)
    for place, digest in enumerate(digests):
        places[digest].append(place)
    places.pop(b"", None)
    return tuple(tuple(group) for group in places.values() if len(group) > 1)


def _spans(thumbs: Array) -> Array:
    """uint8 (N,): levels from the darkest to the brightest pixel of each thumbnail."""
    spans: Array = thumbs.max(axis=(1, 2)) - thumbs.min(axis=(1, 2))
    return spans


def _neighbourhoods(pairs: Array) -> dict[int, Array]:
    """The places that each place of these pairs looks like, ascending. pairs: int64 (P, 2)."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    owners, starts = np.unique(both[:, 0], return_index=True)
    pieces = np.split(both[:, 1], starts[1:])
    return dict(zip(owners.tolist(), pieces, strict=False))  # of no pairs, one empty piece is made


def _connected(near: Mapping[int, Array]) -> Iterator[list[int]]:
    """The pictures that are joined by pairs, in however many steps, each group ascending."""
    seen: set[int] = set()
    for start in sorted(near):
        if start in seen:
            continue
        seen.add(start)
        members = [start]
        for member in members:  # grows while it is gone through
            new = [place for place in near[member].tolist() if place not in seen]
            seen.update(new)
            members += new
        yield sorted(members)


def _is_chain(members: Sequence[int], near: Mapping[int, Array]) -> bool:
    """Whether there are many, and none of them looks like all the others."""
    longest = max(len(near[member]) for member in members)
    return len(members) >= _LEAST_CHAIN and longest < len(members) - 1


def _is_most(labels: Array, sizes: Mapping[int, int]) -> bool:
    """Whether images of these labels are most of a class. sizes: of all classes."""
    own = Counter(labels.tolist())
    return any(num >= _CHAIN_SHARE * sizes[label] for label, num in own.items())


def _pieces(members: Sequence[int], near: Mapping[int, Array]) -> Iterator[list[int]]:
    """Each picture, in this order, with all that look like it and are not taken yet."""
    left = dict.fromkeys(members)
    while left:
        first = next(iter(left))
        piece = [first, *(place for place in near[first].tolist() if place in left)]
        for member in piece:
            del left[member]
        yield piece


def duplicate_issues(dataset: Dataset, duplicates: Duplicates) -> Iterator[Issue]:
    """What duplicates mean: contradicting labels, a leak from part to part, or just a copy.

    A contradiction is told of every image of the group. A leak is told of the copy that has to go
    for the other part to judge honestly: of train and valid before test, of train before valid.
    What was told of an exact copy is not told again of a near one.
    """
    told: dict[int, set[str]] = defaultdict(set)
    for groups, prefix in ((duplicates.exact, ""), (duplicates.near, "near-")):
        for members in groups:
            for place, kind, detail in _of_group(dataset, members, exact=not prefix):
                if kind not in told[place] and not (kind == "duplicate" and told[place]):
                    told[place].add(kind)
                    name, score = dataset.names[place], 0.9 if prefix else 1.0
                    yield Issue(kind=prefix + kind, name=name, detail=detail, score=score)
    for members in duplicates.chains:
        first, last = (dataset.names[place] for place in (members[0], members[-1]))
        detail = (
            f"{count(len(members), 'image')} up to {last} look alike one to the next and are most "
            "of a class: a split may part them; say by --set group=... which belong together"
        )
        yield Issue(kind="near-chain", name=first, detail=detail, score=0.9)


def _of_group(
    dataset: Dataset, members: Sequence[int], *, exact: bool
) -> Iterator[tuple[int, str, str]]:
    """The place, kind and detail of what is to be said about each image."""
    same = "the same picture as" if exact else "looks the same as"
    names, classes, labels = dataset.names, dataset.classes, dataset.labels
    parts: Sequence[Part | None] = dataset.parts or (None,) * len(dataset)
    first = members[0]
    other = next((place for place in members if labels[place] != labels[first]), None)
    judging = max((PARTS.index(part) for p in members if (part := parts[p])), default=0)
    twin = next(place for place in members if not judging or parts[place] == PARTS[judging])
    for place in members:
        if other is not None:
            its = other if labels[place] == labels[first] else first
            said = f"'{classes[labels[place]]}' here and '{classes[labels[its]]}' there"
            yield place, "contradicting-label", f"{same} {names[its]}, labelled {said}"
        if parts[place] not in (None, parts[twin]):
            yield place, "leak", f"{same} {names[twin]} of the {parts[twin]} part"
        elif other is None and place != twin:
            yield place, "duplicate", f"{same} {names[twin]}"
