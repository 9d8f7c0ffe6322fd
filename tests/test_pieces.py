import numpy as np
import pytest

from eyespot.images.pieces import find_pieces


def flooded(mask):
    """The obvious way: pixel by pixel, numbered in the order of first pixels."""
    numbers, num = np.zeros(mask.shape, np.int32), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if numbers[start]:
            continue
        num, waiting = num + 1, [start]
        while waiting:
            y, x = waiting.pop()
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x]:
                if not numbers[y, x]:
                    numbers[y, x] = num
                    waiting += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return numbers


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6])
def test_pieces_are_those_of_a_flood_fill(share):
    mask = np.random.default_rng(3).random((40, 31)) < share

    found = find_pieces(mask)

    assert np.array_equal(found.numbers, flooded(mask))


def test_boxes_and_areas_are_those_of_the_pixels():
    mask = np.random.default_rng(4).random((25, 60)) < 0.3

    found = find_pieces(mask)

    for number, (box, area) in enumerate(zip(found.boxes, found.areas, strict=True), start=1):
        rows, columns = np.nonzero(found.numbers == number)
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert area == len(rows)


def test_pieces_touch_by_a_corner_but_not_around_the_edge():
    mask = np.array([[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 1]], bool)

    assert find_pieces(mask).numbers.tolist() == [
        [0, 1, 0, 2],
        [1, 0, 0, 0],
        [0, 0, 0, 3],
        [4, 0, 0, 3],
    ]


def test_a_long_spiral_is_one_piece():
    mask = np.zeros((201, 201), bool)
    for ring in range(0, 100, 4):
        mask[ring, ring : 201 - ring] = mask[ring : 201 - ring, 200 - ring] = True
        mask[200 - ring, ring : 201 - ring] = mask[ring + 2 : 201 - ring, ring] = True
        mask[ring + 2, ring : ring + 5] = mask[ring + 2 : ring + 5, ring + 4] = True

    assert len(find_pieces(mask)) == 1


def test_an_empty_mask_has_no_pieces():
    found = find_pieces(np.zeros((5, 7), bool))

    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
