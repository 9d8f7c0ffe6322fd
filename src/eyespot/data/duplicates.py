"""The same picture twice: pixel for pixel, or once resized or compressed again.

N images, G groups. Groups are tuples of places in the data set, ascending, the first place first.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.data.inventory import Inventory
from eyespot.values import PARTS, Array, Dataset, Issue, Part

# A pair is looked at when 16 of the fingerprints' 64 bits, in one of four places, are equal and
# the pictures are equally bright; it counts when few bits differ and the thumbnails agree.
#
# 7,999 photos of cats-dogs, shrunk to 50-80 % and saved as JPEG of quality 60: all but 0.6 % share
# one of the four words, no brightness moves by more than 0.006, no more than 6 bits differ, 99.5 %
# of the thumbnails correlate by 0.995 or more, and no mean difference is above 4 of 255 levels.
# Different digits of MNIST reach 0.9964, 0.03 % of them more than 0.995; drawn characters 0.9912.
_WORD_BITS = 16
_MOST_BRIGHTNESS = 0.012
_MOST_BITS = 8
_LEAST_CORRELATION = 0.995
_MOST_LEVELS = 6.0

# In a crowd of equal words and brightness, a picture is compared with so many neighbours.
_MOST_NEIGHBOURS = 64
_PAIRS_AT_ONCE = 2**18

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """exact: equal pixels. near: at least two different pictures that look the same; all exact
    copies of its members are members, too."""

    exact: Groups
    near: Groups


def find_duplicates(inventory: Inventory) -> Duplicates:
    """Groups of images that are the same picture; what cannot be decoded is equal to nothing.

    A picture without any contrast has no near duplicates.
    """
    places = np.flatnonzero(inventory.readable)
    first, exact = _equal(inventory.rows["digest"][places])
    unique = places[first == np.arange(len(places))]
    unique = unique[inventory.rows["contrast"][unique] > 0]
    root = np.arange(len(inventory))
    root[places] = places[first]
    pairs = near_pairs(inventory.rows, unique)
    for one, other in pairs.tolist():
        one, other = _root(root, one), _root(root, other)
        root[max(one, other)] = min(one, other)
    members: dict[int, list[int]] = defaultdict(list)
    joined = {_root(root, place) for place in pairs.ravel().tolist()}
    for place in places.tolist() if joined else ():
        if (top := _root(root, place)) in joined:
            members[top].append(place)
    return Duplicates(
        exact=tuple(tuple(places[group].tolist()) for group in exact),
        near=tuple(map(tuple, members.values())),
    )


def _equal(digests: Array) -> tuple[Array, list[Array]]:
    """The first place of each one's equals, int64 (N,), and every group of two or more."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: places ascend in a group
    same = (digests[order][1:] == digests[order][:-1]).all(axis=1)
    starts = np.flatnonzero(np.concatenate([[True], ~same]))[: len(order)]
    ends = np.append(starts[1:], len(order))
    first = np.empty(len(order), np.int64)
    first[order] = np.repeat(order[starts], ends - starts)
    large = np.flatnonzero(ends - starts > 1)
    groups = [order[starts[i] : ends[i]] for i in large.tolist()]
    return first, sorted(groups, key=lambda group: int(group[0]))


def _root(root: Array, place: int) -> int:
    """The smallest place that this one is joined with."""
    while (above := int(root[place])) != place:
        root[place] = root[above]
        place = above
    return place


def near_pairs(rows: Array, places: Array) -> Array:
    """int64 (P, 2): pairs among these places that look the same; equal ones must be out already.

    One sort for each of four words of the fingerprint, and by brightness within it; then each row
    is compared with those behind it while the word is the same and the brightness near. The time is
    N log N and the number of such neighbours, which a crowd cannot drive above 4 x 64 N.
    """
    thumbs, prints = rows["thumb"], rows["fingerprint"][places]
    brightness = rows["brightness"][places]
    found = [np.zeros((0, 2), np.int64)]
    for word in range(64 // _WORD_BITS):
        words = (prints >> np.uint64(_WORD_BITS * word)).astype(np.uint16)
        order = np.lexsort((brightness, words))
        for one, other in _neighbours(words[order], brightness[order]):
            one, other = order[one], order[other]
            few = np.bitwise_count(prints[one] ^ prints[other]) <= _MOST_BITS
            pairs = np.stack([places[one[few]], places[other[few]]], axis=1)
            for start in range(0, len(pairs), _PAIRS_AT_ONCE):
                part = pairs[start : start + _PAIRS_AT_ONCE]
                found.append(part[_alike(thumbs[part[:, 0]], thumbs[part[:, 1]])])
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


def _neighbours(words: Array, brightness: Array) -> Iterator[tuple[Array, Array]]:
    """Pairs of places with the same word and nearly the same brightness, both sorted by these."""
    here = np.arange(len(words))
    for distance in range(1, _MOST_NEIGHBOURS + 1):
        here = here[: np.searchsorted(here, len(words) - distance)]
        there = here + distance
        near = words[here] == words[there]
        near &= brightness[there] - brightness[here] <= _MOST_BRIGHTNESS
        here = here[near]  # what is too far at this distance is so at every larger one
        if not len(here):
            return
        yield here, here + distance


def _alike(first: Array, second: Array) -> Array:
    """bool (P,): whether thumbnails, uint8 (P, S, S), show the same."""
    num = len(first)
    levels = np.maximum(first, second) - np.minimum(first, second)
    alike: Array = levels.reshape(num, -1).mean(axis=1) <= _MOST_LEVELS
    one = first[alike].reshape(-1, first[0].size).astype(np.float32)
    other = second[alike].reshape(one.shape).astype(np.float32)
    one -= one.mean(axis=1, keepdims=True)
    other -= other.mean(axis=1, keepdims=True)
    norms = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    alike[alike] = ((one * other).sum(axis=1) >= _LEAST_CORRELATION * norms) & (norms > 0)
    return alike


def duplicate_issues(dataset: Dataset, duplicates: Duplicates) -> Iterator[Issue]:
    """What duplicates mean: contradicting labels, a leak from part to part, or just a copy.

    A contradiction is told of every image of the group. A leak is told of the copy that has to go
    for the other part to judge honestly: of train and valid before test, of train before valid.
    What was told of an exact copy is not told again of a near one.
    """
    told: set[int] = set()
    for groups, exact in ((duplicates.exact, True), (duplicates.near, False)):
        for members in groups:
            for place, kind, detail in _of_group(dataset, members, exact=exact):
                if place not in told:
                    told.add(place)
                    name, score = dataset.names[place], 1.0 if exact else 0.9
                    yield Issue(kind=kind, name=name, detail=detail, score=score)


def _of_group(
    dataset: Dataset, members: Sequence[int], *, exact: bool
) -> Iterator[tuple[int, str, str]]:
    """The place, kind and detail of each image that something is to be said about."""
    same, prefix = ("the same picture as", "") if exact else ("looks the same as", "near-")
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
            detail = f"{same} {names[its]}, labelled {said}"
            yield place, f"{prefix}contradicting-label", detail
        elif parts[place] not in (None, parts[twin]):
            detail = f"{same} {names[twin]} of the {parts[twin]} part"
            yield place, f"{prefix}leak", detail
        elif place != twin:
            yield place, f"{prefix}duplicate", f"{same} {names[twin]}"
