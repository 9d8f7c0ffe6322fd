"""A run folder is one process's at a time."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eyespot.errors import ResourceError
from eyespot.files.atomic import write_text
from eyespot.files.lock import owned
from eyespot.files.run import Run, new_run

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX system")


HOLD = """
import sys
from pathlib import Path
from eyespot.files.lock import owned
from eyespot.files.run import Run
with owned(Run(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def held_by(text: Path) -> str:
    return f"{text} is being written by another process; wait for it or name another folder"


def test_a_run_belongs_to_one_training_and_kill_9_lets_it_go(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout and other.stdout.readline() == b"held\n"

    with pytest.raises(ResourceError) as error, owned(Run(tmp_path)):
        pass
    other.kill()
    other.communicate()

    assert str(error.value) == held_by(tmp_path)
    with owned(Run(tmp_path)):
        pass


def test_a_run_is_held_against_its_own_process_too(tmp_path):
    with owned(Run(tmp_path)), pytest.raises(ResourceError), owned(Run(tmp_path)):
        pass


def test_the_lock_leaves_no_file_and_can_be_taken_again(tmp_path):
    for _ in range(3):
        with owned(Run(tmp_path)):
            pass
    with pytest.raises(KeyboardInterrupt), owned(Run(tmp_path)):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


@posix
def test_a_lock_on_a_removed_file_holds_nothing(tmp_path, monkeypatch):
    """Who waits between opening and locking may lock a file that its holder has just removed."""
    import fcntl

    real, first = fcntl.flock, [True]

    def late(handle: int, how: int) -> None:
        if first.pop() if first else False:
            (tmp_path / ".lock").unlink()
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)

    with owned(Run(tmp_path)), pytest.raises(ResourceError), owned(Run(tmp_path)):
        pass


def test_only_one_of_many_threads_owns_a_run_at_a_time(tmp_path):
    inside, most, taken = [0], [0], [0]

    def work() -> None:
        for _ in range(200):
            try:
                with owned(Run(tmp_path)):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    taken[0] += 1
                    inside[0] -= 1
            except ResourceError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most[0] == 1
    assert taken[0] > 4


@posix
def test_a_file_system_without_locks_does_not_stop_a_training(tmp_path, monkeypatch):
    import fcntl

    def unsupported(handle: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)

    with owned(Run(tmp_path)):
        write_text(tmp_path / "a", "x")


def test_windows_locks_a_byte_of_the_file(tmp_path, monkeypatch):
    """With a fake: no Windows at hand."""
    calls: list[tuple[int, int]] = []

    class Msvcrt:
        LK_NBLCK = 2

        @staticmethod
        def locking(handle: int, how: int, num: int) -> None:
            calls.append((how, num))
            if len(calls) > 1:
                raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt)
    monkeypatch.setattr(sys, "platform", "win32")

    with owned(Run(tmp_path)), pytest.raises(ResourceError) as error, owned(Run(tmp_path)):
        pass

    assert str(error.value) == held_by(tmp_path)
    assert calls == [(2, 1), (2, 1)]


@posix
def test_a_run_folder_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / ".lock").mkdir()
    gone = tmp_path / "gone"

    with pytest.raises(ResourceError) as error, owned(Run(tmp_path)):
        pass
    with pytest.raises(ResourceError) as missing, owned(Run(gone)):
        pass

    assert str(error.value) == f"{tmp_path}/.lock cannot be written: Is a directory"
    assert str(missing.value) == f"{gone}/.lock cannot be written: No such file or directory"


@posix
def test_a_read_only_folder_is_named_before_training(tmp_path):
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("root may write everywhere")
        with (
            pytest.raises(ResourceError) as error,
            owned(new_run(tmp_path, name="", root=tmp_path)),
        ):
            pass
        with pytest.raises(ResourceError) as below:
            new_run(None, name="a", root=tmp_path)
    finally:
        tmp_path.chmod(0o700)

    assert str(error.value) == f"{tmp_path}/.lock cannot be written: Permission denied"
    assert str(below.value) == f"{tmp_path} cannot be made: Permission denied"
