"""What is seen over time: one change for each thing that changes, at its time."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from eyespot.errors import ImageError
from eyespot.images.frames import Frame
from eyespot.line.watching import Calm, Change, Look, Sight, looks, watch
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

DIGITS = tuple("0123456789")
BLACK, STRANGE = 0, 250


class Reader:
    """A model that reads a digit from a picture's grey level: 60 is 0, 70 is 1, and so on."""

    classes = DIGITS
    preparation = Preparation(size=8, channels=1, fit="pad", mean=(0.5,), std=(0.5,))
    scores = None
    num_asked = 0

    def probabilities(self, images: Array) -> Array:
        return self.examine(images)[0]

    def examine(self, images: Array) -> tuple[Array, Array]:
        self.num_asked += len(images)
        level = images.mean(axis=(1, 2, 3))
        probs = np.full((len(images), 10), 0.01, np.float32)
        probs[np.arange(len(images)), np.rint((level - 60) / 10).astype(int).clip(0, 9)] = 0.91
        return probs, np.where(level > 200, 2.0, 0.5).astype(np.float32)


def shows(digit: int) -> int:
    """The level that stands for a digit."""
    return 60 + 10 * digit


def film(levels: Iterable[int], *, rate: float = 25.0) -> Iterator[Frame]:
    """A frame for each level, as a camera that is never late gives them."""
    for number, level in enumerate(levels):
        pixels = np.full((48, 64, 3), level, np.uint8)
        yield Frame(pixels=pixels, time=number / rate, taken=100 + number / rate)


def picture(level: int, name: str) -> Frame:
    return Frame(pixels=np.full((9, 9, 3), level, np.uint8), time=1.0, taken=0.0, name=name)


def seen(changes: Iterable[Change]) -> list[tuple[float, str]]:
    return [(round(change.time, 2), str(change.sight)) for change in changes]


def test_each_digit_is_one_change_at_the_time_it_came():
    levels = [shows(digit) for digit in (3, 1, 4, 1, 5) for _ in range(25)]

    changes = list(watch(Reader(), film(levels)))

    assert seen(changes) == [(0.0, "3"), (1.0, "1"), (2.0, "4"), (3.0, "1"), (4.0, "5")]
    assert [change.sight.probability for change in changes] == [pytest.approx(0.91)] * 5


@pytest.mark.parametrize("rate", [10.0, 25.0, 60.0, 240.0])
def test_times_do_not_depend_on_how_many_frames_a_second_there_are(rate):
    levels = [shows(digit) for digit in (2, 7, 6) for _ in range(int(rate))]

    assert seen(watch(Reader(), film(levels, rate=rate))) == [(0.0, "2"), (1.0, "7"), (2.0, "6")]


@pytest.mark.parametrize("seed", range(5))
def test_wrong_answers_of_single_frames_make_no_flicker(seed):
    random = np.random.default_rng(seed)
    levels = np.repeat([shows(3), shows(8)], 250)
    wrong = random.random(len(levels)) < 0.2
    levels[wrong] = shows(0) + 10 * random.integers(0, 10, wrong.sum())

    changes = list(watch(Reader(), film(levels.tolist())))

    assert [str(change.sight) for change in changes] == ["3", "8"]
    assert changes[0].time <= 0.2
    assert 9.9 <= changes[1].time <= 10.2


def test_without_calming_every_answer_is_a_change():
    levels = [shows(digit) for digit in (3, 3, 8, 3, 3)]

    changes = watch(Reader(), film(levels), Calm(seconds=0))

    assert seen(changes) == [(0.0, "3"), (0.08, "8"), (0.12, "3")]


def test_two_frames_in_a_row_are_needed_where_there_are_few_of_them():
    levels = [shows(digit) for digit in (3, 3, 3, 8, 3, 3, 8, 8)]

    changes = watch(Reader(), film(levels, rate=0.5))

    assert seen(changes) == [(0.0, "3"), (12.0, "8")]


def test_what_the_model_refuses_is_unknown_and_has_a_nearest_label():
    levels = [shows(2)] * 25 + [STRANGE] * 25 + [shows(2)] * 25

    changes = list(watch(Reader(), film(levels)))

    assert seen(changes) == [(0.0, "2"), (1.0, "unknown (nearest: 9)"), (2.0, "2")]
    assert changes[1].sight == Sight(label="9", probability=1.0, unknown=True)


def test_nothing_is_unknown_to_those_who_accept_all():
    levels = [shows(2)] * 25 + [STRANGE] * 25

    assert seen(watch(Reader(), film(levels), Calm(accept_all=True))) == [(0.0, "2"), (1.0, "9")]


