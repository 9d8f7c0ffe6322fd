"""A folder is new, or was empty, and nothing in it is overwritten."""

import os
import threading
from pathlib import Path

import pytest

from eyespot.errors import ResourceError, UsageError
from eyespot.files.folders import fresh_folder
from eyespot.files.run import new_run

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX system")


def test_runs_are_numbered_and_never_reused(tmp_path):
    runs = [new_run(None, name="digits", root=tmp_path / "runs").path.name for _ in range(3)]

    assert runs == ["digits-1", "digits-2", "digits-3"]


def test_two_trainings_at_once_get_two_folders(tmp_path):
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(new_run(None, name="d", root=tmp_path).path))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 20


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".", "", "a\0b", "n" * 300])
def test_a_data_sets_name_cannot_lead_out_of_the_root(tmp_path, name):
    run = new_run(None, name=name, root=tmp_path / "runs")

    assert run.path.parent == tmp_path / "runs"
    assert run.path.is_dir()


def test_an_empty_folder_is_taken_as_the_run(tmp_path):
    assert new_run(tmp_path, name="x", root=tmp_path).path == tmp_path
    assert new_run(tmp_path / "a" / "b", name="x", root=tmp_path).path.is_dir()


def test_a_folder_that_holds_something_is_never_overwritten(tmp_path):
    (tmp_path / "mine.txt").touch()

    with pytest.raises(UsageError) as error:
        new_run(tmp_path, name="x", root=tmp_path)

    assert str(error.value) == (
        f"{tmp_path} is already there and not empty; name a new folder for the run"
    )


@posix
@pytest.mark.parametrize(
    ("out", "root", "reason"),
    [
        ("file", "runs", "file cannot be made: a file is in its place"),
        ("file/sub", "runs", "file/sub cannot be made: Not a directory"),
        (None, "file", "file cannot be made: File exists"),
        (None, "file/runs", "file/runs cannot be made: Not a directory"),
    ],
)
def test_a_file_in_the_way_of_the_run_is_named(tmp_path, monkeypatch, out, root, reason):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()

    with pytest.raises(ResourceError) as error:
        new_run(Path(out) if out else None, name="x", root=Path(root))

    assert str(error.value) == reason


def test_a_folder_made_for_work_that_fails_goes_again_and_one_that_was_there_stays(tmp_path):
    (tmp_path / "old").mkdir()
    for name in ("old", "new"):
        with (
            pytest.raises(KeyboardInterrupt),
            fresh_folder(tmp_path / name, name="x", root=tmp_path, purpose="check"),
        ):
            raise KeyboardInterrupt

    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_what_work_that_failed_has_written_stays(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        fresh_folder(tmp_path / "new", name="x", root=tmp_path, purpose="check") as folder,
    ):
        (folder / "a.csv").touch()
        raise KeyboardInterrupt

    assert (tmp_path / "new" / "a.csv").exists()
