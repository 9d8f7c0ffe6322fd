"""What a net sees of a picture."""

import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyespot.images.decode import open_image, open_raster
from eyespot.images.preparation import prepare
from eyespot.values.arrays import Array
from eyespot.values.preparation import Fit

FITS: tuple[Fit, ...] = ("pad", "stretch", "crop")


def random_pixels(height: int, width: int, channels: int = 3) -> Array:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def triangle_reference(line: Array, size: int) -> Array:
    """One row or column resized by the definition: weights of a triangle, 22-bit fixed point."""
    scale = len(line) / size
    reach = max(scale, 1.0)
    resized = np.empty(size, np.uint8)
    for target in range(size):
        centre = (target + 0.5) * scale
        first = max(0, int(centre - reach + 0.5))
        last = min(len(line), int(centre + reach + 0.5))
        weights = [
            max(0.0, 1 - abs((source - centre + 0.5) * (1 / reach)))
            for source in range(first, last)
        ]
        total = sum(weights)
        fixed = [int(0.5 + weight / total * 2**22) for weight in weights]
        value = sum(int(v) * w for v, w in zip(line[first:last], fixed, strict=True)) + 2**21
        resized[target] = min(255, max(0, value >> 22))
    return resized


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_the_right_shape_passes_through_uncopied(fit: Fit, channels: Any) -> None:
    pixels = random_pixels(28, 28, channels)

    assert prepare(pixels, size=28, channels=channels, fit=fit) is pixels


KINDS = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "GIF": ("L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
}


def stored(mode: str, kind: str, size: tuple[int, int], orientation: int) -> bytes:
    """A picture of noise with soft shapes in it, the way that a camera held it."""
    width, height = size
    pixels = random_pixels(height, width, 4) // 4 + np.arange(width, dtype=np.uint8)[:, None]
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    image.save(buffer, kind, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(28, 28), (57, 40), (40, 57), (9, 1), (1, 9), (1, 1)])
@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind in KINDS for mode in KINDS[kind]])
def test_a_picture_gives_the_same_bits_before_it_is_an_array_as_after(
    kind: str, mode: str, size: tuple[int, int]
) -> None:
    for orientation in range(1, 9):
        data = stored(mode, kind, size, orientation)
        for fit, wanted in itertools.product(FITS, (1, 3)):
            early, late = (
                prepare(one, size=28, channels=wanted, fit=fit)  # type: ignore[arg-type]
                for one in (open_raster(data), open_image(data).pixels)
            )
            np.testing.assert_array_equal(early, late)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("wanted", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (2, 3), (300, 299)])
def test_every_shape_becomes_the_square_that_was_asked_for(
    fit: Fit, wanted: Any, channels: int, shape: tuple[int, int]
) -> None:
    prepared = prepare(random_pixels(*shape, channels), size=64, channels=wanted, fit=fit)

    assert prepared.shape == (64, 64, wanted)
    assert prepared.dtype == np.uint8


@pytest.mark.parametrize("fit", FITS)
def test_a_flat_picture_stays_flat(fit: Fit) -> None:
    pixels = np.full((37, 91, 3), (200, 30, 7), np.uint8)

    assert (prepare(pixels, size=32, channels=3, fit=fit) == (200, 30, 7)).all()


def test_colour_becomes_grey_as_the_formula_says() -> None:
    pixels = random_pixels(64, 64)
    r, g, b = np.moveaxis(pixels.astype(int), 2, 0)

    grey = prepare(pixels, size=64, channels=1, fit="pad")

    assert (grey[..., 0] == (19595 * r + 38470 * g + 7471 * b + 32768) >> 16).all()


def test_grey_becomes_three_equal_channels() -> None:
    pixels = random_pixels(50, 20, 1)

    colour = prepare(pixels, size=32, channels=3, fit="pad")

    assert (colour == prepare(pixels, size=32, channels=1, fit="pad")).all()


@pytest.mark.parametrize(("height", "width"), [(180, 133), (9, 11), (64, 500), (500, 40), (31, 32)])
def test_resizing_equals_its_written_definition_to_the_bit(height: int, width: int) -> None:
    pixels = random_pixels(height, width, 1)[..., 0]
    wide = np.stack([triangle_reference(row, 32) for row in pixels])
    expected = np.stack([triangle_reference(column, 32) for column in wide.T], axis=1)

    assert (
        prepare(pixels[..., None], size=32, channels=1, fit="stretch")[..., 0] == expected
    ).all()


def test_pad_keeps_the_whole_picture_in_the_middle() -> None:
    pixels = random_pixels(100, 50)
    whole = Image.fromarray(pixels).resize((20, 40), Image.Resampling.BILINEAR)

    prepared = prepare(pixels, size=40, channels=3, fit="pad")

    assert (prepared[:, 10:30] == np.asarray(whole)).all()


def test_pad_fills_with_the_median_of_the_border_and_not_of_the_inside() -> None:
    pixels = np.full((20, 40, 3), (250, 240, 230), np.uint8)
    pixels[1:-1, 1:-1] = 0
    pixels[0, :15] = 99  # less than half of the border

    prepared = prepare(pixels, size=40, channels=3, fit="pad")

    assert (prepared[:10] == (250, 240, 230)).all()
    assert (prepared[30:] == (250, 240, 230)).all()


@pytest.mark.parametrize(
    ("shape", "rows"), [((3, 4), 3), ((1, 20_000), 1), ((5, 8), 3), ((7, 8), 4)]
)
def test_pad_rounds_the_short_side_half_up_and_never_to_nothing(
    shape: tuple[int, int], rows: int
) -> None:
    pixels = np.zeros((*shape, 1), np.uint8)
    pixels[:, : int(0.4 * shape[1])] = 200  # less than half of the border, so the fill is 0

    prepared = prepare(pixels, size=4, channels=1, fit="pad")

    assert np.count_nonzero(prepared[:, 0]) == rows


def test_crop_keeps_the_centre() -> None:
    pixels = random_pixels(20, 61)

    assert (prepare(pixels, size=20, channels=3, fit="crop") == pixels[:, 20:40]).all()


def test_stretch_bends_the_picture_into_the_square() -> None:
    pixels = np.zeros((10, 40, 1), np.uint8)
    pixels[:, 20:] = 255

    prepared = prepare(pixels, size=10, channels=1, fit="stretch")[..., 0]

    assert (prepared[:, :4] == 0).all()
    assert (prepared[:, 6:] == 255).all()


def test_the_order_in_memory_does_not_matter() -> None:
    pixels = random_pixels(40, 60)
    turned = np.asfortranarray(pixels)

    for fit in FITS:
        assert (
            prepare(pixels, size=24, channels=1, fit=fit)
            == prepare(turned, size=24, channels=1, fit=fit)
        ).all()
