import os
import socket
import sys
import tracemalloc
from pathlib import Path

import pytest

from eyespot.data import read
from eyespot.data.sources.tree import scan
from eyespot.errors import DataError

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX system")

NO_FILE = "is a pipe, socket or device, not a file"


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root: Path) -> list[tuple[str, str, str]]:
    return [(issue.kind, issue.name, issue.detail) for issue in scan(root).issues]


@posix
def test_a_pipe_under_a_pictures_name_is_named_and_never_opened(tmp_path):
    files(tmp_path, "a/1.png", "b/1.png")
    os.mkfifo(tmp_path / "a" / "2.png")
    os.mkfifo(tmp_path / "b" / "notes")

    data = read(tmp_path)

    assert data.names == ("a/1.png", "b/1.png")
    (issue,) = data.issues
    assert (issue.kind, issue.name, issue.detail) == ("not-a-file", "a/2.png", NO_FILE)
    assert issue.left_out


@posix
def test_a_socket_under_a_pictures_name_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's own path may have 108 bytes at most
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("1.HEIC")

        assert found(tmp_path) == [("not-a-file", "1.HEIC", NO_FILE)]


@posix
def test_a_link_to_a_pipe_or_device_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.png").symlink_to("pipe")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "notes").symlink_to("pipe")

    assert found(tmp_path) == [
        ("not-a-file", "a.png", NO_FILE),
        ("not-a-file", "b.png", NO_FILE),
    ]


@posix
def test_a_loop_of_links_brings_every_picture_once(tmp_path):
    files(tmp_path, "a/1.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "2.png").symlink_to("1.png")
    (tmp_path / "a" / "3.png").symlink_to("3.png")

    tree = scan(tmp_path)

    assert tree.images == ["a/1.png"]
    assert found(tmp_path) == [
        ("link", "a/2.png", "the link leads to 'a/1.png', which is in the set already"),
        ("link", "a/3.png", "the link leads nowhere"),
        (
            "link",
            "a/again",
            "links to folders are not followed; its files count where they really lie",
        ),
    ]


def test_a_folder_that_is_called_like_a_picture_is_a_folder(tmp_path):
    tree = scan(files(tmp_path, "a.jpg/1.png"))

    assert (tree.images, tree.folders, tree.issues) == (["a.jpg/1.png"], ["a.jpg"], ())


@posix
def test_every_name_that_a_disk_can_hold_is_kept(tmp_path):
    odd = [" ", "new\nline", "quote'\"", "a,b", "😀", "é", "e\u0301", "-rf", "=cmd", "\\", "A", "a"]
    raw = os.fsdecode(b"\xff\xfe")
    names = [f"{name}.png" for name in [*odd, raw, "n" * 251]]

    assert scan(files(tmp_path, *names)).images == sorted(names)


@posix
def test_a_folder_that_may_not_be_listed_is_named(tmp_path):
    files(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        if os.access(tmp_path / "b", os.R_OK):
            pytest.skip("root may read everything")
        tree = scan(tmp_path)
        with pytest.raises(DataError) as error:
            scan(tmp_path / "b")
    finally:
        (tmp_path / "b").chmod(0o700)

    assert tree.images == ["a/1.png"]
    assert [(issue.name, issue.detail) for issue in tree.issues] == [
        ("b/", "the folder cannot be listed: Permission denied")
    ]
    assert str(error.value) == f"{tmp_path / 'b'} cannot be listed: Permission denied"


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(DataError) as error:
        scan(tmp_path / "gone")

    assert str(error.value) == f"{tmp_path / 'gone'} cannot be listed: No such file or directory"


def test_a_folder_that_vanishes_meanwhile_is_named(tmp_path, monkeypatch):
    files(tmp_path, "a/1.png", "b/1.png")
    real = os.scandir

    def scandir(path: str):
        if os.path.basename(os.path.normpath(path)) == "b":
            raise FileNotFoundError(2, "No such file or directory")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    assert scan(tmp_path).images == ["a/1.png"]
    assert found(tmp_path) == [
        ("unreadable", "b/", "the folder cannot be listed: No such file or directory")
    ]


def test_a_folder_is_listed_once_and_its_files_cost_nothing_more(tmp_path, monkeypatch):
    files(tmp_path, *(f"{folder}/{number}.png" for folder in "ab" for number in range(20)))
    calls = []

    def noted(name):
        real = getattr(os, name)

        def note(path, *args, **options):
            # The root is looked at, part by part, to find where it really is.
            if name == "scandir" or Path(path).is_relative_to(tmp_path / "a"):
                calls.append((name, os.path.relpath(path, tmp_path)))
            return real(path, *args, **options)

        monkeypatch.setattr(os, name, note)

    for name in ("scandir", "listdir", "stat", "lstat", "open"):
        noted(name)

    tree = scan(tmp_path)

    assert len(tree.images) == 40
    assert sorted(calls) == [("scandir", "."), ("scandir", "a"), ("scandir", "b")]


@pytest.mark.slow
def test_a_hundred_thousand_files_in_one_folder_cost_little_memory(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(100_000):
        os.close(os.open(tmp_path / "a" / f"picture-{number:07}.png", os.O_CREAT))
    tracemalloc.start()

    tree = scan(tmp_path)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(tree.images) == 100_000
    assert peak < 100e6  # a million take less than 1 GB
