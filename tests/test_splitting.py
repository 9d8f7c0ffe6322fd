import numpy as np
from PIL import Image, ImageDraw

from eyespot.images.page import Blob
from eyespot.images.splitting import cuts, parts


def rings(*middles, radius=25, height=60, filled=False):
    """Rings or discs around these places of a row, as one blob."""
    width = max(middles) + radius + 3
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for middle in middles:
        draw.ellipse(
            (middle - radius, 4, middle + radius, 4 + 2 * radius),
            outline=255,
            width=50 if filled else 6,
        )
    return Blob(box=(10, 20, 10 + width, 20 + height), ink=np.asarray(image))


def test_the_cheapest_cut_runs_between_two_that_touch():
    blob = rings(28, 76, filled=True)

    cheapest = min(cuts(blob, 50), key=lambda one: one.cost)

    assert abs(cheapest.columns[20:40].mean() - 52) < 2
    assert cheapest.cost < 0.4


def test_cuts_go_from_left_to_right_with_ink_between_them():
    blob = rings(28, 76, 124)

    found = cuts(blob, 50)

    ink = [
        float(np.where(np.arange(blob.width) < one.columns[:, None], blob.ink, 0).sum())
        for one in found
    ]
    assert ink == sorted(ink)
    assert min(np.diff([0, *ink, float(blob.ink.sum())])) > 0.04 * blob.ink.sum()


def test_parts_in_a_row_share_all_ink_between_them():
    blob = rings(28, 76)
    found = parts(blob, 50)
    last = max(part.end for part in found)

    for left in (part for part in found if part.start == 0):
        for right in (part for part in found if (part.start, part.end) == (left.end, last)):
            total = int(left.blob.ink.sum()) + int(right.blob.ink.sum())
            assert total == int(blob.ink.sum())


def test_a_part_knows_where_it_is():
    blob = rings(28, 76)

    for part in parts(blob, 50):
        left, top, right, bottom = part.blob.box
        x, y = blob.box[:2]
        own = blob.ink[top - y : bottom - y, left - x : right - x]
        assert own.shape == part.blob.ink.shape
        assert (part.blob.ink <= own).all()
        assert part.blob.ink.max(axis=0).all() or part.blob.ink.any()


def test_a_narrow_stroke_has_no_parts():
    ink = np.full((50, 5), 255, np.uint8)

    assert parts(Blob(box=(0, 0, 5, 50), ink=ink), 50) == []
