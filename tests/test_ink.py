"""A photo, scan or drawing of a character becomes what the net was trained on."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyespot.data import read
from eyespot.errors import ImageError
from eyespot.images.decode import open_image
from eyespot.images.ink import bridged, character_of
from eyespot.images.inkstyle import cut_off, find_style, resemble, resembles
from eyespot.images.preparation import prepare, resized
from eyespot.images.redrawing import FINE, redrawn
from eyespot.line import train
from eyespot.line.progress import Silence
from eyespot.models.loading import load
from eyespot.models.predict import prepared, prepared_each
from eyespot.values.arrays import Array
from eyespot.values.preparation import InkStyle, Preparation
from made_characters import LINES, a_set, character, like_a_set, on_page
from made_pictures import DATA


@pytest.fixture(scope="module")
def style() -> InkStyle:
    found = find_style(a_set())
    assert found is not None
    return found


def seen(pixels: Array, style: InkStyle | None) -> Array:
    return bridged(pixels, style, size=28, channels=1, fit="pad")


def paper(ink: Array, *, light: int = 220, dark: int = 40) -> Array:
    """Dark ink on light paper, uint8 (h, w, 1)."""
    level = light + (dark - light) * (ink[..., np.newaxis] / 255)
    return np.rint(level).astype(np.uint8)


class Telling(Silence):
    def __init__(self) -> None:
        self.told: list[str] = []

    def say(self, sentence: str) -> None:
        self.told.append(sentence)


def alike(one: Array, other: Array) -> float:
    """The correlation of two pictures."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


# --- the style


def test_the_style_of_a_set_is_measured(style):
    assert (style.ground, style.full, style.bright) == (0, 255, True)
    assert style.side.low == style.side.high == 20 * 64
    assert 1.5 * 64 < style.stroke.middle < 3.5 * 64


def test_a_set_of_dark_ink_on_light_paper_has_the_mirrored_style(style):
    found = find_style(255 - a_set())

    assert found is not None
    assert (found.ground, found.full, found.bright) == (255, 255, False)
    assert (found.side, found.stroke) == (style.side, style.stroke)


def test_pictures_without_even_ground_have_no_style():
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (40, 28, 28, 3)).astype(np.uint8)
    shades = np.linspace(60, 250, 40)[:, None, None, None] * np.ones((40, 28, 28, 1))

    assert find_style(photos) is None
    assert find_style(shades.astype(np.uint8)) is None


def test_a_picture_of_the_set_passes_unchanged(style):
    for picture in a_set(200):
        assert resembles(picture, style)
        assert seen(picture, style) is picture


def test_a_larger_picture_that_looks_like_the_set_is_only_prepared(style):
    large = a_set(6)[3].repeat(10, axis=0).repeat(10, axis=1)

    assert np.array_equal(seen(large, style), prepare(large, size=28, channels=1, fit="pad"))


@pytest.mark.parametrize(
    "other",
    [
        lambda: on_page(like_a_set(character("zed"))[4:24, 4:24, 0], (28, 28), (0, 0))[..., None],
        lambda: on_page(character("zed", height=12, width=2), (28, 28), (7, 7))[..., None],
        lambda: 255 - like_a_set(character("zed")),
        lambda: like_a_set(character("zed")) // 2 + 60,
    ],
    ids=["off the middle", "too small", "dark on light", "grey"],
)
def test_a_picture_of_the_right_size_that_looks_otherwise_is_redrawn(style, other):
    picture = other()
    wanted = like_a_set(character("zed"))

    assert not resembles(picture, style)
    assert alike(seen(picture, style), wanted) > 0.8


