"""Characters that touch, parted where a model finds that the parts look more like characters."""

import math
from collections.abc import Sequence

from eyespot.images.splitting import Part, parts
from eyespot.line.readings import ReadBlobs, Reading

# Chosen on pages of MNIST's training digits; see docs/pages.md.
_DOUBTED = 0.8  # refusal of a blob that may be several characters
_WIDE, _WIDE_DOUBTED = 1.2, 0.35  # heights, and refusal of one that is wider, likewise
_WIDEST = 2.0  # heights; whatever is wider may be several
_NARROW = 0.5  # heights; nothing that is narrower is several
_CUT = 2.0  # the cost of each height of ink that a cut crosses, in nats
_MARGIN = 1.5  # by which parts are to be better than the whole, in nats


def parted(readings: Sequence[Reading], read: ReadBlobs, height: float) -> list[Reading]:
    """The readings, those that are several characters cut into them. height: in pixels."""
    found = [whole for whole in readings if not _is_doubtful(whole, height)]
    doubtful = [whole for whole in readings if _is_doubtful(whole, height)]
    choices = [parts(whole.blob, height) for whole in doubtful]
    answers = iter(read([part.blob for own in choices for part in own]))
    for whole, own in zip(doubtful, choices, strict=True):
        found += best_parting(whole, [(part, next(answers)) for part in own], height)
    return found


def _is_doubtful(whole: Reading, height: float) -> bool:
    """Whether it may be several characters."""
    width = whole.blob.width / height
    odd = whole.is_odd(_WIDE_DOUBTED if width > _WIDE else _DOUBTED)
    return width > _WIDEST or (width > _NARROW and odd)


def best_parting(
    whole: Reading, choices: Sequence[tuple[Part, Reading]], height: float
) -> list[Reading]:
    """The parts, from left to right, that look most like characters together; or the whole.

    height: that of a usual character, in pixels.
    """
    tall = whole.blob.ink.shape[0]
    last = max((part.end for part, _ in choices), default=0)
    best: dict[int, tuple[float, list[Reading]]] = {0: (0.0, [])}
    for end in range(1, last + 1):
        ways = [
            (
                best[part.start][0] + reading.cost(tall, height) + _CUT * part.cost,
                [*best[part.start][1], reading],
            )
            for part, reading in choices
            if part.end == end and part.start in best
        ]
        if ways:
            best[end] = min(ways, key=lambda way: way[0])
    cost, found = best.get(last, (math.inf, []))
    return found if found and cost < whole.cost(tall, height) - _MARGIN else [whole]
