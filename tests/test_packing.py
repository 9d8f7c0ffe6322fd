"""Sets in shards: packed, and read as the set that they were made of."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import halves, write_pictures
from eyespot.data import pictures, read
from eyespot.data.checkup import check
from eyespot.data.packing import pack
from eyespot.data.selection import selected
from eyespot.data.sources.encoded import Encoded
from eyespot.errors import DataError, MissingExtra, UsageError
from eyespot.images.decode import open_image
from eyespot.values.dataset import Dataset


@pytest.fixture(params=["tar", "parquet"])
def form(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra cluster")
    return str(request.param)


def test_a_packed_set_is_the_set(tmp_path, form):
    data = read(write_pictures(tmp_path / "in", num=20))

    packed = pack(data, tmp_path / "out", form=form, shard_bytes=2_000)
    back = read(tmp_path / "out")

    assert len(packed.shards) > 2
    assert back.form == f"{len(packed.shards)} {'Parquet' if form == 'parquet' else 'tar'} shards"
    assert (back.names, back.classes) == (data.names, data.classes)
    assert back.labels.tolist() == data.labels.tolist()
    assert [bytes(image) for image in back.images] == [p.read_bytes() for p in data.images]


def test_parts_groups_and_columns_go_along(tmp_path, form):
    data = Dataset(
        name="letters",
        form="made",
        images=halves(4, bright=0),
        names=("=a", "b,b", "ü", 'd"d'),
        labels=np.array([0, 1, 1, 0]),
        classes=("A", "<b>"),
        parts=("train", "test", None, "valid"),
        groups=("w1", "w1", "w2", "w2"),
        columns={"pen": ("blue", "", "-red", "black")},
    )

    pack(data, tmp_path / "out", form=form)
    back = read(tmp_path / "out")

    assert back.names == data.names
    assert [back.classes[k] for k in back.labels] == ["A", "<b>", "<b>", "A"]
    assert (back.parts, back.groups, back.columns) == (data.parts, data.groups, data.columns)
    for image, pixels in zip(back.images, data.images, strict=True):
        assert (open_image(image).pixels[..., 0] == pixels).all()


def test_what_is_selected_of_shards_is_still_not_read(tmp_path, form):
    data = read(write_pictures(tmp_path / "in", num=9))
    pack(data, tmp_path / "out", form=form, shard_bytes=1_000)
    back = read(tmp_path / "out")

    some = selected(back, [17, 3, 0])

    assert isinstance(some.images, Encoded)
    wanted = [data.images[place].read_bytes() for place in (17, 3, 0)]
    assert list(some.images) == wanted
    assert list(pickle.loads(pickle.dumps(some.images))) == wanted
    assert list(back.images[3:4]) == wanted[1:2]


def test_a_check_finds_in_shards_what_it_finds_in_files(tmp_path, form):
    folder = write_pictures(tmp_path / "in", num=12)
    (folder / "left" / "broken.png").write_text("no picture")
    (folder / "right" / "twin.png").write_bytes((folder / "left" / "3.png").read_bytes())
    data = read(folder)
    pack(data, tmp_path / "out", form=form, shard_bytes=1_500)

    ours = check(tmp_path / "out", cache=tmp_path / "cache")
    files = check(data, cache=tmp_path / "cache2")

    assert [(i.kind, i.name, i.detail) for i in ours.issues] == [
        (i.kind, i.name, i.detail) for i in files.issues
    ]
    assert len(ours.exact) == 1


def test_a_training_on_shards_is_the_training_on_the_files(tmp_path, form):
    import eyespot
    from conftest import TINY

    data = write_pictures(tmp_path / "in", num=30)
    pack(read(data), tmp_path / "out", form=form)
    runs = [
        eyespot.train(source, settings=TINY, out=tmp_path / f"run{number}").run
        for number, source in enumerate((data, tmp_path / "out"))
    ]

    assert runs[0].model.read_bytes()[-2000:] == runs[1].model.read_bytes()[-2000:]
    assert runs[0].split.read_text() == runs[1].split.read_text()


def test_pictures_of_shards_need_no_labels(tmp_path, form):
    data = read(write_pictures(tmp_path / "in", num=3))
    packed = pack(data, tmp_path / "out", form=form)

    for source in (tmp_path / "out", tmp_path / "out" / packed.shards[0]):
        found = pictures([source])
        assert found.names == data.names
        assert list(found.images)[4] == data.images[4].read_bytes()


def test_files_that_are_gone_are_left_out_and_named(tmp_path):
    data = read(write_pictures(tmp_path / "in", num=3))
    (tmp_path / "in" / "right" / "1.png").unlink()

    packed = pack(data, tmp_path / "out", form="tar")

    assert (packed.num, len(packed.left_out)) == (5, 1)
    assert "right/1.png,unreadable" in (tmp_path / "out" / "left-out.csv").read_text()


def test_nothing_is_left_of_a_packing_that_fails(tmp_path):
    data = read(write_pictures(tmp_path / "in", num=3))

    def stop(done: int, num: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(data, tmp_path / "out", form="tar", progress=stop)

    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_that_holds_something_is_refused(tmp_path):
    data = read(write_pictures(tmp_path / "in", num=3))
    with pytest.raises(UsageError, match="already there and not empty; name a new folder"):
        pack(data, tmp_path / "in", form="tar")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    import importlib.util

    data = read(write_pictures(tmp_path / "in", num=3))
    monkeypatch.setattr(importlib.util, "find_spec", lambda *args: None)
    with pytest.raises(MissingExtra, match=r"pip install 'eyespot\[cluster\]'"):
        pack(data, tmp_path / "out")


def tarred(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def png(level: int) -> bytes:
    data = io.BytesIO()
    Image.new("L", (8, 8), level).save(data, "PNG")
    return data.getvalue()


def test_a_tar_of_class_folders_is_a_set_and_links_are_refused(tmp_path):
    members = {f"train/{c}/{n}.png": png(n) for c in "ab" for n in range(3)}
    members |= {"test/a/9.png": png(9), "test/b/../../../x.png": png(8), "notes.txt": b"hello"}
    tar = tarred(tmp_path / "set.tar", members, {"train/a/link.png": "/etc/passwd"})

    data = read(tar)

    assert len(data) == 7 and data.classes == ("a", "b")
    assert data.parts is not None and data.parts.count("test") == 1
    assert {issue.name: issue.detail for issue in data.issues} == {
        "train/a/link.png": "left in the archive: it is a link, a device or a sparse file",
        "test/b/../../../x.png": "left in the archive: its path leads out of the archive",
    }


@pytest.mark.parametrize("damage", [b"", b"no tar at all", None])
def test_a_tar_that_is_none_is_a_sentence(tmp_path, damage):
    tar = tarred(tmp_path / "set.tar", {"a/1.png": png(1), "b/1.png": png(2)})
    tar.write_bytes(tar.read_bytes()[:700] if damage is None else damage)

    with pytest.raises(
        DataError, match=r"set.tar (is no whole, uncompressed tar|holds no|says no)"
    ):
        read(tar)


def test_parquet_of_the_hub_is_a_set(tmp_path):
    """Its images are pairs of bytes and path, its labels numbers, its parts in the files' names."""
    pa = pytest.importorskip("pyarrow", reason="needs the extra cluster")
    import pyarrow.parquet as pq

    names = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    told = {"huggingface": json.dumps({"info": {"features": names}})}
    for part, num in (("train", 5), ("test", 2)):
        table = pa.table(
            {
                "image": [{"bytes": png(n), "path": f"{n}.png"} for n in range(num)],
                "label": [n % 2 for n in range(num)],
            }
        ).replace_schema_metadata(told)
        pq.write_table(table, tmp_path / f"{part}-00000-of-00001.parquet")

    data = read(tmp_path)

    assert data.classes == ("cat", "dog") and len(data) == 7
    assert data.parts == ("test",) * 2 + ("train",) * 5
    assert data.names[0] == "test-00000-of-00001.parquet/000000"
    assert open_image(data.images[3]).pixels[0, 0, 0] == 1


def test_parquet_without_images_or_labels_is_a_sentence(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs the extra cluster")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet has the columns x: none is called image, "):
        read(tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [b"x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"says no labels; name their column by --columns label="):
        read(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"a.parquet is no whole Parquet file"):
        read(tmp_path / "a.parquet")


def test_the_verb(tmp_path, eyespot):
    write_pictures(tmp_path / "in", num=4)

    told = eyespot("pack", tmp_path / "in", "--out", tmp_path / "out", "--form", "tar")

    assert told.code == 0, told.err
    assert told.out.startswith("8 images in 1 shard, ")
    assert told.err.endswith(f"next: eyespot train {tmp_path / 'out'}\n")
    shown = eyespot("show", tmp_path / "out")
    assert "1 tar shard" in shown.out
