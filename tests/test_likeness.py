"""Which pictures are like one, and what a backbone says of a set in the check."""

import json

import numpy as np
import pytest
from PIL import Image

import eyespot as package
from eyespot.data.checkup import check
from eyespot.errors import DataError, ModelError, UsageError
from eyespot.line.likeness import find, write_sheet
from eyespot.line.oddness import alike, odd_ones, with_backbone
from eyespot.line.progress import Silence
from eyespot.values.dataset import Dataset
from tiny_backbone import make_backbone


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EYESPOT_BACKBONES", raising=False)


@pytest.fixture
def photos(tmp_path):
    """24 pictures each of red and of green blots, each its own."""
    generator = np.random.default_rng(0)
    for channel, name in enumerate(("red", "green")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(24):
            blots = generator.integers(0, 120, (5, 5, 3))
            blots[..., channel] += 120
            picture = Image.fromarray(blots.astype(np.uint8)).resize((40, 40))
            picture.save(tmp_path / "photos" / name / f"{number:02}.png")
    return tmp_path / "photos"


@pytest.fixture
def run(photos, tmp_path):
    settings = {"backbone": str(make_backbone(tmp_path / "tiny")), "refuse": 0}
    return package.train(photos, recipe="features", settings=settings, out=tmp_path / "run").run


def test_the_nearest_picture_is_itself_then_its_class(run, photos, eyespot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = eyespot("find", run.path, photos / "red" / "03.png", photos, "--top", 5, "--json")
    told = json.loads(said.out)

    assert [told["near"][0][word] for word in ("name", "label")] == ["red/03.png", "red"]
    assert told["near"][0]["distance"] == pytest.approx(0, abs=0.01)
    assert {one["label"] for one in told["near"]} == {"red"}
    distances = [one["distance"] for one in told["near"]]
    assert distances == sorted(distances)


def test_pictures_without_labels_are_searched_too(run, photos, tmp_path):
    loose = tmp_path / "loose"
    loose.mkdir()
    for number, name in enumerate(("red", "green", "green")):
        picture = Image.open(photos / name / f"{number:02}.png")
        picture.save(loose / f"{number}.png")

    found = find(run.path, photos / "red" / "05.png", loose, top=9)

    assert found.near[0].name == f"{loose}/0.png" and found.near[0].label is None
    assert len(found.near) == 3


def test_the_sheet_shows_what_was_asked_for_and_what_was_found(run, photos, tmp_path):
    found = find(run.path, photos / "red" / "05.png", photos, top=4)

    write_sheet(tmp_path / "sheet.png", found, photos / "red" / "05.png")

    with Image.open(tmp_path / "sheet.png") as sheet:
        width, height = sheet.size
    assert width > 3 * height  # a row of five


def test_what_cannot_be_searched_is_said(run, photos, tmp_path):
    (tmp_path / "text.png").write_text("buy milk")
    with pytest.raises(DataError, match=r"text\.png is not a picture"):
        find(run.path, tmp_path / "text.png", photos)
    with pytest.raises(UsageError, match="top = 0; give 1 or more"):
        find(run.path, photos / "red" / "05.png", photos, top=0)
    pytest.importorskip("onnxruntime")

    package.export(run.path)
    with pytest.raises(ModelError, match="an exported model shows no features"):
        find(run.path / "model.onnx", photos / "red" / "05.png", photos)


def test_a_net_from_scratch_finds_as_well(photos, tmp_path):
    settings = {"epochs": 1, "width": 8, "size": 16}
    run = package.train(photos, recipe="quick", settings=settings, out=tmp_path / "own").run

    found = find(run.path, photos / "green" / "07.png", photos, top=1)

    assert found.near[0].name == "green/07.png"


def unit_rows(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_what_is_unlike_its_class_and_what_is_the_same_is_told():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(60, 64)) + 4 * np.eye(2, 64)[np.arange(60) % 2]
    rows[10] = -rows[10]  # of the first class, and nothing like it
    rows[21] = rows[7] + 0.05 * generator.normal(size=64)  # of the second, like an earlier one
    names = tuple(map(str, range(60)))
    dataset = Dataset(
        name="set",
        form="an array",
        images=np.zeros((60, 1, 1, 3), np.uint8),
        names=names,
        labels=np.arange(60) % 2,
        classes=("a", "b"),
    )

    odd = list(odd_ones(dataset, unit_rows(rows)))
    same = list(alike(dataset, unit_rows(rows), range(60)))

    assert [one.name for one in odd] == ["10"]
    assert [(one.name, one.detail.split()[1]) for one in same] == [("21", "7")]
    known = [7 if place == 21 else place for place in range(60)]
    assert list(alike(dataset, unit_rows(rows), known)) == []  # told by its pixels already


def test_a_backbone_adds_to_the_check_and_takes_nothing_away(photos, tmp_path):
    backbone = make_backbone(tmp_path / "tiny")
    (photos / "red" / "broken.png").write_bytes(b"")

    plain = check(photos)
    looked = with_backbone(plain, str(backbone), Silence())

    assert with_backbone(plain, None, Silence()) is plain

    assert looked.issues[: len(plain.issues)] == plain.issues
    more = looked.issues[len(plain.issues) :]
    assert all(one.kind in ("alike", "odd-one-out") and not one.left_out for one in more)
