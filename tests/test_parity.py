"""An export is held against its original, and refused where it says something else."""

from dataclasses import replace

import numpy as np
import pytest

from eyespot.errors import ModelError
from eyespot.exports.heldout import HeldOut
from eyespot.exports.parity import Parity, check_parity, compared
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

SHAPE = Preparation(size=4, channels=1, fit="pad", mean=(0.5,), std=(0.2,))


class Says:
    """A model that says what it is told to."""

    classes = ("a", "b")
    preparation = SHAPE
    scores = None

    def __init__(self, probs: list[float], refusal: list[float] | None = None) -> None:
        first = np.array(probs, np.float32)
        self.probs = np.stack([first, 1 - first], axis=1)
        self.refusal = None if refusal is None else np.array(refusal, np.float32)

    def probabilities(self, images: Array) -> Array:
        return self.probs

    def examine(self, images: Array) -> tuple[Array, Array | None]:
        return self.probs, self.refusal


def held(num: int, labels: list[int] | None = None) -> HeldOut:
    images = np.zeros((num, 4, 4, 1), np.uint8)
    known = None if labels is None else np.array(labels, np.int64)
    return HeldOut(sources=images, images=images, labels=known, how="some", calibrating=images)


PARITY = Parity(
    num=1000,
    how="the run's test part",
    num_same=1000,
    largest_difference=2e-7,
    num_same_refused=1000,
    accuracy_before=0.95,
    accuracy=0.95,
)


def test_everything_that_differs_is_counted():
    before = Says([0.9, 0.6, 0.2, 0.1], [0.5, 1.5, 0.9996, 3.0])
    after = Says([0.8, 0.4, 0.2, 0.1], [0.5, 0.5, 1.0004, 3.0])

    parity = compared(before, after, held(4, [0, 0, 1, 0]))

    assert parity.num_same == 3
    assert parity.largest_difference == pytest.approx(0.2)
    assert parity.num_same_refused == 3  # one of the two is only rounded across the threshold
    assert (parity.accuracy_before, parity.accuracy) == (0.75, 0.5)
    assert parity.loss == 25


def test_without_labels_those_that_differ_are_lost():
    parity = compared(Says([0.9, 0.6]), Says([0.9, 0.4]), held(2))

    assert parity.accuracy is None and parity.num_same_refused is None
    assert parity.loss == 50
    assert len(parity.sentences()) == 3


def test_an_export_that_forgot_to_refuse_differs_everywhere():
    assert compared(Says([0.9], [0.5]), Says([0.9]), held(1)).num_same_refused == 0


def test_what_agrees_is_kept():
    check_parity(PARITY, "float32", loss=0)
    check_parity(PARITY, "int8", loss=0)
    check_parity(replace(PARITY, num_same=990, largest_difference=0.4), "int8", loss=0)


@pytest.mark.parametrize(
    "parity",
    [
        replace(PARITY, num_same=999),
        replace(PARITY, largest_difference=1e-4),
        replace(PARITY, largest_difference=float("nan")),
        replace(PARITY, num_same_refused=999),
    ],
)
def test_a_file_in_float32_has_to_say_the_same(parity):
    with pytest.raises(ModelError, match="the export says something else than the model: "):
        check_parity(parity, "float32", loss=0.5)


def test_int8_may_lose_what_is_allowed_and_no_more():
    parity = replace(PARITY, accuracy=0.9449)

    check_parity(parity, "int8", loss=0.52)
    with pytest.raises(ModelError) as error:
        check_parity(parity, "int8", loss=0.5)

    assert str(error.value) == (
        "in int8 0.51 points of accuracy are lost on 1,000 images (the run's test part), more than "
        "0.5; it is not kept; take --to onnx, or allow more with --loss"
    )


def test_int8_without_labels_may_change_as_many():
    parity = replace(PARITY, accuracy=None, accuracy_before=None, num_same=994)

    check_parity(parity, "int8", loss=0.7)
    with pytest.raises(ModelError, match=r"in int8 0.60 % of labels differ on 1,000 images"):
        check_parity(parity, "int8", loss=0.5)


def test_int8_that_refuses_others_is_not_kept():
    with pytest.raises(ModelError, match="in int8 30 of 1,000 images .* are unknown that were"):
        check_parity(replace(PARITY, num_same_refused=970), "int8", loss=0.5)
