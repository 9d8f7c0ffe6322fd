"""How much of a page that was made was read, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass

from eyespot.line.transcribing import Transcript
from made_pages import MadePage

Box = Sequence[float]  # left, top, width, height

_OVERLAP = 0.5  # of two boxes, as a share of what both cover, that makes them one digit's


@dataclass(frozen=True, kw_only=True)
class Score:
    """Counts of digits. found: a box is where the digit is, read or refused. right: also read as
    what it is, and not refused. refused: found, and called unknown. extra: boxes where no digit is.
    pages, ordered: how many, and those whose digits come in the order in which they stand. lines,
    same_lines: how many, and those whose text is the same to the last space.
    """

    digits: int = 0
    found: int = 0
    right: int = 0
    refused: int = 0
    extra: int = 0
    pages: int = 0
    ordered: int = 0
    lines: int = 0
    same_lines: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def page_score(page: MadePage, read: Transcript) -> Score:
    """What was read, held against what is written."""
    pairs = sorted(
        (
            (share, true, own)
            for true, truth in enumerate(page.truths)
            for own, one in enumerate(read.characters)
            if (share := _overlap(truth.box, one.box)) >= _OVERLAP
        ),
        reverse=True,
    )
    place_of: dict[int, int] = {}
    for _, true, own in pairs:
        if true not in place_of and own not in place_of.values():
            place_of[true] = own
    found = {true: read.characters[own] for true, own in place_of.items()}
    places = [place_of[true] for true in sorted(place_of)]
    lines = page.text.split("\n")
    return Score(
        digits=len(page.truths),
        found=len(found),
        right=sum(
            one.label == page.truths[true].label and not one.unknown for true, one in found.items()
        ),
        refused=sum(one.unknown for one in found.values()),
        extra=len(read.characters) - len(found),
        pages=1,
        ordered=int(places == sorted(places)),
        lines=len(lines),
        same_lines=sum(line in read.text.split("\n") for line in lines),
    )


def _overlap(first: Box, second: Box) -> float:
    sides = []
    for axis in (0, 1):
        low = max(first[axis], second[axis])
        high = min(first[axis] + first[axis + 2], second[axis] + second[axis + 2])
        sides.append(max(0.0, high - low))
    both = sides[0] * sides[1]
    return both / (first[2] * first[3] + second[2] * second[3] - both)
