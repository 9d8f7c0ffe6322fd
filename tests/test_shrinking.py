import numpy as np
import pytest

from eyespot.data.measurement import measure, thumbnail
from eyespot.data.shrinking import thumbnails

SIDES = [1, 2, 7, 8, 15, 16, 17, 20, 28, 32, 33, 48, 64, 96, 127, 180]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", SIDES)
@pytest.mark.parametrize("height", SIDES)
def test_many_at_once_are_each_to_the_bit(height, width, channels):
    rng = np.random.default_rng(height * 1000 + width)
    images = rng.integers(0, 256, (5, height, width, channels), np.uint8)

    found = thumbnails(images)

    assert found.dtype == np.uint8
    assert np.array_equal(found, [thumbnail(pixels) for pixels in images])


@pytest.mark.parametrize("shape", [(2, 1023, 40, 1), (2, 40, 1023, 3), (2, 40, 1024, 1)])
def test_large_pictures_are_shrunk_as_one_by_one(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    assert np.array_equal(thumbnails(images), [thumbnail(pixels) for pixels in images])


def test_more_than_are_shrunk_at_once_stand_in_their_order():
    images = np.random.default_rng(0).integers(0, 256, (2_000, 28, 28, 1), np.uint8)

    assert np.array_equal(thumbnails(images), [thumbnail(pixels) for pixels in images])
    assert thumbnails(images[:0]).shape == (0, 16, 16)


def test_a_view_of_an_array_is_shrunk_as_its_copy():
    images = np.random.default_rng(0).integers(0, 256, (9, 30, 30, 3), np.uint8)
    view = images[::-2, ::-1, 3:, :]

    assert np.array_equal(thumbnails(view), thumbnails(view.copy()))


def test_a_thumbnail_is_the_one_that_the_check_measures():
    pixels = np.random.default_rng(0).integers(0, 256, (77, 91, 3), np.uint8)

    assert np.array_equal(thumbnail(pixels), measure(pixels).thumb)
