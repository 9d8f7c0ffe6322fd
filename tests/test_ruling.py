import numpy as np
import pytest
from PIL import Image

from eyespot.images.ruling import without_rules

STROKES = np.zeros((400, 600), bool)
for left in range(60, 540, 60):
    STROKES[90:150, left : left + 8] = True  # crosses a line
    STROKES[205:213, left : left + 35] = True  # beside one
    STROKES[290:296, left : left + 40] = True  # along one


def ruled(*, vertical, step=50, thick=2):
    rules = np.zeros((400, 600), bool)
    for place in range(20, 600, step):
        rules[place : place + thick] = True
        if vertical:
            rules[:, place + 10 : place + 10 + thick] = True
    return rules


def turned(mask, degrees):
    image = Image.fromarray(255 * mask.astype(np.uint8))
    return np.asarray(image.rotate(degrees, Image.Resampling.BILINEAR)) > 127


@pytest.mark.parametrize("degrees", [0, 1.2, -4, 8])
@pytest.mark.parametrize("vertical", [False, True])
def test_rules_go_and_writing_stays(vertical, degrees):
    rules, strokes = turned(ruled(vertical=vertical), degrees), turned(STROKES, degrees)

    found = without_rules(rules | strokes)

    inside = (slice(60, -60), slice(60, -60))
    assert (found & ~strokes)[inside].sum() < 0.06 * (rules & ~strokes)[inside].sum()
    assert (found & strokes)[inside].sum() > 0.97 * strokes[inside].sum()


def test_a_page_without_rules_keeps_every_pixel():
    assert np.array_equal(without_rules(STROKES), STROKES)


def test_an_underline_goes():
    mask = STROKES.copy()
    mask[160:163, 50:560] = True

    assert np.array_equal(without_rules(mask), STROKES)


def test_an_empty_or_tiny_mask_is_left_as_it_is():
    for shape in ((50, 50), (1, 1), (3, 200)):
        assert not without_rules(np.zeros(shape, bool)).any()
