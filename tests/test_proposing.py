"""A training that nobody named a recipe for stands on a backbone where that is better."""

import numpy as np
import pytest

from eyespot.data.survey import Survey
from eyespot.line.progress import Silence
from eyespot.line.proposing import proposed
from eyespot.training.recipefile import read_recipe
from eyespot.values.dataset import Dataset
from tiny_backbone import make_backbone

PHOTOS = Survey(side=100, coloured=True, kind="photo")


class Told(Silence):
    def __init__(self):
        self.sentences = []

    def say(self, sentence):
        self.sentences.append(sentence)


def dataset(num: int) -> Dataset:
    return Dataset(
        name="set",
        form="an array",
        images=np.zeros((num, 1, 1, 3), np.uint8),
        names=tuple(map(str, range(num))),
        labels=np.arange(num) % 2,
        classes=("a", "b"),
    )


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EYESPOT_BACKBONES", str(tmp_path / "shelf"))
    make_backbone(tmp_path / "shelf" / "tiny")
    return tmp_path / "shelf"


def test_few_photos_stand_on_the_backbone_at_hand():
    told = Told()

    recipe = proposed(read_recipe("standard", {"seed": 3, "folds": 4}), dataset(99), PHOTOS, told)

    assert (recipe.net, recipe.seed, recipe.folds) == ("backbone", 3, 4)
    assert told.sentences == [
        "photos, and few of a class: on the shoulders of tiny (recipe features); "
        "--recipe standard trains from scratch"
    ]


@pytest.mark.parametrize(
    ("num", "kind", "settings"),
    [
        (4000, "photo", {}),
        (99, "ink", {}),
        (99, "photo", {"epochs": 5}),
        (99, "photo", {"net": "layers", "layers": [{"type": "flatten"}]}),
    ],
)
def test_whoever_has_many_or_ink_or_other_wishes_trains_from_scratch(num, kind, settings):
    wish = read_recipe("standard", settings)
    looks = Survey(side=100, coloured=True, kind=kind)

    assert proposed(wish, dataset(num), looks, Told()) is wish


def test_without_a_backbone_at_hand_nothing_is_said(monkeypatch):
    monkeypatch.setenv("EYESPOT_BACKBONES", "")
    wish, told = read_recipe("standard"), Told()

    assert proposed(wish, dataset(99), PHOTOS, told) is wish
    assert told.sentences == []


def test_a_broken_backbone_stops_nobody_who_has_not_asked_for_it(shelf):
    (shelf / "tiny" / "config.json").write_text("{")
    wish, told = read_recipe("standard"), Told()

    assert proposed(wish, dataset(99), PHOTOS, told) is wish
    assert told.sentences[0].startswith("from scratch, because ")
