"""What is written, whatever it is written on."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from eyespot.images.paper import closing, otsu, read_paper, reduced

SIDE = 96


def written(paper=230, ink=30, *, size=(SIDE, SIDE), channels=1):
    """A cross of strokes, 5 pixels wide, on even paper; its mask."""
    height, width = size
    mask = np.zeros((height, width), bool)
    mask[height // 4 : -height // 4, width // 2 - 2 : width // 2 + 3] = True
    mask[height // 2 - 2 : height // 2 + 3, width // 4 : -width // 4] = True
    page = np.empty((height, width, channels), np.uint8)
    page[:] = paper
    page[mask] = ink
    return page, mask


def found(pixels, **options):
    paper = read_paper(pixels, **options)
    return paper.ink > paper.threshold


@pytest.mark.parametrize(("paper", "ink"), [(230, 30), (20, 240), (120, 90), (0, 255), (200, 255)])
def test_dark_on_light_and_light_on_dark_are_the_same_ink(paper, ink):
    page, mask = written(paper, ink)

    assert np.array_equal(found(page), mask)
    assert read_paper(page).ink[mask].min() == 255
    assert read_paper(page).ink[~mask].max() == 0


@pytest.mark.parametrize(
    ("paper", "ink"),
    [
        ((40, 160, 60), (200, 80, 60)),  # as bright as each other in grey
        ((250, 220, 60), (30, 60, 180)),
        ((30, 40, 120), (250, 250, 240)),
        ((240, 240, 240), (240, 200, 60)),
    ],
)
def test_coloured_ink_is_found_on_coloured_paper(paper, ink):
    page, mask = written(paper, ink, channels=3)

    assert np.array_equal(found(page), mask)


def test_equal_channels_are_one_grey_channel():
    page, _ = written()

    assert np.array_equal(read_paper(page).ink, read_paper(page.repeat(3, axis=2)).ink)


@pytest.mark.parametrize("turns", range(4))
def test_a_shadow_across_the_paper_is_no_ink(turns):
    page, mask = written()
    light = np.where(np.arange(SIDE) < 40, 0.45, 1.0)[np.newaxis, :, np.newaxis]
    page = np.rot90(page * light, turns).astype(np.uint8)

    assert np.array_equal(found(np.ascontiguousarray(page)), np.rot90(mask, turns))


def test_uneven_light_is_no_ink():
    page, mask = written()
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    page = page * (0.35 + 0.65 * (rows + columns)[..., np.newaxis] / 2)

    assert np.mean(found(page.astype(np.uint8)) != mask) < 0.002


@pytest.mark.parametrize("shadow", [False, True])
def test_a_stroke_along_one_side_is_ink_if_asked_for(shadow):
    page = np.full((SIDE, 60, 1), 220, np.uint8)
    page[8:-8, :7] = 40
    if shadow:
        page[:, 40:] -= 60

    ink = found(page, sides=True)
    assert np.array_equal(np.flatnonzero(ink.any(axis=0)), np.arange(7))


def test_noise_stays_below_the_threshold():
    page, mask = written(180, 90)
    noisy = np.clip(page + np.random.default_rng(0).normal(0, 8, page.shape), 0, 255)

    ink = found(noisy.astype(np.uint8))

    assert ink[mask].mean() > 0.97
    assert ink[~mask].mean() < 0.01


def test_an_empty_page_has_no_contrast():
    page = np.full((SIDE, SIDE, 3), (200, 190, 180), np.uint8)

    paper = read_paper(page)

    assert paper.contrast == 0
    assert not (paper.ink > paper.threshold).any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 3), (40, 2, 1), (5, 5, 3)])
def test_the_smallest_pictures_are_read(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)

    assert read_paper(pixels).ink.shape == shape[:2]


def test_large_pictures_are_read_at_a_whole_fraction():
    page, _ = written(size=(900, 1500))

    paper = read_paper(page, longest=400)

    assert (paper.reduction, paper.ink.shape) == (4, (225, 375))


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 7])
def test_reducing_keeps_to_its_formula(factor):
    pixels = np.random.default_rng(0).integers(0, 256, (factor * 5 + 1, factor * 6)).astype(int)
    small, used = reduced(pixels.astype(np.uint8)[..., np.newaxis], longest=6)
    expected = np.empty_like(small[..., 0])
    for row in range(len(small)):
        for column in range(small.shape[1]):
            top, left = row * factor, column * factor
            box = pixels[top : top + factor, left : left + factor]
            expected[row, column] = ((box.sum() + box.size // 2) * (2**24 // box.size)) >> 24

    assert used == factor
    assert np.array_equal(small[..., 0], expected)


@pytest.mark.parametrize("window", [3, 5, 8, 13])
def test_closing_is_the_largest_then_the_smallest_of_a_window(window):
    values = np.random.default_rng(0).integers(0, 256, (40, 33)).astype(np.uint8)
    slow = values
    for function in (np.max, np.min):
        views = np.lib.stride_tricks.sliding_window_view(slow, (window, window))
        slow = function(views, axis=(2, 3))

    assert np.array_equal(closing(values, window), slow)


def test_otsu_parts_two_heaps_between_them():
    counts = np.bincount([20, 21, 22] * 50 + [180, 185] * 10, minlength=256)

    assert 22 <= otsu(counts) < 180
    assert otsu(np.bincount([7] * 5, minlength=256)) == 0


def test_a_drawn_ring_keeps_its_hole():
    image = Image.new("L", (200, 200), 250)
    ImageDraw.Draw(image).ellipse((60, 40, 140, 160), outline=20, width=3)

    ink = found(np.asarray(image)[..., np.newaxis])

    assert not ink[100, 100]
    assert ink[100, 61]
