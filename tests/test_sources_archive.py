import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eyespot.data import pictures, read
from eyespot.errors import DataError, ResourceError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def packed(folder: Path, members: dict[str, bytes], name="pets.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return folder / name


PETS = {"cat/1.png": b"c", "dog/1.png": b"d", "dog/é 2.png": b"e"}


def test_a_zip_is_read_like_its_folder(tmp_path, cache):
    data = read(packed(tmp_path, PETS))

    assert (data.name, data.form) == ("pets", "a folder per class, in a zip archive")
    assert data.names == tuple(PETS)
    assert [path.read_bytes() for path in data.images] == list(PETS.values())
    assert all(path.is_relative_to(cache / "unpacked") for path in data.images)


def test_it_is_unpacked_once(tmp_path, cache):
    path = packed(tmp_path, PETS)
    first = read(path).images[0].stat()

    assert read(path).images[0].stat() == first
    assert [len(name) for name in os.listdir(cache / "unpacked")] == [64]


def test_a_wrapping_folder_and_litter_are_looked_through(tmp_path):
    members = {f"wrap/pets/{name}": data for name, data in PETS.items()}
    members |= {"__MACOSX/wrap/._1.png": b"", "wrap/.DS_Store": b"", "wrap/pets/cat/.1.png": b""}

    data = read(packed(tmp_path, members))

    assert data.names == tuple(PETS)
    assert data.issues == ()


def test_tables_arrays_and_idx_files_are_read_from_a_zip(tmp_path):
    rows = b"image,label\nimg/a.png,x\nimg/b.png,y\n"
    data = read(packed(tmp_path, {"labels.csv": rows, "img/a.png": b"", "img/b.png": b""}))
    assert data.form == "a labels table (labels.csv) with its images, in a zip archive"

    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros((2, 4, 4), np.uint8), y=[0, 1])
    data = read(packed(tmp_path, {"a/set.npz": buffer.getvalue()}, "b.zip"))
    assert data.form == "an .npz file of arrays, in a zip archive"

    idx = b"\0\0\x08\x03" + np.array([2, 1, 2], ">u4").tobytes() + b"abcd"
    labels = b"\0\0\x08\x01" + np.array([2], ">u4").tobytes() + b"\0\1"
    names = ("train-images-idx3-ubyte", "train-labels.idx1-ubyte")
    data = read(packed(tmp_path, dict(zip(names, (idx, labels), strict=True)), "c.zip"))
    assert data.form == "IDX files, in a zip archive"


def refusals(dataset) -> dict[str, str]:
    return {
        issue.name: issue.detail.removeprefix("left in the archive: ")
        for issue in dataset.issues
        if issue.kind == "refused-member"
    }


def test_members_that_do_harm_are_left_out_one_by_one(tmp_path, cache):
    path = packed(tmp_path, PETS)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("../up.png", "cat/../../up.png", "/abs.png", "C:/abs.png", "..\\up.png"):
            archive.writestr(name, b"x")
        archive.writestr("cat/1.png", b"second")
        archive.writestr("cat/inner.zip", b"x")
        archive.writestr("cat/blown.png", b"\0" * 5_000_000)
        archive.writestr("noise.txt", os.urandom(100_000))  # keeps the whole below the limit
        archive.writestr("cat/" + "x" * 300 + ".png", b"x")
        for name, kind in (("cat/link.png", stat.S_IFLNK), ("cat/pipe.png", stat.S_IFIFO)):
            member = zipfile.ZipInfo(name)
            member.external_attr = (kind | 0o644) << 16
            archive.writestr(member, "/etc/passwd")

    data = read(path)

    assert data.names == tuple(PETS)
    assert data.images[0].read_bytes() == b"c"
    assert refusals(data) == {
        "../up.png": "its path leads out of the archive",
        "cat/../../up.png": "its path leads out of the archive",
        "/abs.png": "its path is absolute",
        "C:/abs.png": "its path is absolute",
        "cat/1.png": "there twice",
        "cat/inner.zip": "it is an archive itself",
        "cat/blown.png": "it unpacks to more than 200 times its size",
        "cat/link.png": "it is a link or a device",
        "cat/pipe.png": "it is a link or a device",
        "cat/" + "x" * 300 + ".png": "its bytes are damaged or its name is too long",
    }
    assert not list(tmp_path.rglob("up.png"))
    assert refusals(read(path)) == refusals(data)


def test_a_damaged_member_is_left_out(tmp_path):
    path = packed(tmp_path, {**PETS, "cat/2.png": os.urandom(1000)})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("cat/2.png").header_offset
    data[start + 500] ^= 1
    path.write_bytes(data)

    assert refusals(read(path)) == {"cat/2.png": "its bytes are damaged or its name is too long"}


def test_encrypted_members_are_left_out(tmp_path):
    path = packed(tmp_path, {**PETS, "cat/2.png": b"x"})
    data = bytearray(path.read_bytes())
    position = data.rindex(b"PK\x01\x02")
    data[position + 8] |= 1  # the flag in the last entry of the central directory
    path.write_bytes(data)

    assert refusals(read(path)) == {"cat/2.png": "it is encrypted"}


def test_a_bomb_is_refused_whole(tmp_path, cache):
    path = packed(tmp_path, {"cat/1.png": b"\0" * 50_000_000, "dog/1.png": b"\0" * 50_000_000})

    with pytest.raises(DataError) as caught:
        read(path)

    assert str(caught.value).startswith(f"{path} unpacks to 1,0")
    assert str(caught.value).endswith(" times its size; refused as a trap")
    assert not cache.exists()


def test_a_file_that_is_no_zip_gets_a_sentence(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"text")

    with pytest.raises(DataError) as caught:
        read(path)

    assert (
        str(caught.value)
        == f"{path} is no whole zip archive (File is not a zip file); get it again"
    )


def test_no_right_to_write_the_cache_is_a_resource_error(tmp_path, cache):
    cache.write_text("a file where the folder should be")

    with pytest.raises(ResourceError, match="cannot be made: Not a directory"):
        read(packed(tmp_path, PETS))


def test_a_break_off_leaves_nothing_behind(tmp_path, cache, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eyespot.data.sources.archive.shutil.copyfileobj", full)
    with pytest.raises(ResourceError, match="cannot be written: No space left on device"):
        read(packed(tmp_path, PETS))

    assert os.listdir(cache / "unpacked") == []


def test_an_error_names_the_archive_not_the_cache(tmp_path):
    path = packed(tmp_path, {"readme.txt": b"x"})

    with pytest.raises(DataError, match="pets.zip holds no images that eyespot knows; give"):
        read(path)


def test_pictures_are_taken_from_a_zip(tmp_path):
    path = packed(tmp_path, PETS)

    assert pictures([path]).names == tuple(f"{path}/{name}" for name in PETS)
