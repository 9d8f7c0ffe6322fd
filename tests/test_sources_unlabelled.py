import os
from pathlib import Path

import numpy as np
import pytest

from eyespot.data import pictures
from eyespot.errors import DataError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def error(*sources) -> str:
    with pytest.raises(DataError) as caught:
        pictures(sources)
    return str(caught.value)


def test_files_keep_the_names_they_were_given():
    files("a.png", "sub/b.jpg", "odd")

    found = pictures(["./a.png", Path("sub/b.jpg"), "odd", "a.png"])

    assert found.names == ("./a.png", "sub/b.jpg", "odd", "a.png")
    assert list(found.images) == [Path("a.png"), Path("sub/b.jpg"), Path("odd"), Path("a.png")]
    assert found.images[-1] == Path("a.png")
    assert list(found.images[1:3]) == [Path("sub/b.jpg"), Path("odd")]


def test_folders_are_searched_to_the_bottom(here):
    files("in/b.png", "in/deep/er/a.JPG", "in/.hidden.png", "in/notes.txt")

    found = pictures(["in/"])

    assert found.names == ("in/b.png", "in/deep/er/a.JPG")
    assert list(found.images) == [here / "in/b.png", here / "in/deep/er/a.JPG"]


def test_patterns_are_expanded_in_order():
    files("b.png", "a.png", "in/c.png", "notes.txt", "[1].png")

    assert pictures(["?.png"]).names == ("a.png", "b.png")
    assert pictures(["**/*.png"]).names == ("[1].png", "a.png", "b.png", "in/c.png")
    assert pictures(["[1].png"]).names == ("[1].png",)


def test_a_table_gives_every_row_in_order_by_its_own_words(here):
    files("img/1.png", "img/2.png")
    for text in ("id,label\n2,\n1,x\n2,y\n", "id\n2\n1\n2\n"):
        Path("test.csv").write_text(text)

        found = pictures(["test.csv"])

        assert found.names == ("2", "1", "2")
        assert list(found.images) == [here / f"img/{i}.png" for i in (2, 1, 2)]


def test_a_table_of_pixels_needs_no_label():
    pixels = np.arange(3 * 64).reshape(3, 64)
    row = "\n".join(",".join(map(str, line)) for line in pixels.tolist())
    names = ",".join(f"pixel{i}" for i in range(64))
    labelled = "\n".join(f"7,{line}" for line in row.split("\n"))
    numbered = "\n".join(f"n{i},{line}" for i, line in enumerate(row.split("\n")))
    Path("plain.csv").write_text(f"{names}\n{row}\n")
    Path("bare.csv").write_text(f"{row}\n")
    Path("labels.csv").write_text(f"label,{names}\n{labelled}\n")
    Path("ids.csv").write_text(f"id,{names}\n{numbered}\n")

    for name in ("plain", "bare", "labels", "ids"):
        assert (pictures([f"{name}.csv"]).images.reshape(3, 64) == pixels).all()
    assert pictures(["plain.csv"]).names[-1] == "plain.csv/00002"
    assert pictures(["ids.csv"]).names == ("n0", "n1", "n2")


def test_arrays_and_idx_files_are_read():
    images = np.arange(2 * 12, dtype=np.uint8).reshape(2, 3, 4)
    np.savez("one.npz", x_test=images)
    np.savez("two.npz", x_test=images, x_train=images, y_train=[0, 1])
    header = b"\0\0\x08\x03" + np.array([2, 3, 4], ">u4").tobytes()
    Path("t10k-images-idx3-ubyte").write_bytes(header + images.tobytes())

    assert pictures(["one.npz"]).names == ("one.npz/00000", "one.npz/00001")
    assert pictures(["two.npz"]).names[2] == "two.npz/x_train/00000"
    assert (pictures(["t10k-images-idx3-ubyte"]).images == images).all()


def test_several_sources_come_one_after_the_other(here):
    files("a.png", "in/b.png", "in/c.png")
    np.savez("x.npz", x=np.zeros((2, 4, 4)))

    found = pictures(["x.npz", "a.png", "in"])

    assert found.names == ("x.npz/00000", "x.npz/00001", "a.png", "in/b.png", "in/c.png")
    assert list(found.images[2:]) == [Path("a.png"), here / "in/b.png", here / "in/c.png"]
    assert len(found.images) == len(list(found.images)) == 5


def test_nothing_found_gets_a_sentence():
    files("empty/notes.txt", "foreign/a.heic", "a.png")
    os.mkfifo("pipe.png")
    Path("rows.csv").write_text("image\na.png\ngone.png\n")
    Path("other.csv").write_text("kind,legs,tail\ncat,4,1\n")
    Path("header.csv").write_text("image,label\n")

    assert error() == "no image is named; give files, folders, patterns or tables of images"
    assert error("*.jpg") == "'*.jpg' matches no file; look at the pattern and the folder"
    assert error("gone.png") == (
        "'gone.png' is not there; give image files, folders or tables of images"
    )
    assert error("pipe.png") == "'pipe.png' is a pipe or a device; give regular files"
    assert error("empty") == "'empty' holds no images; give image files, folders or tables"
    assert error("foreign") == (
        "'foreign' holds no images, only pictures that cannot be read ('a.heic'); give image "
        "files, "
        "folders or tables"
    )
    assert error("rows.csv") == "rows.csv line 3: 'gone.png' is not there; mend the row"
    assert error("other.csv") == (
        "other.csv has kind, legs, tail: no column is called image, filename, file_name, file "
        "or the "
        "like; rename the one that names the images"
    )
    assert error("header.csv") == "header.csv holds a header and no row; add a row for each image"
