import numpy as np
import pytest
from PIL import Image, ImageDraw

from eyespot.images.sheet import find_sheet


def picture(*, paper, table, degrees=0.0, size=(800, 600), box=(120, 80, 700, 520)):
    """A sheet with some writing on a table, uint8 (H, W, 1)."""
    sheet = Image.new("L", size, table)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle(box, fill=paper)
    for left in range(box[0] + 60, box[2] - 60, 70):
        draw.ellipse((left, 200, left + 40, 260), outline=255 - paper, width=6)
    turned = sheet.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=table)
    noise = np.random.default_rng(0).normal(0, 4, (*turned.size[::-1], 1))
    return (np.asarray(turned)[..., np.newaxis] + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("degrees", [0, 6, -15])
@pytest.mark.parametrize(("paper", "table"), [(230, 70), (200, 140), (50, 190)])
def test_a_sheet_on_a_table_is_found(paper, table, degrees):
    pixels = picture(paper=paper, table=table, degrees=degrees)

    sheet = find_sheet(pixels)

    found = np.zeros(pixels.shape[:2], bool)
    left, top, right, bottom = sheet.box
    found[top:bottom, left:right] = sheet.inside
    truth = np.zeros((600, 800), np.uint8)
    truth[80:521, 120:701] = 255
    truth = np.asarray(Image.fromarray(truth).rotate(degrees)) > 0
    assert (found & ~truth).sum() < 0.002 * truth.sum()
    assert (found & truth).sum() > 0.9 * truth.sum()


def test_the_table_takes_the_colour_of_the_sheet():
    pixels = picture(paper=230, table=70, degrees=8)
    sheet = find_sheet(pixels)

    flat = sheet.flattened(pixels)

    assert flat.shape[:2] == sheet.inside.shape
    assert np.abs(flat[~sheet.inside].astype(int) - 230).max() <= 2
    left, top, right, bottom = sheet.box
    assert np.array_equal(flat[sheet.inside], pixels[top:bottom, left:right][sheet.inside])


@pytest.mark.parametrize("paper", [30, 128, 230])
def test_a_page_that_fills_the_picture_is_no_sheet(paper):
    assert find_sheet(picture(paper=paper, table=paper)) is None


def test_a_large_ring_of_ink_is_no_sheet():
    image = Image.new("L", (400, 400), 230)
    ImageDraw.Draw(image).ellipse((60, 60, 340, 340), outline=30, width=40)

    assert find_sheet(np.asarray(image)[..., np.newaxis]) is None


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 3), (5, 5, 1)])
def test_tiny_pictures_have_no_sheet(shape):
    assert find_sheet(np.full(shape, 200, np.uint8)) is None
