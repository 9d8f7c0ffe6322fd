"""Whether an exported model says the same as the one that it was made of. N images, K classes."""

from dataclasses import asdict, dataclass

import numpy as np

from eyespot.errors import ModelError, count
from eyespot.exports.heldout import HeldOut
from eyespot.models.onnx_file import Form
from eyespot.values.arrays import Array
from eyespot.values.model import Model

MOST_DIFFERENCE = 1e-4  # of a probability, for a file in float32
_ROUNDING = 1e-3  # a refusal so near to 1 may fall to either side
_MOST_REFUSALS = 0.02  # of images whose refusal an int8 file may change: what good pictures cost


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What both models said of the same `num` images. how: which these are, in words.

    num_same: with the same label. largest_difference: of a probability. num_same_refused: with the
    same verdict, known or unknown; None where the model never refuses. accuracy_before, accuracy:
    of the original and the export, None where no labels are known.
    """

    num: int
    how: str
    num_same: int
    largest_difference: float
    num_same_refused: int | None
    accuracy_before: float | None
    accuracy: float | None

    @property
    def loss(self) -> float:
        """The accuracy that is lost, in points; without labels, the labels that differ."""
        if self.accuracy is None or self.accuracy_before is None:
            return 100 * (1 - self.num_same / self.num)
        return 100 * (self.accuracy_before - self.accuracy)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def sentences(self) -> list[str]:
        """What a person wants to know, a line each."""
        share = 100 * self.num_same / self.num
        told = [
            f"judged by {count(self.num, 'image')}: {self.how}",
            f"same label: {self.num_same:,} of {self.num:,} ({share:.2f} %)",
            f"largest difference of a probability: {self.largest_difference:.1e}",
        ]
        if self.num_same_refused is not None:
            told.append(f"known or unknown alike: {self.num_same_refused:,} of {self.num:,}")
        if self.accuracy is not None and self.accuracy_before is not None:
            told.append(f"accuracy: {self.accuracy:.4f}, the original {self.accuracy_before:.4f}")
        return told


def compared(original: Model, exported: Model, held: HeldOut) -> Parity:
    """What both say of the same prepared pictures."""
    probs_NK, refusal = original.examine(held.images)
    said_NK, own = exported.examine(held.images)
    labels, said = probs_NK.argmax(axis=1), said_NK.argmax(axis=1)
    return Parity(
        num=len(held),
        how=held.how,
        num_same=int((labels == said).sum()),
        largest_difference=float(np.abs(probs_NK - said_NK).max()),
        num_same_refused=None if refusal is None else _num_alike(refusal, own),
        accuracy_before=None if held.labels is None else float((labels == held.labels).mean()),
        accuracy=None if held.labels is None else float((said == held.labels).mean()),
    )


def check_parity(parity: Parity, form: Form, *, loss: float) -> None:
    """Raises ModelError for an export that does not answer as the original.

    In float32 every label is the same, every verdict, and every probability within 1e-4. In int8
    at most `loss` points of accuracy are lost or, without labels, as many labels differ.
    """
    refused = 0 if parity.num_same_refused is None else parity.num - parity.num_same_refused
    if form == "float32":
        wrong = parity.num - parity.num_same
        if wrong or refused or not parity.largest_difference < MOST_DIFFERENCE:
            raise ModelError(
                f"the export says something else than the model: {wrong:,} other labels and "
                f"{refused:,} other verdicts on {count(parity.num, 'image')} ({parity.how}), "
                f"probabilities up to {parity.largest_difference:.1e} apart; it is not kept, "
                "please report the recipe"
            )
        return
    if parity.loss > loss:
        known = (
            "points of accuracy are lost" if parity.accuracy is not None else "% of labels differ"
        )
        raise ModelError(
            f"in int8 {parity.loss:.2f} {known} on {count(parity.num, 'image')} "
            f"({parity.how}), more than {loss:g}; it is not kept; take --to onnx, or allow more "
            "with --loss"
        )
    if refused > _MOST_REFUSALS * parity.num:
        raise ModelError(
            f"in int8 {refused:,} of {count(parity.num, 'image')} ({parity.how}) are unknown that "
            "were known, or known that were unknown; it is not kept; take --to onnx"
        )


def _num_alike(refusal: Array, own: Array | None) -> int:
    """Verdicts that are the same, or so near to the threshold that rounding decides."""
    if own is None:
        return 0
    near = np.abs(refusal - own) < _ROUNDING
    return int(((refusal > 1) == (own > 1)).sum() + (((refusal > 1) != (own > 1)) & near).sum())
