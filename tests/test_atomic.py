"""A file is written whole or not at all."""

import os
import subprocess
import sys
import threading

import pytest

from eyespot.errors import ResourceError
from eyespot.files.atomic import write_bytes, write_text

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX system")


def run_python(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60
    )


def test_a_file_is_written_with_the_users_rights_and_nothing_beside_it(tmp_path):
    (tmp_path / "plain").write_bytes(b"")

    write_bytes(tmp_path / "a", b"new")

    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert {path.name for path in tmp_path.iterdir()} == {"a", "plain"}


def test_writing_needs_no_change_of_the_process_wide_umask(tmp_path, monkeypatch):
    """Another thread that makes a file at that moment would make it open to everybody."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was touched"))

    write_bytes(tmp_path / "a", b"")


@posix
@pytest.mark.parametrize(
    "name", ["n" * 255, "😀" * 63, b"\xff\xfe.png".decode("utf8", "surrogateescape")]
)
def test_the_longest_and_the_oddest_names_can_be_written(tmp_path, name):
    write_bytes(tmp_path / name, b"x")

    assert (tmp_path / name).read_bytes() == b"x"


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "gone" / "a.csv"

    with pytest.raises(ResourceError) as error:
        write_text(path, "x")

    assert str(error.value) == f"{path} cannot be written: No such file or directory"


@posix
def test_a_folder_in_the_place_of_a_file_stays(tmp_path):
    (tmp_path / "a").mkdir()

    with pytest.raises(ResourceError) as error:
        write_bytes(tmp_path / "a", b"x")

    assert str(error.value) == f"{tmp_path / 'a'} cannot be written: Is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@posix
def test_a_full_disk_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    code = """
import resource, sys
from pathlib import Path
from eyespot.errors import ResourceError
from eyespot.files.atomic import write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes(Path(sys.argv[1]), bytes(5000))
except ResourceError as error:
    print(error, error.exit_code)
"""

    done = run_python(code, path)

    assert done.stdout == f"{path} cannot be written: File too large 4\n"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_write_that_is_interrupted_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)

    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a", b"x")

    assert list(tmp_path.iterdir()) == []


@posix
def test_a_folder_that_cannot_be_synced_does_not_undo_the_write(tmp_path, monkeypatch):
    """Some network file systems refuse it."""
    real, folder = os.fsync, tmp_path.stat()

    def picky(handle: int) -> None:
        if os.path.samestat(os.fstat(handle), folder):
            raise OSError(22, "Invalid argument")
        real(handle)

    monkeypatch.setattr(os, "fsync", picky)

    write_bytes(tmp_path / "a", b"x")

    assert (tmp_path / "a").read_bytes() == b"x"


def test_readers_see_the_old_file_or_the_new_one_and_never_a_part(tmp_path):
    path = tmp_path / "a"
    write_bytes(path, b"0" * 100_000)
    seen, over = set(), threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.add(path.read_bytes())

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(1, 30):
        write_bytes(path, str(number % 10).encode() * 100_000)
    over.set()
    watcher.join()

    assert {len(data) for data in seen} == {100_000}
    assert all(len(set(data)) == 1 for data in seen)