def test_without_a_style_every_picture_is_only_prepared():
    page = paper(on_page(character("zed"), (200, 260), (40, 60)))

    assert np.array_equal(seen(page, None), prepare(page, size=28, channels=1, fit="pad"))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("by_mass", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_one_picture_is_judged_as_all_are_measured(style, channels, by_mass, dark):
    clear = style.clear.model_copy(update={"most": 4})
    wide = style.right.model_copy(update={"least": -70, "most": 40})
    style = style.model_copy(
        update={"by_mass": by_mass, "ground": 3, "clear": clear, "down": wide, "right": wide}
    )
    if dark:
        style = style.model_copy(update={"bright": False, "ground": 252})
    rng = np.random.default_rng(0)
    pictures = a_set(120).astype(int)
    for row in range(0, 120, 2):  # some are moved, paler or noisy
        pictures[row] = np.roll(pictures[row], rng.integers(-2, 3, 2), axis=(0, 1))
        pictures[row] = pictures[row] * rng.uniform(0.8, 1) + rng.integers(0, 4, (28, 28, 1))
    pictures = np.clip(pictures, 0, 255).astype(np.uint8).repeat(channels, axis=3)
    pictures = 255 - pictures if dark else pictures
    expected = resemble(pictures, style)

    assert [resembles(picture, style) for picture in pictures] == expected.tolist()
    assert 0 < expected.sum() < 120


@pytest.mark.parametrize("half", [np.s_[:, :14], np.s_[:, 14:], np.s_[:14], np.s_[14:]])
def test_half_of_a_character_is_no_character_off_the_middle(style, half):
    picture = like_a_set(character("cross", width=14))
    picture[half] = 0

    assert cut_off(picture, style)
    assert seen(picture, style) is picture


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("name", ["seven", "zed"])
def test_a_whole_character_off_the_middle_is_not_cut_off(style, name, turns):
    whole = like_a_set(character(name, width=10, slant=0.1), side=16)
    picture = np.rot90(np.roll(whole, 4, axis=(0, 1)), turns)

    assert not cut_off(picture, style)
    assert alike(seen(picture, style), np.rot90(like_a_set(character(name)), turns)) > 0.75


# --- what the bridge copes with


def pages(name: str) -> dict[str, Any]:
    """The same character as a person may send it."""
    ink = on_page(character(name), (300, 400), (90, 150))
    plain = paper(ink)
    rows, columns = np.mgrid[:300, :400]
    rng = np.random.default_rng(1)
    lines = np.where((rows % 40 == 0)[..., None], 170, plain)
    squares = np.where((columns % 40 == 0)[..., None], 170, lines)
    finger = np.where((np.hypot(rows - 300, columns - 90) < 60)[..., None], 120, plain)
    table = np.where((columns < 20)[..., None], 60, plain)
    jpeg = io.BytesIO()
    Image.fromarray(plain[..., 0]).save(jpeg, "JPEG", quality=12)
    red = (np.array([200, 60, 50]) * (ink / 255)[..., None]) + np.array([90, 160, 70]) * (
        1 - (ink / 255)[..., None]
    )
    return {
        "paper": plain,
        "board": 255 - plain,
        "shadow": plain * np.where(columns > 180, 0.5, 1)[..., None],
        "uneven light": plain * (0.4 + 0.6 * columns / 400)[..., None],
        "ruled": np.where(ink[..., None] > 128, plain, lines),
        "squared": np.where(ink[..., None] > 128, plain, squares),
        "noise": np.clip(plain + rng.normal(0, 12, plain.shape), 0, 255),
        "finger": finger,
        "page edge": table,
        "JPEG": jpeg.getvalue(),
        "red on green": red,
        "huge": plain.repeat(12, axis=0).repeat(12, axis=1),
    }


@pytest.mark.parametrize("name", ["seven", "four", "zed", "cross"])
def test_whatever_it_is_written_on_the_net_sees_the_character(style, name):
    wanted = like_a_set(character(name))
    for kind, page in pages(name).items():
        source = page if isinstance(page, bytes) else np.asarray(page).astype(np.uint8)
        found = seen(open_image(source).pixels, style)

        assert alike(found, wanted) > 0.85, kind


@pytest.mark.parametrize("width", [2, 4, 12, 24])
def test_thin_and_thick_lines_become_the_sets(style, width):
    page = paper(on_page(character("seven", width=width), (300, 300), (80, 80)))

    found = seen(page, style)

    inside = (2 * (found.astype(int) ** 2).sum() / 255) / sum(
        np.abs(np.diff(found[..., 0].astype(int), axis=axis)).sum() for axis in (0, 1)
    )
    assert 0.8 * style.stroke.low < 64 * inside < 1.25 * style.stroke.high


def test_a_blot_is_not_drawn_larger_and_larger(style, monkeypatch):
    """It has no stroke that could ever be the set's, and may fill the whole picture."""
    side = style.side.model_copy(update={"middle": 28 * 64, "high": 28 * 64})
    sizes = []

    def noting(pixels: Array, width: int, height: int) -> Array:
        sizes.append(max(width, height))
        return resized(pixels, width, height)

    monkeypatch.setattr("eyespot.images.redrawing.resized", noting)
    redrawn(np.full((9, 9), 255, np.uint8), 127, style.model_copy(update={"side": side}), 28)

    assert 28 * FINE <= max(sizes) <= 28 * FINE * 3 // 2


@pytest.mark.parametrize("height", [14, 24, 60, 250])
def test_small_characters_are_found_on_large_pages(style, height):
    width = max(2, height // 8)
    page = paper(on_page(character("seven", height=height, width=width), (600, 800), (200, 500)))

    assert alike(seen(page, style), like_a_set(character("seven"))) > 0.8


@pytest.mark.parametrize("turns", range(4))
def test_a_bar_that_touches_one_side_is_a_bar(style, turns):
    page = paper(on_page(character("bar", height=70, width=9), (100, 60), (10, 0)))

    found = seen(np.ascontiguousarray(np.rot90(page, turns)), style)

    assert alike(found, np.rot90(like_a_set(character("bar")), turns)) > 0.8


def test_the_dot_of_an_i_stays_with_it(style):
    page = paper(on_page(character("i"), (300, 300), (80, 120)))

    found = seen(page, style)[..., 0]

    rows = np.flatnonzero(found.max(axis=1) > 100)
    assert len(rows) < rows[-1] - rows[0] + 1  # there is a gap
    assert alike(found, like_a_set(character("i"))) > 0.85


@pytest.mark.parametrize("level", [0, 20, 90, 200, 255])
@pytest.mark.parametrize("noise", [0, 6])
def test_an_empty_page_is_no_character(style, level, noise):
    rng = np.random.default_rng(0)
    page = np.clip(level + rng.normal(0, noise, (240, 320, 3)), 0, 255).astype(np.uint8)

    with pytest.raises(ImageError, match="shows nothing: no character is written on it"):
        seen(page, style)


def test_the_box_is_where_the_character_is():
    page = paper(on_page(character("zed"), (300, 400), (90, 150)))
    tall, wide = character("zed").shape

    top, left, bottom, right = character_of(page).box

    assert (
        np.abs(np.array([top, left, bottom, right]) - [90, 150, 90 + tall, 150 + wide]).max() <= 2
    )


@pytest.mark.parametrize("name", list(LINES))
def test_colour_nets_get_three_equal_channels(style, name):
    page = paper(on_page(character(name), (200, 200), (40, 40))).repeat(3, axis=2)

    found = bridged(page, style, size=28, channels=3, fit="pad")

    assert found.shape == (28, 28, 3)
    assert (found == found[..., :1]).all()


# --- real sets


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason="no ../shared/data")
def test_hardly_any_of_mnists_test_digits_is_touched():
    """So that its accuracy cannot change by more than 0.0005 with the bridge."""
    dataset = read(DATA / "mnist")
    images, parts = np.asarray(dataset.images)[..., np.newaxis], np.array(dataset.parts)
    style = find_style(images[parts != "test"][::3])
    assert style is not None and style.by_mass and style.bright
    touched = [seen(one, style) is not one for one in images[parts == "test"]]

    assert len(touched) == 10_000
    assert sum(touched) <= 5


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "photographed-characters").is_dir(), reason="no ../shared/data")
def test_something_is_found_on_every_photographed_digit(style):
    names = sorted((DATA / "photographed-characters" / "PNG").glob("DIGIT_*.png"))

    assert len(names) == 1000
    for name in names:
        found = seen(open_image(name).pixels, style)
        assert found.max() > 200 and found[0].max() < 128, name


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_a_page_of_35_million_pixels_is_read(style, channels):
    page = paper(on_page(character("seven", height=900, width=90), (7000, 5000), (3000, 2000)))

    assert alike(seen(page.repeat(channels, axis=2), style), like_a_set(character("seven"))) > 0.85


