import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from eyespot.data import read
from eyespot.data.facts import data_facts
from eyespot.data.survey import Survey, survey
from eyespot.errors import DataError
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue

DATA = Path(os.environ.get("EYESPOT_DATA") or Path(__file__).parents[2] / "shared" / "data")


def dataset(images: Any, **changes: Any) -> Dataset:
    fields = {
        "name": "pets",
        "form": "made up",
        "images": images,
        "names": tuple(f"{index:05}" for index in range(len(images))),
        "labels": np.arange(len(images)) % 2,
        "classes": ("cat", "dog"),
    }
    return Dataset(**(fields | changes))


def written(num: int, *, ink: int, paper: int, side: int = 28) -> list[Array]:
    """A stroke on plain paper, anew each time."""
    pages = []
    for index in range(num):
        page = Image.new("L", (side, side), paper)
        bottom, right = side - 4, side // 2 + index % 5
        ImageDraw.Draw(page).line([(side // 4, 4), (right, bottom)], fill=ink, width=2)
        pages.append(np.asarray(page))
    return pages


def scene(seed: int, *, coloured: bool) -> Array:
    """Light that changes all over the picture, as in a photo."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3 if coloured else 1)).astype(np.uint8)
    picture = Image.fromarray(coarse.squeeze()).resize((60, 48), Image.Resampling.BICUBIC)
    return np.asarray(picture)


# Made-up pictures


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (40, 180), (120, 255)])
def test_strokes_on_plain_ground_are_ink_dark_or_light(ink, paper):
    assert survey(dataset(written(30, ink=ink, paper=paper))) == Survey(
        side=28, coloured=False, kind="ink"
    )


@pytest.mark.parametrize("coloured", [True, False])
def test_pictures_without_a_ground_are_photos_in_colour_or_grey(coloured):
    looks = survey(dataset([scene(seed, coloured=coloured) for seed in range(40)]))

    assert looks == Survey(side=60, coloured=coloured, kind="photo")


def goods(seed: int) -> Array:
    """A thing of its own colours in the middle of a white table."""
    picture = np.full((60, 60, 3), 255, np.uint8)
    picture[15:45, 15:45] = np.random.default_rng(seed).integers(0, 256, 3)
    return picture


def pen(seed: int) -> Array:
    """A blue stroke on yellow paper."""
    page = Image.new("RGB", (60, 60), (250, 230, 130))
    ImageDraw.Draw(page).line([(15, 10), (20 + seed % 20, 50)], fill=(20, 40, 160), width=4)
    return np.asarray(page)


def test_goods_on_a_white_table_are_photos_and_keep_their_colours():
    looks = survey(dataset([goods(seed) for seed in range(40)]))

    assert looks == Survey(side=60, coloured=True, kind="photo")


def test_a_coloured_pen_on_coloured_paper_is_ink():
    assert survey(dataset([pen(seed) for seed in range(40)])).kind == "ink"


def test_grey_stored_as_colour_is_grey(tmp_path):
    """JPEG makes its channels differ by a little."""
    for seed in range(20):
        grey = Image.fromarray(scene(seed, coloured=False)).convert("RGB")
        grey.save(tmp_path / f"{seed:02}.jpg", quality=40)

    looks = survey(dataset(sorted(tmp_path.iterdir())))

    assert (looks.colour, looks.kind) == ("grey", "photo")


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("shape", [(10, 8, 8), (10, 1, 1), (10, 1, 500, 3), (2, 3, 3)])
def test_blank_pictures_are_grey_ink(shape, value):
    looks = survey(dataset(np.full(shape, value, np.uint8)))

    assert looks == Survey(side=max(shape[1:3]), coloured=False, kind="ink")


def test_the_side_is_the_middle_one():
    images = [np.zeros((3, side), np.uint8) for side in (10, 20, 4000)]

    assert survey(dataset(images)).side == 20


def test_broken_pictures_are_passed_over(tmp_path):
    images: list[Any] = [tmp_path / "none.png", *written(20, ink=0, paper=255)]

    assert survey(dataset(images)).kind == "ink"


def test_a_set_without_one_readable_picture_is_refused(tmp_path):
    images = [tmp_path / f"{index}.png" for index in range(100)]

    with pytest.raises(DataError) as error:
        survey(dataset(images))

    assert str(error.value) == (
        "pets: none of 64 images looked at can be read; the first is 00000, which is missing"
    )


def test_a_set_without_pictures_is_refused():
    with pytest.raises(DataError) as error:
        survey(dataset([]))

    assert str(error.value) == "pets holds no image"


# Real pictures


@pytest.mark.parametrize(
    ("source", "looks"),
    [
        ("mnist", Survey(side=28, coloured=False, kind="ink")),
        ("english-characters/english.csv", Survey(side=1200, coloured=False, kind="ink")),
        ("cats-dogs", Survey(side=180, coloured=True, kind="photo")),
        ("cats-dogs-fullsize", Survey(side=499, coloured=True, kind="photo")),
    ],
)
def test_real_sets_are_judged_rightly(source, looks):
    if not (DATA / source).exists():
        pytest.skip("the real pictures are not here; name their folder in EYESPOT_DATA")

    assert survey(read(str(DATA / source))) == looks


def test_photographed_characters_are_ink():
    source = DATA / "photographed-characters" / "labels-from-names.csv"
    if not source.exists():
        pytest.skip("the real pictures are not here; name their folder in EYESPOT_DATA")

    assert survey(read(str(source))).kind == "ink"


@pytest.mark.parametrize("source", ["cats-dogs", "cats-dogs-fullsize"])
def test_grey_photos_are_photos(source):
    if not (DATA / source).exists():
        pytest.skip("the real pictures are not here; name their folder in EYESPOT_DATA")
    paths = read(str(DATA / source)).images
    picked = [paths[index] for index in range(0, len(paths), max(1, len(paths) // 64))]

    looks = survey(dataset([Image.open(path).convert("L") for path in picked]))

    assert (looks.colour, looks.kind) == ("grey", "photo")


def test_sklearns_digits_are_ink():
    assert survey(read("digits")) == Survey(side=8, coloured=False, kind="ink")


# In a few facts


def test_a_data_set_is_told_in_a_few_facts():
    images = written(5, ink=0, paper=255)
    issues = (Issue(kind="link", name="x", detail="leads nowhere"),) * 2
    data = dataset(images, parts=("train", "train", "test", None, "train"), issues=issues)

    assert data_facts(data) == {
        "data": "pets",
        "form": "made up",
        "images": 5,
        "classes": ["cat 3", "dog 2"],
        "parts": ["train 3", "test 1", "free 1"],
        "looks": "grey, ink, about 28 pixels",
        "issues": ["link 2"],
    }
    assert data_facts(dataset(images))["parts"] == "none of its own"
    assert data_facts(dataset(images))["issues"] == "none found by reading"
