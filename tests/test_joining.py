import numpy as np
import pytest

from eyespot.images.joining import joined, usual_height
from eyespot.images.pieces import find_pieces

SHAPE = (300, 500)


def page(*boxes):
    """A mask with a filled box for each left, top, width, height."""
    mask = np.zeros(SHAPE, bool)
    for left, top, width, height in boxes:
        mask[top : top + height, left : left + width] = True
    return mask


def groups(*boxes, height=50):
    """Which of the boxes, by their order, each character consists of."""
    pieces = find_pieces(page(*boxes))
    number = [pieces.numbers[top, left] - 1 for left, top, _, _ in boxes]
    return sorted(
        sorted(number.index(piece) for piece in group) for group in joined(pieces, height, SHAPE)
    )


def test_whole_characters_stay_apart():
    assert groups((50, 50, 30, 50), (85, 50, 10, 50), (100, 55, 30, 45)) == [[0], [1], [2]]


def test_a_dot_belongs_to_the_letter_below():
    assert groups((50, 70, 10, 32), (51, 52, 9, 8), (75, 50, 30, 50)) == [[0, 1], [2]]


def test_two_bars_are_one_sign():
    assert groups((50, 60, 30, 6), (50, 80, 30, 6), (100, 50, 30, 50)) == [[0, 1], [2]]


def test_a_percent_sign_is_one():
    assert groups((62, 50, 8, 50), (50, 50, 15, 15), (68, 85, 15, 15), (120, 50, 30, 50)) == [
        [0, 1, 2],
        [3],
    ] or groups((62, 50, 8, 50), (52, 50, 9, 15), (71, 85, 9, 15)) == [[0, 1, 2]]


def test_a_broken_stroke_is_joined():
    assert groups((50, 50, 8, 50), (60, 70, 20, 8), (120, 50, 30, 50)) == [[0, 1], [2]]


def test_a_dot_in_the_line_above_is_left_there():
    assert groups((50, 110, 30, 50), (60, 40, 8, 8)) == [[0]]


@pytest.mark.parametrize("speck", [(200, 100, 3, 3), (200, 100, 12, 12), (60, 46, 2, 2)])
def test_dirt_is_left_out(speck):
    assert groups((50, 50, 30, 50), speck) == [[0]]


@pytest.mark.parametrize(
    "edge", [(0, 0, 500, 20), (0, 0, 15, 300), (420, 200, 80, 100), (100, 20, 250, 230)]
)
def test_edges_fingers_and_frames_are_left_out(edge):
    assert groups((50, 50, 30, 50), edge)[0] == [0]
    assert len(groups((50, 50, 30, 50), edge)) == 1


def test_the_usual_height_is_that_of_most_ink():
    boxes = [(20 + 40 * place, 50, 25, 48 + place % 3) for place in range(10)]
    dirt = [(place, 200 + place % 7, 2, 2) for place in range(10, 480, 5)]

    assert usual_height(find_pieces(page(*boxes, *dirt, (0, 270, 500, 30))), SHAPE) == 49


def test_nothing_has_no_usual_height():
    assert usual_height(find_pieces(page()), SHAPE) is None


def test_grain_is_no_writing():
    mask = np.random.default_rng(0).random((1500, 1500)) < 0.08
    pieces = find_pieces(mask)

    assert len(pieces) > 50_000
    assert usual_height(pieces, mask.shape) is None
    assert len(joined(pieces, 12, mask.shape)) < len(pieces)
