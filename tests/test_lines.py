import numpy as np
import pytest

from eyespot.images.lines import lines_of, page_slope, words_of


def boxes_at(places, *, width=30, height=50):
    """A box of this size with its middle at each (x, y)."""
    half = np.array([width, height]) / 2
    middles = np.array(places, float)
    return np.concatenate([middles - half, middles + half], axis=1).round().astype(np.int64)


def grid(rows, columns, *, slope=0.0, wave=0.0, pitch=100, step=45):
    """The middles of rows of characters, row by row."""
    return [
        (x := 60 + step * column, 60 + pitch * row + slope * x + wave * np.sin(x / 150))
        for row in range(rows)
        for column in range(columns)
    ]


@pytest.mark.parametrize(
    "form", [{}, {"slope": 0.2}, {"slope": -0.15}, {"wave": 18}, {"slope": 0.1, "wave": 12}]
)
def test_lines_are_found_however_they_run(form):
    boxes = boxes_at(grid(5, 20, **form))
    shuffled = np.random.default_rng(0).permutation(len(boxes))

    lines = lines_of(boxes[shuffled], 50)

    assert [shuffled[line].tolist() for line in lines] == np.arange(100).reshape(5, 20).tolist()


def test_low_and_small_characters_stay_on_their_line():
    boxes = boxes_at(grid(2, 6))
    boxes[2, 1] += 30  # an a among ls
    boxes[4, 1] += 25  # a p
    boxes[4, 3] += 15

    assert lines_of(boxes, 50) == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_columns_are_read_row_by_row():
    boxes = boxes_at([(x, y) for y in (60, 160) for x in (60, 105, 500, 900, 945)])
    lines = lines_of(boxes, 50)

    assert words_of(boxes, lines, 50) == [[[0, 1], [2], [3, 4]], [[5, 6], [7], [8, 9]]]


@pytest.mark.parametrize("space", [28, 45, 120])
def test_words_end_where_gaps_are_wide_among_all_gaps(space):
    places, x = [], 0.0
    for size in (3, 1, 4, 2, 3):
        for _ in range(size):
            places.append((x, 60))
            x += 30 + 6
        x += space - 6
    boxes = boxes_at(places)

    (words,) = words_of(boxes, lines_of(boxes, 50), 50)

    assert [len(word) for word in words] == [3, 1, 4, 2, 3]


def test_one_word_is_not_cut():
    boxes = boxes_at(grid(1, 9, step=42))

    assert words_of(boxes, lines_of(boxes, 50), 50) == [[list(range(9))]]


def test_the_slope_is_that_of_the_lines():
    assert page_slope(boxes_at(grid(4, 12, slope=0.12)), 50) == pytest.approx(0.12, abs=0.02)


def test_nothing_has_no_lines():
    nothing = np.empty((0, 4), np.int64)

    assert lines_of(nothing, 50) == []
    assert words_of(nothing, [], 50) == []
