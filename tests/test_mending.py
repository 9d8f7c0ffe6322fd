import numpy as np
import pytest

from eyespot.images.page import Blob, together
from eyespot.images.splitting import Part
from eyespot.line.mending import mended
from eyespot.line.parting import best_parting, parted
from eyespot.line.readings import Reading

HEIGHT = 50


def blob(left, top, width, height):
    ink = np.full((height, width), 200, np.uint8)
    return Blob(box=(left, top, left + width, top + height), ink=ink)


def reading(of, *, refusal=0.1, probability=0.99):
    probs = np.array([probability, 1 - probability], np.float32)
    return Reading(blob=of, probs=probs, refusal=refusal)


def reader(known):
    """Reads boxes that are among the known ones well, and refuses all others."""

    def read(blobs):
        return [reading(one, refusal=0.1 if one.box in known else 1.8) for one in blobs]

    return read


BODY, BAR = blob(100, 110, 30, 40), blob(134, 100, 22, 8)  # a 5 whose bar is far from the rest


def test_two_parts_become_one_where_the_model_knows_the_whole():
    whole = together(BODY, BAR)
    parts = [reading(BODY, refusal=0.7), reading(BAR, refusal=1.4)]

    (found,) = mended(parts, reader({whole.box}), HEIGHT)

    assert found.blob.box == whole.box == (100, 100, 156, 150)
    assert found.blob.ink.sum() == BODY.ink.sum() + BAR.ink.sum()


def test_two_parts_stay_apart_where_it_does_not():
    parts = [reading(BODY, refusal=0.7), reading(BAR, refusal=1.4)]

    assert mended(parts, reader(set()), HEIGHT) == parts


def test_whole_characters_are_not_even_tried():
    pair = [reading(blob(100, 100, 30, 50)), reading(blob(135, 100, 30, 50))]
    tried = []

    def read(blobs):
        tried.extend(blobs)
        return []

    assert mended(pair, read, HEIGHT) == pair
    assert tried == []


def test_what_is_far_away_is_not_tried():
    far = [reading(BODY, refusal=1.4), reading(blob(180, 100, 22, 8), refusal=1.4)]

    assert mended(far, reader(set()), HEIGHT) == far


def test_nothing_is_mended_on_an_empty_page():
    assert mended([], reader(set()), HEIGHT) == []
    assert parted([], reader(set()), HEIGHT) == []


def part(start, end, left, width, **said):
    own = blob(left, 100, width, 50)
    return Part(start=start, end=end, blob=own, cost=0.2), reading(own, **said)


def test_the_parts_that_look_most_like_characters_win():
    whole = reading(blob(100, 100, 80, 50), refusal=1.6)
    choices = [
        part(0, 1, 100, 20, refusal=1.5),
        part(0, 2, 100, 40, refusal=0.2),
        part(1, 3, 120, 60, refusal=1.2),
        part(2, 3, 140, 40, refusal=0.3),
    ]

    found = best_parting(whole, choices, HEIGHT)

    assert [one.blob.box[0] for one in found] == [100, 140]


@pytest.mark.parametrize("refusal", [0.1, 1.6])
def test_a_whole_stays_where_no_parting_is_better(refusal):
    whole = reading(blob(100, 100, 60, 50), refusal=refusal)
    choices = [part(0, 1, 100, 30, refusal=1.5), part(1, 2, 130, 30, refusal=1.7)]

    assert best_parting(whole, choices, HEIGHT) == [whole]
    assert best_parting(whole, [], HEIGHT) == [whole]


def test_a_model_that_cannot_refuse_is_odd_where_it_is_unsure():
    sure, unsure = (
        reading(BODY, refusal=None, probability=probability) for probability in (0.97, 0.6)
    )

    assert (sure.is_odd(), unsure.is_odd()) == (False, True)
