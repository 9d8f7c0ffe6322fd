"""Heat maps as pictures."""

import itertools

import numpy as np
import pytest

from eyespot.evaluation.heat import as_bytes, overlaid, scaled, side_by_side, spread


def picture(size=6, channels=3):
    return np.random.default_rng(0).integers(0, 256, (size, size, channels), np.uint8)


def test_the_hottest_place_is_1_and_no_heat_stays_none():
    heats = np.array([[[0, 2], [4, 1]], [[0, 0], [0, 0]]], np.float32)

    assert scaled(heats).tolist() == [[[0, 0.5], [1, 0.25]], [[0, 0], [0, 0]]]
    assert as_bytes(scaled(heats)).tolist() == [[[0, 128], [255, 64]], [[0, 0], [0, 0]]]


def test_a_map_is_spread_over_its_pixels_linearly():
    maps = np.array([[[0, 8], [0, 8]]], np.float32)

    found = spread(maps, 8, offset=1.5, stride=4)

    assert found[0].tolist() == [[0, 0, 1, 3, 5, 7, 8, 8]] * 8
    assert np.array_equal(spread(maps.transpose(0, 2, 1), 8, offset=1.5, stride=4)[0], found[0].T)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_heat_the_picture_is_grey_and_as_bright(channels):
    image = picture(channels=channels)

    found = overlaid(image, np.zeros((6, 6), np.uint8))

    assert found.shape == (6, 6, 3)
    assert found.dtype == np.uint8
    assert (found == found[..., :1]).all()
    luma = (image @ [0.299, 0.587, 0.114] if channels == 3 else image[..., 0]).ravel()
    assert (np.diff(found[..., 0].ravel()[np.argsort(luma)].astype(int)) >= 0).all()


def test_grey_and_colour_pictures_of_the_same_look_the_same():
    grey, heat = picture(channels=1), picture(channels=1)[..., 0]

    assert np.allclose(overlaid(grey, heat), overlaid(grey.repeat(3, axis=2), heat), atol=1)


# What eyes without one of the three kinds of cones see, of linear RGB.
# Source: Machado, Oliveira and Fernandes 2009, IEEE TVCG 15(6), table 1, severity 1.
EYES = {
    "usual": np.eye(3),
    "protan": [
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ],
    "deutan": [
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ],
    "tritan": [
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ],
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("brightness", [0, 60, 130, 200, 255])
def test_five_heats_are_told_apart_by_every_eye_on_every_grey(eyes, brightness):
    """By at least a tenth of the way from black to white, but for a little heat and none."""
    levels = np.array([[0, 64, 128, 192, 255]], np.uint8)
    found = overlaid(np.full((1, 5, 1), brightness, np.uint8), levels)[0] / 255

    linear = np.where(found <= 0.04045, found / 12.92, ((found + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(EYES[eyes]), 0, 1)
    colours = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    for one, other in itertools.combinations(range(5), 2):
        if other > 1:
            assert np.linalg.norm(colours[one] - colours[other]) > 0.1 * np.sqrt(3)


@pytest.mark.parametrize(
    ("size", "side"), [(8, 224), (28, 224), (100, 300), (224, 224), (300, 300)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_side_by_side_shows_every_pixel_of_the_picture(size, side, channels):
    image = picture(size, channels)

    found = side_by_side(image, image[..., 0])

    assert found.shape == (side, 2 * side + 8, 3)
    plain = found[:, :side].reshape(size, side // size, size, side // size, 3)
    assert (plain == image[:, np.newaxis, :, np.newaxis]).all()
    assert not np.array_equal(found[:, -side:], found[:, :side])


def test_the_heat_beside_a_picture_lies_where_it_belongs():
    image, heat = np.zeros((8, 8, 1), np.uint8), np.zeros((8, 8), np.uint8)
    heat[2, 5] = 255

    found = side_by_side(image, heat)[:, -224:].astype(int)

    top, left = np.unravel_index(np.ptp(found, axis=2).argmax(), (224, 224))
    assert abs(top - 2.5 * 28) <= 14
    assert abs(left - 5.5 * 28) <= 14
