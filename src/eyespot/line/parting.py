"""What each thing on a page is, and where characters that touch are to be parted, by a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyespot.images.page import Blob, Page
from eyespot.images.redrawing import redrawn
from eyespot.images.splitting import Part, parts
from eyespot.models.predict import batch_size
from eyespot.values import Array, InkStyle, Model

# Chosen on pages of MNIST's training digits; see docs/pages.md. Costs are in nats.
_DOUBTED = 0.8  # refusal of a blob that may be several characters
_UNSURE = 0.9  # probability of the answer of a model that cannot refuse, likewise
_WIDE, _WIDE_DOUBTED = 1.2, 0.35  # heights, and refusal of one that is wider, likewise
_WIDEST = 2.0  # heights; whatever is wider may be several
_NARROW = 0.5  # heights; nothing that is narrower is several
_ODD = 4.0  # the cost of refusal, which is 1 where a single character is refused
_STUMP = 8.0  # the cost of a part that is lower than three quarters of all, for each of its heights
_BROAD = 4.0  # the cost of each height of width above 1.1
_CUT = 2.0  # the cost of each height of ink that a cut crosses
_WEIGHT = 0.8  # a part's costs count by its width in heights, but for no less than this
_MARGIN = 1.5  # by which parts are to be better than the whole


@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """One character. probs: float32 (K,). refusal: unknown above 1; None of a model that takes
    whatever it is given."""

    blob: Blob
    probs: Array
    refusal: float | None


def read_blobs(model: Model, style: InkStyle, page: Page) -> list[Read]:
    """Every character of a page, in no order; blobs that are several are parted.

    style: how the model's training set shows characters; each is shown to it in that way.
    """

    def read(blobs: Sequence[Blob]) -> list[Read]:
        return _read(model, style, blobs, page.threshold)

    wholes = read(page.blobs)
    found = [whole for whole in wholes if not _is_doubtful(whole, page.height)]
    doubtful = [whole for whole in wholes if _is_doubtful(whole, page.height)]
    choices = [parts(whole.blob, page.height) for whole in doubtful]
    answers = iter(read([part.blob for own in choices for part in own]))
    for whole, own in zip(doubtful, choices, strict=True):
        found += best_parting(whole, [(part, next(answers)) for part in own], page.height)
    return found


def _is_doubtful(read: Read, height: float) -> bool:
    """Whether it may be several characters."""
    width = read.blob.width / height
    if read.refusal is None:
        return width > _WIDE or (width > _NARROW and float(read.probs.max()) < _UNSURE)
    least = _WIDE_DOUBTED if width > _WIDE else _DOUBTED
    return width > _WIDEST or (width > _NARROW and read.refusal > least)


def best_parting(whole: Read, choices: Sequence[tuple[Part, Read]], height: float) -> list[Read]:
    """The parts, from left to right, that look most like characters together; or the whole.

    height: that of a usual character, in pixels.
    """
    tall = whole.blob.ink.shape[0]
    last = max((part.end for part, _ in choices), default=0)
    best: dict[int, tuple[float, list[Read]]] = {0: (0.0, [])}
    for end in range(1, last + 1):
        ways = [
            (
                best[part.start][0] + _cost(read, tall, height) + _CUT * part.cost,
                [*best[part.start][1], read],
            )
            for part, read in choices
            if part.end == end and part.start in best
        ]
        if ways:
            best[end] = min(ways, key=lambda way: way[0])
    cost, parted = best.get(last, (math.inf, []))
    return parted if parted and cost < _cost(whole, tall, height) - _MARGIN else [whole]


def _cost(read: Read, tall: int, height: float) -> float:
    """How little it looks like one character, and the more the wider it is."""
    own_height, own_width = read.blob.ink.shape
    width = own_width / height
    cost = -math.log(max(float(read.probs.max()), 1e-6))
    cost += _ODD * (read.refusal or 0.0)
    cost += _STUMP * max(0.0, 0.75 - own_height / tall)
    cost += _BROAD * max(0.0, width - 1.1)
    return float(max(width, _WEIGHT) * cost)


def _read(model: Model, style: InkStyle, blobs: Sequence[Blob], threshold: int) -> list[Read]:
    """Drawn on all cores, while the model reads."""
    shape = model.preparation
    found = []
    step = batch_size(shape.size)
    for start in range(0, len(blobs), step):
        some = blobs[start : start + step]
        drawn = [redrawn(blob.ink, threshold, style, shape.size) for blob in some]
        probs_NK, refusals = model.examine(
            np.stack(drawn)[..., np.newaxis].repeat(shape.channels, axis=3)
        )
        for row, blob in enumerate(some):
            refusal = None if refusals is None else float(refusals[row])
            found.append(Read(blob=blob, probs=probs_NK[row], refusal=refusal))
    return found
