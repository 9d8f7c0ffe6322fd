"""What was given, found, seen and answered, side by side."""

import numpy as np
import pytest
from PIL import Image

from eyespot.data import pictures
from eyespot.errors import ImageError
from eyespot.images.ink import character_of
from eyespot.images.inkstyle import find_style
from eyespot.images.marking import marked, strip
from eyespot.line.showing import write_sights
from eyespot.models.predict import answers, prepared
from eyespot.models.showing import shown
from eyespot.values.preparation import Preparation
from made_characters import a_set, character, on_page

PREPARATION = Preparation(
    size=28, channels=1, fit="pad", mean=(0.1,), std=(0.3,), ink=find_style(a_set())
)


class Fake:
    """Says "bar" of a picture whose ink is higher than wide, else "dash"."""

    classes = ("bar", "dash")
    preparation = PREPARATION
    scores = None

    def probabilities(self, images):
        tall = images.max(axis=2)[..., 0] > 99
        wide = images.max(axis=1)[..., 0] > 99
        bar = tall.sum(axis=1) >= wide.sum(axis=1)
        return np.stack([bar, ~bar], axis=1).astype(np.float32)

    def examine(self, images):
        return self.probabilities(images), None


def page(turned=False):
    ink = character("bar")
    ink = np.rot90(ink) if turned else ink
    return (220 - 180 * (on_page(ink, (300, 400), (90, 150)) / 255)).astype(np.uint8)


def test_the_way_of_a_redrawn_picture_has_three_stations():
    way = shown(page(), PREPARATION)

    assert way.given.shape == (300, 400, 1)
    assert way.found is not None and way.found.shape == (300, 400, 3)
    assert np.array_equal(way.saw, prepared(page(), PREPARATION))


def test_a_picture_like_the_sets_has_nothing_found_on_it():
    picture = a_set(3)[2]

    way = shown(picture, PREPARATION)

    assert way.found is None
    assert np.array_equal(way.saw, picture)


def test_what_was_found_is_coloured_inside_its_box_only():
    pixels = page()[..., np.newaxis]
    found = character_of(pixels)
    picture = marked(pixels, found)
    coloured = (picture != picture[..., :1]).any(axis=2)
    top, left, bottom, right = found.box

    assert coloured[(top + bottom) // 2, (left + right) // 2]
    assert not coloured[top - 20 : bottom + 20, : left - 10].any()
    assert not coloured[: top - 10].any()


def test_a_large_picture_is_marked_at_480_pixels():
    pixels = page()[..., np.newaxis].repeat(5, axis=0).repeat(5, axis=1)

    assert marked(pixels, character_of(pixels)).shape == (360, 480, 3)


@pytest.mark.parametrize(
    "words", [["given", "seen", "7\n7  0.99"], ["one"], ["a", "b", "ein Zeichen\n"]]
)
def test_a_strip_has_a_square_for_every_word(words):
    pictures = [np.zeros((9, 30, 3), np.uint8), np.full((4, 4, 1), 255, np.uint8)][: len(words)]

    found = strip(pictures, words, side=100)

    assert found.shape[0] == 100 + 10 + 8
    assert found.shape[1] == 108 * len(words) - 8


def test_a_picture_is_written_for_each_answer(tmp_path):
    for name, pixels in (
        ("a", page()),
        ("b", page(turned=True)),
        ("empty", np.full_like(page(), 9)),
    ):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "out").mkdir()
    found = pictures([str(tmp_path / f"{name}.png") for name in ("a", "b", "empty")])
    results = list(answers(Fake(), found.images, found.names))

    num = write_sights(Fake(), found, results, tmp_path / "out")

    assert num == 2
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "a-is-bar.png",
        "b-is-dash.png",
    ]
    name, error = results[2]
    assert name.endswith("empty.png") and isinstance(error, ImageError)
    assert str(error) == "shows nothing: no character is written on it"