@pytest.mark.slow
def test_a_trained_model_keeps_its_sets_style_and_says_so(tmp_path):
    images = a_set(120)
    names = [f"{number}.png" for number in range(120)]
    for name, picture in zip(names, images, strict=True):
        folder = tmp_path / "set" / list(LINES)[names.index(name) % len(LINES)]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0]).save(folder / name)
    telling = Telling()
    trained = train(
        tmp_path / "set",
        recipe="quick",
        settings={"epochs": 1, "width": 4},
        out=tmp_path / "run",
        progress=telling,
    )

    style = load(trained.run.path).preparation.ink
    assert style is not None and style.side.middle == 20 * 64
    assert any("others redrawn like them" in sentence for sentence in telling.told)
    assert "ink = true" in (tmp_path / "run" / "recipe.toml").read_text()
    page = paper(on_page(character("zed"), (300, 400), (90, 150)))
    assert len(load(trained.run.path).predict([page])) == 1


def test_many_are_prepared_as_each_alone_and_keep_their_errors(style):
    preparation = Preparation(size=28, channels=1, fit="pad", mean=(0.1,), std=(0.3,), ink=style)
    halves = a_set(4)
    halves[:, :, :13] = 0
    pages = [paper(on_page(character(name), (200, 260), (40, 60))) for name in ("zed", "cross")]
    blank = np.full((28, 28, 1), 128, np.uint8)
    sources = [*a_set(20), b"no picture", *halves, *pages, blank, *(255 - a_set(3)), blank[:9]]

    together = prepared_each(sources, preparation)

    for source, found in zip(sources, together, strict=True):
        try:
            np.testing.assert_array_equal(found, prepared(source, preparation))
        except ImageError as error:
            assert isinstance(found, ImageError) and str(found) == str(error)
    assert sum(isinstance(found, ImageError) for found in together) >= 2
    assert prepared_each([], preparation) == []
