"""Copies on disk: of the training part only, label-safe, readable again, and never half written."""

import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyespot
from conftest import TINY, halves, write_pictures
from eyespot.copies.augmenting import Copies, augment
from eyespot.data.copying import copies_per_image
from eyespot.data.duplicates import Duplicates
from eyespot.data.selection import selected
from eyespot.data.splits import split
from eyespot.errors import DataError, ResourceError, UsageError
from eyespot.evaluation.mirrors import Mirror, flipped, half_turned, mirrors
from eyespot.files.tables import read_table
from eyespot.images.decode import open_image
from eyespot.images.variation import Ranges, varied
from eyespot.line import Plan, Silence, plan, train
from eyespot.training.recipe import Recipe
from eyespot.values.preparation import Preparation

OFF = {
    "rotate": 0,
    "shift": 0,
    "zoom": 0,
    "brightness": 0,
    "contrast": 0,
    "colour": 0,
    "blur": 0,
}


class Listener(Silence):
    def __init__(self):
        self.said, self.copies = [], []

    def say(self, sentence):
        self.said.append(sentence)

    def copy(self, done, num):
        self.copies.append((done, num))


def unequal(root: Path, **sizes: int) -> Path:
    """A folder per class with so many pictures."""
    for label, (name, num) in enumerate(sizes.items()):
        (root / name).mkdir(parents=True)
        for index, pixels in enumerate(halves(num, bright=label % 2, seed=label)):
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def state(folder: Path) -> dict[str, tuple[str, float]]:
    """Every file with its hash and its time."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def hashes(folder: Path) -> dict[str, str]:
    return {name: found[0] for name, found in state(folder).items()}


# One picture


def picture(*, width=40, height=30, channels=3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def vary(pixels, seed=0, **ranges):
    return varied(pixels, Ranges(**(OFF | ranges)), np.random.default_rng(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (40, 30), (8, 8)])
def test_a_variation_has_the_shape_of_its_picture(channels, size):
    pixels = picture(width=size[0], height=size[1], channels=channels)

    for seed in range(8):
        made = varied(pixels, Ranges(flip=True, rotate=180), np.random.default_rng(seed))
        assert made.shape == pixels.shape and made.dtype == np.uint8


def test_a_flip_alone_is_exact_and_every_second_time():
    pixels = picture()

    made = [vary(pixels, seed, flip=True) for seed in range(60)]

    mirrored = [np.array_equal(one, pixels[:, ::-1]) for one in made]
    assert all(m or np.array_equal(one, pixels) for m, one in zip(mirrored, made, strict=True))
    assert 15 < sum(mirrored) < 45


def test_a_plain_ground_stays_plain_wherever_the_picture_is_moved():
    """The border is continued: no black corners."""
    pixels = np.full((30, 50, 3), 240, np.uint8)
    pixels[12:18, 22:28] = 10

    for seed in range(20):
        made = vary(pixels, seed, rotate=180, shift=0.3, zoom=0.3)
        assert made[[0, 0, -1, -1], [0, -1, 0, -1]].min() >= 235


def test_a_shift_moves_by_at_most_its_share():
    pixels = np.zeros((100, 200, 1), np.uint8)
    pixels[48:52, 98:102] = 255

    for seed in range(20):
        rows, columns = np.nonzero(vary(pixels, seed, shift=0.1)[..., 0] > 100)
        assert abs(rows.mean() - 49.5) <= 10.5 and abs(columns.mean() - 99.5) <= 20.5


def test_brightness_contrast_and_colour_do_what_they_say():
    pixels = picture()
    grey = pixels.mean(axis=2)

    for seed in range(10):
        bright = vary(pixels // 2, seed, brightness=0.2).mean() / (pixels // 2).mean()
        assert 0.78 < bright < 1.22 and abs(bright - 1) > 1e-4
        assert 0.78 < vary(pixels // 2 + 60, seed, contrast=0.2).std() / (pixels // 2).std() < 1.22
        coloured = vary(pixels, seed, colour=0.2)
        assert abs(coloured.mean(axis=2) - grey).mean() < 25
    assert np.array_equal(vary(picture(channels=1), 3, colour=0.5), picture(channels=1))


def test_switching_one_change_off_leaves_the_others_as_they_were():
    pixels = np.full((40, 40, 1), 200, np.uint8)
    pixels[10:20, 10:20] = 50

    first, second = (vary(pixels, 4, shift=0.2, brightness=light) for light in (0, 0.3))

    assert not np.array_equal(first, second)
    dark, also_dark = (made < 0.625 * np.median(made) for made in (first, second))
    assert np.array_equal(dark, also_dark)


@pytest.mark.parametrize(
    ("ranges", "sentence"),
    [
        ({"rotate": 181}, "rotate wants a number from 0 to 180, got 181"),
        ({"shift": -0.1}, "shift wants a number from 0 to 0.5, got -0.1"),
        ({"blur": float("nan")}, "blur wants a number from 0 to 20, got nan"),
        (OFF, "every change is switched off, so that copies would be equal; set one"),
    ],
)
def test_ranges_that_are_none_are_refused(ranges, sentence):
    with pytest.raises(UsageError) as error:
        Ranges(**ranges)

    assert str(error.value) == sentence


# How many of which


@pytest.mark.parametrize("seed", range(20))
def test_english_characters_are_brought_to_100_from_their_training_part_alone(seed):
    """On the level of the plan; the slow test below does it on disk."""
    data = english()
    alone = Duplicates(exact=(), near=())  # no two pictures of it look the same

    parts = split(data, seed=seed, duplicates=alone).parts
    numbers = copies_per_image(data, parts, seed=seed, per_class=100)

    trained = np.array([part == "train" for part in parts])
    assert not numbers[~trained].any()
    sizes = np.bincount(data.labels[trained], minlength=62)
    made = np.bincount(data.labels, weights=numbers, minlength=62)
    assert (sizes + made == 100).all()
    assert numbers[trained].min() == 1 and numbers[trained].max() == 2


def english():
    folder = Path(__file__).parents[2] / "shared" / "data" / "english-characters"
    if not folder.exists():
        pytest.skip("shared/data/english-characters is not there")
    return eyespot.read(folder)


def test_copies_go_up_to_the_largest_class_and_none_is_made_smaller():
    parts, data = ["train"] * 12 + ["test"] * 4, plan_of(8, 8).loaded.dataset

    assert copies_per_image(data, parts, per_class=0).tolist() == [0] * 8 + [1] * 4 + [0] * 4
    few = copies_per_image(data, parts, per_class=6)
    assert few[:8].sum() == 0 and sorted(few[8:12]) == [0, 0, 1, 1]
    assert copies_per_image(data, parts, per_image=3).tolist() == [3] * 12 + [0] * 4
    for wish in ({}, {"per_image": 1, "per_class": 1}):
        with pytest.raises(UsageError):
            copies_per_image(data, parts, **wish)


def plan_of(left: int, right: int, **settings) -> Plan:
    images = np.concatenate([halves(left, bright=0), halves(right, bright=1)])
    labels = np.repeat(["left", "right"], [left, right])
    return plan((images, labels), settings=settings)


# The new folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """30 and 8 pictures, brought to the largest class; the data, what was planned, the folder."""
    root = tmp_path_factory.mktemp("made")
    data = unequal(root / "data", many=30, few=8)
    before = state(data)
    planned = plan(data)
    result = augment(planned, root / "out", Copies(per_class=0))
    assert state(data) == before, "an original was touched"
    return data, planned, result


def test_originals_and_copies_are_in_one_table(made):
    data, planned, result = made

    rows = read_table(result.table)

    assert list(rows[0]) == ["image", "label", "source", "part"]
    originals, copies = rows[:38], rows[38:]
    assert [row["image"] for row in originals] == [
        f"Data/{n}" for n in planned.loaded.dataset.names
    ]
    assert [row["part"] for row in originals] == list(planned.split.parts)
    assert {row["source"] for row in originals} == {""}
    assert len(copies) == result.num_copies
    assert {row["part"] for row in copies} == {"train"}
    part_of = {row["image"]: row["part"] for row in originals}
    label_of = {row["image"]: row["label"] for row in originals}
    for row in copies:
        assert part_of[row["source"]] == "train"
        assert label_of[row["source"]] == row["label"] == "few"
        assert row["image"].startswith("new_Data/few/")
        assert (result.path / row["image"]).is_file()


def test_classes_are_balanced_and_pictured_before_and_after(made):
    _, _, result = made

    assert result.classes == ("few", "many")
    assert result.before == {"train": [5, 21], "valid": [1, 3], "test": [2, 6]}
    assert result.after == {"train": [21, 21], "valid": [1, 3], "test": [2, 6]}
    for when in ("before", "after"):
        assert open_image(result.path / f"classes-{when}.png").remarks == ()
    assert sorted(path.name for path in result.path.iterdir()) == [
        *("Data", "classes-after.png", "classes-before.png"),
        *("new_Data", "updated_Labels.csv"),
    ]


def test_originals_are_the_same_bytes_and_not_the_same_file(made):
    data, planned, result = made

    for name in planned.loaded.dataset.names:
        copy = result.path / "Data" / name
        assert copy.read_bytes() == (data / name).read_bytes()
        assert copy.stat().st_ino != (data / name).stat().st_ino


@pytest.mark.parametrize("what", ["updated_Labels.csv", ""])
def test_training_reads_it_again_with_the_same_parts(made, what, tmp_path, no_report):
    data, planned, result = made

    again = train(result.path / what, settings=TINY, out=tmp_path / "run")

    assert again.counts == result.after
    rows = {row["name"]: row["part"] for row in read_table(again.run.split)}
    pairs = zip(planned.loaded.dataset.names, planned.split.parts, strict=True)
    assert all(rows[f"Data/{name}"] == part for name, part in pairs)
    assert read_table(again.run.issues) == []


@pytest.mark.parametrize("seed", range(5))
def test_no_later_split_separates_a_copy_from_its_original(made, seed):
    _, _, result = made

    later = plan(result.table, settings={"split": "stratified", "seed": seed, "test": 0.4})

    parts = dict(zip(later.loaded.dataset.names, later.split.parts, strict=True))
    assert set(parts.values()) == {"train", "valid", "test"}
    for row in read_table(result.table):
        if row["source"]:
            assert parts[row["image"]] == parts[row["source"]]


def test_the_same_seed_writes_the_same_files_and_another_does_not(made, tmp_path):
    data, planned, result = made
    wish = Copies(per_class=0)

    augment(plan(data), tmp_path / "same", wish)
    assert hashes(tmp_path / "same") == hashes(result.path)
    augment(plan(data, settings={"seed": 1}), tmp_path / "other", wish)
    assert hashes(tmp_path / "other") != hashes(result.path)


def test_copies_are_new_pictures(made):
    _, _, result = made
    seen = Counter(open_image(path).pixels.tobytes() for path in result.path.glob("*ata/few/*"))

    assert set(seen.values()) == {1}


def test_every_image_has_its_copies_under_names_of_ones_own(tmp_path):
    data = write_pictures(tmp_path / "data", num=5)
    wish = Copies(per_image=3, folder="more", table="all.csv")

    result = augment(plan(data, settings={"valid": 0, "test": 0.4}), tmp_path / "out", wish)

    assert result.num_copies == 18
    assert len(list((tmp_path / "out" / "more").rglob("*.png"))) == 18
    assert eyespot.read(result.table).name == "all"


# Formats, and names that tables and file systems do not like


def test_jpeg_stays_jpeg_and_all_else_becomes_png(tmp_path):
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "b").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels = Image.fromarray(picture(width=60, height=20))
    for index, kind in enumerate(["jpg", "png", "bmp", "JPEG", "webp"]):
        pixels.rotate(index).save(tmp_path / "data" / "a" / f"x{index}.{kind}", exif=turned)
        pixels.rotate(9 + index).convert("RGBA").save(tmp_path / "data" / "b" / f"y{index}.png")
    wish = Copies(per_image=1, ranges=Ranges(**(OFF | {"brightness": 0.01})))

    augment(plan(tmp_path / "data", settings={"valid": 0, "test": 0}), tmp_path / "out", wish)

    found = {}
    for path in (tmp_path / "out" / "new_Data").rglob("*.*"):
        with Image.open(path) as image:
            found[path.name] = image
    kinds = {name: image.format for name, image in found.items() if name.startswith("x")}
    assert kinds == {
        "x0-1.jpg": "JPEG",
        "x1-1.png": "PNG",
        "x2-1.png": "PNG",
        "x3-1.jpg": "JPEG",
        "x4-1.png": "PNG",
    }
    assert found["x0-1.jpg"].size == (20, 60), "EXIF's orientation is applied"
    assert found["x0-1.jpg"].getexif().get(0x0112, 1) == 1
    assert found["y0-1.png"].mode == "RGB"


def test_arrays_become_pictures(tmp_path):
    result = augment(plan_of(12, 6), tmp_path / "out", Copies(per_class=0))

    names = sorted(path.name for path in (tmp_path / "out" / "Data").iterdir())
    assert names[:2] == ["00000.png", "00001.png"] and len(names) == 18
    kept = np.asarray(Image.open(tmp_path / "out" / "Data" / "00003.png"))
    assert np.array_equal(kept, halves(12, bright=0)[3])
    assert plan(result.table).counts == result.after


def test_hostile_names_are_read_again(tmp_path):
    odd = [
        *("=cmd.png", "a b.png", "a,b.png", 'a"b.png', "a\nb.png", "é.png", "e\u0301.png"),
        *("A.png", "a.png", "a.bmp", "😀.png", "-rf.png", "a\\b.png", f"{'n' * 250}.png"),
        *(os.fsdecode(b"odd\xff.png"), "a-1.png"),
    ]
    for label, folder in enumerate(["=1+1", "'cat"]):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for name, pixels in zip(odd, halves(len(odd), bright=label), strict=True):
            Image.fromarray(pixels).save(tmp_path / "data" / folder / name)
    planned = plan(tmp_path / "data", settings={"valid": 0, "test": 0.2})

    result = augment(planned, tmp_path / "out", Copies(per_image=2))

    again = plan(result.table, settings={"valid": 0})
    assert not [issue for issue in again.issues if issue.left_out]
    assert again.counts == result.after
    assert again.loaded.dataset.classes == planned.loaded.dataset.classes == ("'cat", "=1+1")


def test_a_table_keeps_its_other_columns_and_its_groups(tmp_path):
    write_pictures(tmp_path / "data", num=6)
    rows = [f"{side}/{i}.png,{side},w{i},,Ann" for side in ("left", "right") for i in range(6)]
    path = tmp_path / "data" / "t.csv"
    path.write_text("\n".join(["image,label,writer,split,by", *rows]))
    planned = plan(path, settings={"group": "writer", "valid": 0, "test": 0.3})

    result = augment(planned, tmp_path / "out", Copies(per_image=1))

    table = read_table(result.table)
    assert list(table[0]) == ["image", "label", "source", "part", "group", "writer", "split", "by"]
    assert all(row["group"] == row["writer"] and row["by"] == "Ann" for row in table)
    later = plan(result.table, settings={"split": "stratified", "valid": 0, "test": 0.5})
    parts: dict[str, set[str]] = {}
    for index, writer in enumerate(later.loaded.dataset.columns["writer"]):
        parts.setdefault(writer, set()).add(later.split.parts[index])
    assert {len(found) for found in parts.values()} == {1}


def test_copies_of_copies_stay_with_the_first_original(made, tmp_path):
    _, _, first = made

    second = augment(plan(first.table), tmp_path / "out", Copies(per_class=30))

    later = plan(second.table, settings={"split": "stratified", "test": 0.4, "seed": 3})
    parts = dict(zip(later.loaded.dataset.names, later.split.parts, strict=True))
    rows = {row["image"]: row for row in read_table(second.table)}
    for row in rows.values():
        assert not row["source"] or parts[row["image"]] == parts[row["source"]]
    assert len({rows[name]["group"] for name in rows}) == 38


def test_images_that_cannot_be_read_are_left_out(tmp_path):
    data = write_pictures(tmp_path / "data", num=15)
    (data / "left" / "0.png").write_bytes(b"no image")

    result = augment(plan(data), tmp_path / "out", Copies(per_class=0))

    assert "Data/left/0.png" not in {row["image"] for row in read_table(result.table)}
    assert sum(map(sum, result.before.values())) == 29


# Where it may not write


@pytest.mark.parametrize("inside", ["", "new", "left/new"])
def test_the_datas_own_folder_is_refused(tmp_path, inside):
    data = write_pictures(tmp_path / "data", num=5)

    with pytest.raises(UsageError, match="already there|lies in the data's own folder"):
        augment(plan(data), data / inside, Copies(per_image=1))

    assert len(list(data.rglob("*"))) == 12


def test_a_folder_with_something_in_it_is_refused_and_an_empty_one_is_not(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match="full is already there and not empty; name a new folder"):
        augment(plan_of(6, 6), tmp_path / "full", Copies(per_image=1))
    augment(plan_of(6, 6), tmp_path / "empty", Copies(per_image=1))
    assert (tmp_path / "empty" / "updated_Labels.csv").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch, error):
    def vary(*args):
        raise error

    monkeypatch.setattr("eyespot.copies.writing.varied", vary)

    with pytest.raises((KeyboardInterrupt, ResourceError)) as raised:
        augment(plan_of(6, 6), tmp_path / "out", Copies(per_image=1))

    assert list(tmp_path.iterdir()) == []
    if isinstance(error, OSError):
        assert str(raised.value) == f"{tmp_path / 'out'} cannot be made: No space left on device"


def test_an_original_that_has_gone_is_named(tmp_path):
    data = write_pictures(tmp_path / "data", num=5)
    planned = plan(data)
    (data / "left" / "0.png").unlink()

    with pytest.raises(DataError, match="^left/0.png has gone while it was copied$"):
        augment(planned, tmp_path / "out", Copies(per_image=1))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"folder": "a/b"}, "'a/b' is no plain name for something in the new folder"),
        ({"folder": ".."}, "'..' would be hidden; name it otherwise"),
        ({"folder": "data"}, "'data' is where the originals go; name another folder"),
        ({"folder": ".new"}, "'.new' would be hidden; name it otherwise"),
        ({"table": "t.txt"}, "'t.txt' is no table's name; let it end with .csv"),
    ],
)
def test_names_that_would_do_harm_are_refused(names, sentence):
    with pytest.raises(UsageError) as error:
        Copies(per_image=1, **names)

    assert str(error.value) == sentence


# Label safety


class Sides:
    """A model that knows on which side a picture is bright, and what lies above."""

    def __init__(self, *classes, axis=1):
        self.classes, self._axis = classes or ("left", "right"), axis
        self.preparation = Preparation(size=12, channels=1, fit="pad", mean=(0.5,), std=(0.5,))

    def probabilities(self, images):
        grey = images[..., 0].mean(axis=2 if self._axis == 0 else 1)
        second = (grey[:, 6:].mean(axis=1) > grey[:, :6].mean(axis=1)).astype(np.float32)
        return np.stack([1 - second, second], axis=1)


def test_a_flip_that_makes_one_class_into_another_is_found():
    left = halves(8, bright=0)[..., None]
    both = np.concatenate([left, halves(8, bright=1)[..., None]])

    assert mirrors(Sides(), both, flipped(both)) == [
        Mirror(of="left", into="right", share=1.0),
        Mirror(of="right", into="left", share=1.0),
    ]
    assert len(mirrors(Sides(), both, half_turned(both))) == 2
    assert mirrors(Sides(), left[:4], flipped(left[:4])) == [], "four images say nothing"
    above = both.transpose(0, 2, 1, 3)
    assert mirrors(Sides(axis=0), above, flipped(above)) == []
    assert len(mirrors(Sides(axis=0), above, half_turned(above))) == 2


BECOMES = "to this model 'left' becomes 'right' (100%), 'right' becomes 'left' (100%)"
FLIPPED = f"mirrored left to right, {BECOMES}"


@pytest.mark.parametrize(
    ("kind", "flip", "judged", "sentence", "flips"),
    [
        ("ink", None, False, None, False),
        ("ink", None, True, f"{FLIPPED}; copies are not mirrored", False),
        ("ink", False, True, None, False),
        ("ink", True, True, f"{FLIPPED}; --flip was asked for and is kept", True),
        (
            *("ink", True, False),
            "these look like characters, and a mirrored b is a d; --flip was asked for and is kept",
            True,
        ),
        (
            *("photo", None, False),
            "these look like photos, so that half of the copies are mirrored (--no-flip)",
            True,
        ),
        (
            *("photo", None, True),
            f"{FLIPPED}; so copies are not mirrored (--flip to do it all the same)",
            False,
        ),
        ("photo", False, False, None, False),
    ],
)
def test_flips_are_off_where_they_change_labels(tmp_path, kind, flip, judged, sentence, flips):
    planned = plan_of(20, 20)
    recipe = Recipe(kind=kind, channels=3 if kind == "photo" else 1)
    listener = Listener()

    result = augment(
        replace(planned, recipe=recipe),
        tmp_path / "out",
        Copies(per_image=1, flip=flip),
        model=Sides() if judged else None,
        progress=listener,
    )

    assert listener.said == ([sentence] if sentence else [])
    assert result.ranges.flip is flips


def test_a_half_turn_that_was_asked_for_is_judged_too(tmp_path):
    listener = Listener()
    wish = Copies(per_image=1, flip=False, ranges=Ranges(rotate=180))

    augment(plan_of(20, 20), tmp_path / "out", wish, model=Sides(), progress=listener)

    assert listener.said == [
        f"turned upside down, {BECOMES}; --rotate 180 was asked for and is kept"
    ]
    assert listener.copies[-1] == (28, 28)


def test_a_model_of_other_classes_cannot_judge(tmp_path):
    with pytest.raises(DataError, match="class 'left' is not one of the model's cat, dog"):
        augment(plan_of(9, 9), tmp_path / "out", Copies(per_image=1), model=Sides("cat", "dog"))


# The verb


def test_the_verb_writes_a_set_that_train_takes(eyespot, tmp_path, monkeypatch, no_report):
    monkeypatch.chdir(tmp_path)
    unequal(tmp_path / "data", many=20, few=10)

    answer = eyespot("augment", "data", "--out=my set", "--balance", "--no-flip")

    assert answer.code == 0
    assert answer.out == "7 copies, so 28 training images: my set/updated_Labels.csv\n"
    assert answer.err.splitlines() == [
        "split: 21 train, 3 valid, 6 test (stratified)",
        "next: eyespot train 'my set/updated_Labels.csv'",
    ]
    settings = [f"--set={key}={value}" for key, value in TINY.items()]
    trained = eyespot("train", "my set/updated_Labels.csv", *settings)
    assert "split: 28 train, 3 valid, 6 test (its own valid and test part" in trained.err


def test_the_verb_asks_the_model_that_it_is_given(eyespot, trained, tmp_path):
    answer = eyespot(
        "augment", trained.data, "--out", tmp_path / "out", "--to=40", "--model", trained.run
    )

    assert answer.code == 0
    assert "mirrored left to right, to this model 'left' becomes 'right'" in answer.err


@pytest.mark.parametrize(
    "flags", [[], ["--balance", "--per-image=1"], ["--to=5", "--per-image=1"]], ids=str
)
def test_the_verb_wants_to_know_how_many(eyespot, tmp_path, flags):
    answer = eyespot("augment", "digits", "--out", tmp_path / "out", *flags)

    assert answer.code == 2
    assert answer.err == (
        "eyespot: say how many copies: either --per-image N, or --balance, or --to N\n"
    )


@pytest.mark.slow
def test_english_characters_to_100_a_class_on_disk(tmp_path):
    """No copy's original is outside of the training part; ten of the classes, as it takes long."""
    data = english()
    ten = selected(data, np.flatnonzero(data.labels < 10).tolist())
    planned = plan(replace(ten, classes=data.classes[:10]), settings={"seed": 20})

    result = augment(planned, tmp_path / "out", Copies(per_class=100))

    assert result.after["train"] == [100] * 10
    rows = read_table(result.table)
    part_of = {row["image"]: row["part"] for row in rows}
    assert {part_of[row["source"]] for row in rows if row["source"]} == {"train"}
    again = eyespot.read(result.table)
    assert len(again) == len(rows) and again.issues == ()
