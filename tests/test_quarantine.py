from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from eyespot.data import read
from eyespot.data.checks import KINDS
from eyespot.data.checkup import check
from eyespot.data.quarantine import (
    QUARANTINED,
    Row,
    apply_quarantine,
    quarantine_path,
    quarantine_rows,
    read_quarantine,
    write_quarantine,
)
from eyespot.errors import DataError, ResourceError
from eyespot.values.dataset import Issue
from made_pictures import dataset, photo

ROWS = [Row("00001", "blank", "one colour all over"), Row("00003", "leak", 'as, "in" test\n')]


def test_rows_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "quarantine.csv"
    rows = [*ROWS, Row("=cmd", "blank", "@x"), Row("caf\udce9.png", "unreadable", "")]

    write_quarantine(path, rows)

    assert read_quarantine(path) == rows
    assert path.read_bytes().startswith(b"name,kind,detail\n")


def test_no_table_is_an_empty_quarantine(tmp_path):
    assert read_quarantine(tmp_path / "quarantine.csv") == []


def test_a_table_by_hand_needs_the_names_alone(tmp_path):
    path = tmp_path / "quarantine.csv"
    path.write_text("name\r\na.png\r\n\r\nb.png\r\n")

    assert read_quarantine(path) == [Row("a.png", "", ""), Row("b.png", "", "")]


def test_a_table_without_names_is_refused(tmp_path):
    path = tmp_path / "quarantine.csv"
    path.write_text("image\na.png\n")

    with pytest.raises(DataError, match="has no column 'name'; give it the columns name, kind, de"):
        read_quarantine(path)


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path):
    with pytest.raises(ResourceError, match="cannot be written: .*--quarantine FILE of train and"):
        write_quarantine(tmp_path / "missing" / "quarantine.csv", ROWS)


def test_the_table_lies_in_the_folder_or_beside_the_file(tmp_path):
    (tmp_path / "labels.csv").touch()

    assert quarantine_path(tmp_path) == tmp_path / "quarantine.csv"
    assert quarantine_path(tmp_path / "labels.csv") == tmp_path / "labels.csv.quarantine.csv"
    assert quarantine_path("mnist") is None


def test_every_quarantined_kind_is_one_that_a_check_tells():
    assert set(KINDS) >= QUARANTINED


def test_only_certain_faults_go_into_quarantine_and_each_image_once():
    data = dataset([photo(seed) for seed in range(5)])
    issues = [
        Issue(kind="blurred", name="00000", detail="x"),
        Issue(kind="leak", name="00003", detail="y"),
        Issue(kind="blank", name="00001", detail="z"),
        Issue(kind="leak", name="00001", detail="y"),
        Issue(kind="contradicting-label", name="labels.csv line 3", detail="w"),
    ]

    assert quarantine_rows(data, issues) == [Row("00001", "blank", "z"), Row("00003", "leak", "y")]
    assert quarantine_rows(data, issues, kinds={"blurred"}) == [Row("00000", "blurred", "x")]


def test_the_named_images_are_left_out_each_with_an_issue():
    images = np.arange(20, dtype=np.uint8).reshape(5, 2, 2)
    data = dataset(images, labels=[0, 1, 0, 1, 1], parts=["train"] * 3 + ["test"] * 2)

    kept = apply_quarantine(data, ROWS)

    assert kept.names == ("00000", "00002", "00004")
    assert kept.images[:, 0, 0].tolist() == [0, 8, 16]
    assert (kept.labels.tolist(), kept.parts) == ([0, 0, 1], ("train", "train", "test"))
    assert kept.classes == data.classes
    assert kept.issues == (
        Issue(kind="quarantined", name="00001", detail="blank: one colour all over", left_out=True),
        Issue(kind="quarantined", name="00003", detail='leak: as, "in" test\n', left_out=True),
    )


def test_without_rows_nothing_changes():
    data = dataset([photo(0), photo(1)])

    assert apply_quarantine(data, []) is data


def test_a_row_for_an_image_that_is_not_there_is_told():
    data = dataset([photo(0), photo(1)])

    kept = apply_quarantine(data, [Row("gone.png", "", "")])

    assert kept.names == data.names
    assert [(one.kind, one.name, one.left_out) for one in kept.issues] == [
        ("not-there", "gone.png", False)
    ]


def test_a_row_for_an_image_that_reading_left_out_is_not_told_again():
    left_out = Issue(kind="no-row", name="a.png", detail="no row names it", left_out=True)
    data = replace(dataset([photo(0), photo(1)]), issues=(left_out,))

    assert apply_quarantine(data, [Row("a.png", "", "")]).issues == (left_out,)


def test_a_quarantine_of_everything_is_refused():
    data = dataset([photo(0), photo(1)])

    with pytest.raises(DataError, match="pets: every image is in quarantine; remove rows"):
        apply_quarantine(data, [Row(name, "", "") for name in data.names])


def test_a_folder_goes_the_whole_way_and_back(tmp_path):
    root = tmp_path / "pets"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for seed in range(8):
            Image.fromarray(photo(10 * label + seed)).save(root / name / f"{seed}.png")
    (root / "cat" / "empty.jpg").touch()
    (root / "cat" / "page.jpg").write_text("<html>")
    Image.new("RGB", (160, 120), "white").save(root / "dog" / "white.png")
    Image.fromarray(photo(0)).save(root / "dog" / "twin.png")
    before = sorted(path.name for path in root.rglob("*"))

    checked = check(root, cache=tmp_path / "cache")
    rows = quarantine_rows(checked.dataset, checked.issues)
    write_quarantine(quarantine_path(root), rows)
    kept = apply_quarantine(read(root), read_quarantine(quarantine_path(root)))

    assert {row.name: row.kind for row in rows} == {
        "cat/0.png": "contradicting-label",
        "cat/empty.jpg": "empty-file",
        "cat/page.jpg": "unreadable",
        "dog/twin.png": "contradicting-label",
        "dog/white.png": "blank",
    }
    assert set(kept.names) == set(checked.dataset.names) - {row.name for row in rows}
    assert [path for path in kept.images] == [root / name for name in kept.names]
    assert sorted(path.name for path in root.rglob("*") if path.suffix != ".csv") == before
    write_quarantine(quarantine_path(root), rows[1:])
    again = apply_quarantine(read(root), read_quarantine(quarantine_path(root)))
    assert set(again.names) - set(kept.names) == {"cat/0.png"}
