"""Which thumbnails look the same, without comparing each with every other.

N thumbnails, S their side, P pairs.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eyespot.data.measurement import fingerprints
from eyespot.values.arrays import Array

# A pair is looked at when 16 of the fingerprints' 64 bits, in one of four places, are equal and
# the thumbnails are equally bright; it counts when few bits differ and the thumbnails agree.
#
# 7,999 photos of cats-dogs, shrunk to 50-80 % and saved as JPEG of quality 60: all but 0.6 % share
# one of the four words, no brightness moves by more than 0.006, no more than 6 bits differ, 99.5 %
# of the thumbnails correlate by 0.995 or more, and no mean difference is above 4 of 255 levels.
#
# Different digits of MNIST, all of them a 1, correlate by up to 0.9968, because most of each is the
# same empty ground. So the levels are compared where one of two has ink: there, pairs that
# correlate by 0.99 differ by 7.5 levels or more (498 pairs), 1,000 photos and their copies by 4.3
# at most, and 2,000 digits and their JPEG copies by 5.4 (median, quality 60) or 3.4 (quality 75).
_WORD_BITS = 16
NUM_BANDS = 64 // _WORD_BITS
_MOST_BRIGHTNESS = 0.012
_MOST_BITS = 8
_LEAST_CORRELATION = 0.995
_MOST_LEVELS = 6.0
_GROUND_LEVELS = 16  # from the median of a thumbnail; what is farther away is ink

# In a crowd of equal words and brightness, a picture is compared with so many neighbours.
_MOST_NEIGHBOURS = 64
_PAIRS_AT_ONCE = 2**16


def near_pairs(thumbs: Array) -> Array:
    """int64 (P, 2): pairs that look the same, of thumbnails of different pictures, (N, S, S).

    One sort for each of four words of the fingerprint, and by brightness within it; then each row
    is compared with those behind it while the word is the same and the brightness near. The time is
    N log N and the number of such neighbours, which a crowd cannot drive above 4 x 64 N.
    """
    num = len(thumbs)
    looks, here = looks_of(thumbs), np.arange(num)
    found = [pairs_in_band(words_of(looks.prints, band), here, looks) for band in range(NUM_BANDS)]
    codes = np.concatenate(found) @ np.array([max(num, 1), 1])
    return np.stack(np.divmod(np.unique(codes), max(num, 1)), axis=1)


class Looks(NamedTuple):
    """What is compared of N pictures. blocks: int16 (N, 16), sums of 4 x 4 pixels of the
    thumbnails, uint8 (N, S, S)."""

    prints: Array
    brightness: Array
    blocks: Array
    thumbs: Array


def looks_of(thumbs: Array) -> Looks:
    """thumbs: uint8 (N, S, S)."""
    num = len(thumbs)
    blocks = thumbs.reshape(num, 4, 4, 4, 4).sum(axis=(2, 4), dtype=np.int16).reshape(num, 16)
    brightness = blocks.mean(axis=1, dtype=np.float32) / (16 * 255)
    return Looks(fingerprints(thumbs), brightness, blocks, thumbs)


def words_of(prints: Array, band: int) -> Array:
    """uint16 (N,): one of the words of each fingerprint, uint64 (N,)."""
    words: Array = (prints >> np.uint64(_WORD_BITS * band)).astype(np.uint16)
    return words


def pairs_in_band(words: Array, places: Array, looks: Looks) -> Array:
    """int64 (P, 2): pairs of places, the smaller first, that look the same and share their word.

    words: (N,); of whichever images are here, but of all with the same word. places: int64 (N,),
    ascending.
    """
    prints, brightness, blocks, thumbs = looks
    found = [np.zeros((0, 2), np.int64)]
    order = np.lexsort((brightness, words))
    ordered = prints[order]
    for one, other in _neighbours(words[order], brightness[order]):
        few = np.bitwise_count(ordered[one] ^ ordered[other]) <= _MOST_BITS
        first, second = order[one[few]], order[other[few]]
        # Blocks differ by no more than their pixels do, and are compared in less time.
        near = np.abs(blocks[first] - blocks[second]).sum(axis=1) <= _MOST_LEVELS * 256
        both = np.sort(np.stack([first[near], second[near]], axis=1), axis=1)
        for start in range(0, len(both), _PAIRS_AT_ONCE):
            part = both[start : start + _PAIRS_AT_ONCE]
            found.append(places[part[_alike(thumbs[part[:, 0]], thumbs[part[:, 1]])]])
    return np.concatenate(found)


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
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    levels = np.maximum(first, second) - np.minimum(first, second)
    alike: Array = levels.sum(axis=1, dtype=np.int32) <= _MOST_LEVELS * levels.shape[1]
    alike[alike] = _correlated(first[alike], second[alike])
    ink = _ink(first[alike]) | _ink(second[alike])
    inked = (levels[alike] * ink).sum(axis=1)
    alike[alike] = inked <= _MOST_LEVELS * ink.sum(axis=1)
    return alike


def _correlated(first: Array, second: Array) -> Array:
    one, other = first.astype(np.float32), second.astype(np.float32)
    one -= one.mean(axis=1, keepdims=True)
    other -= other.mean(axis=1, keepdims=True)
    norms = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    correlated: Array = (one * other).sum(axis=1) >= _LEAST_CORRELATION * norms
    return correlated


def _ink(flat: Array) -> Array:
    """bool (P, S * S): what is not of a thumbnail's ground; all of one that is hardly more."""
    ground = np.median(flat, axis=1, keepdims=True)
    ink: Array = np.abs(flat - ground) > _GROUND_LEVELS
    ink[~ink.any(axis=1)] = True
    return ink