def test_an_undecided_time_keeps_what_is_shown():
    levels = [shows(3)] * 50 + [shows(8), shows(3)] * 50 + [shows(8)] * 50

    assert seen(watch(Reader(), film(levels))) == [(0.0, "3"), (6.0, "8")]


def test_a_label_that_is_always_the_second_is_shown_since_the_old_one_went(monkeypatch):
    def examine(self, images):
        level = int(images.flat[0])
        rows = {shows(1): (1, 0, 0, 0), shows(2): (0, 0.5, 0, 0.45), shows(3): (0, 0, 0.5, 0.45)}
        return np.float32([[*rows[level], *[0] * 6]]), None

    monkeypatch.setattr(Reader, "examine", examine)
    levels = [shows(1)] * 25 + [shows(2), shows(3)] * 25

    changes = list(watch(Reader(), film(levels)))

    assert seen(changes) == [(0.0, "0"), (1.0, "3")]
    assert changes[1].sight.probability == pytest.approx(0.45)


def test_an_empty_page_is_nothing_and_no_digit(monkeypatch):
    def prepared(pixels, preparation):
        if pixels.max() == 200:
            raise ImageError("nothing is written there")
        return pixels[:8, :8, :1]

    monkeypatch.setattr("eyespot.line.watching.prepared", prepared)
    levels = [200] * 25 + [shows(7)] * 25 + [200] * 25

    changes = list(watch(Reader(), film(levels)))

    assert seen(changes) == [(1.0, "7"), (2.0, "nothing")]
    assert changes[1].sight == Sight(label=None, probability=1.0)


def test_a_black_picture_is_nothing_told_once_and_not_for_the_model():
    told: list[str] = []
    model = Reader()
    levels = [shows(1)] * 25 + [BLACK] * 100 + [shows(1)] * 25 + [BLACK] * 50

    found = [look.change for look in looks(model, film(levels), say=told.append) if look.change]

    assert seen(found) == [(0.0, "1"), (1.0, "nothing"), (5.0, "1"), (6.0, "nothing")]
    assert told == ["the picture is black; open the camera's cover or turn on a light"] * 2
    assert model.num_asked == 50


def test_a_moment_of_black_is_not_worth_a_word():
    told: list[str] = []

    list(looks(Reader(), film([shows(1)] * 9 + [BLACK] * 9 + [shows(1)] * 9), say=told.append))

    assert told == []


def test_a_small_digit_on_black_is_no_black_picture():
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[200:220, 300:304] = 255
    model = Reader()

    list(looks(model, [Frame(pixels=pixels, time=0.0, taken=0.0)]))

    assert model.num_asked == 1


def test_pictures_that_stand_for_themselves_are_a_change_each():
    frames = [picture(shows(4), "a.png"), picture(shows(4), "b.png"), picture(STRANGE, "c.png")]

    changes = list(watch(Reader(), [*frames, picture(BLACK, "black.png")]))

    named = [(change.name, str(change.sight)) for change in changes]
    assert named[:3] == [("a.png", "4"), ("b.png", "4"), ("c.png", "unknown (nearest: 9)")]
    assert named[3] == ("black.png", "0")  # as `predict` would say


def test_latency_is_what_calming_and_computing_took():
    late = iter(np.arange(100) / 25 + 100.01)  # each answer 10 ms after its frame was taken

    found = list(looks(Reader(), film([shows(5)] * 25), clock=lambda: float(next(late))))

    (change,) = [look.change for look in found if look.change]
    said = next(look.frame.time for look in found if look.change)
    assert [look.lag for look in found] == [pytest.approx(0.01)] * 25
    assert change.latency == pytest.approx(said - change.time + 0.01)
    assert 0.1 < said < 0.4


def test_every_look_has_what_is_shown():
    found: list[Look] = list(looks(Reader(), film([shows(5)] * 100)))

    assert found[0].sight.label is None
    assert found[-1].sight == Sight(label="5", probability=pytest.approx(0.91, abs=0.01))
    assert [look.frame.time for look in found] == [number / 25 for number in range(100)]


def test_json_holds_what_a_program_wants_to_know():
    known = Change(time=1.23456, sight=Sight(label="7", probability=0.5), latency=0.25)
    empty = Sight(label=None, probability=1.0)

    assert known.as_json() == {
        "time": 1.235,
        "label": "7",
        "probability": 0.5,
        "unknown": False,
        "latency": 0.25,
    }
    assert Change(time=0, sight=empty, latency=0, name="a.png").as_json() == {
        "time": 0,
        "label": None,
        "probability": 1.0,
        "unknown": False,
        "latency": 0,
        "name": "a.png",
    }
