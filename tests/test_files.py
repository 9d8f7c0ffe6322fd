import csv
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyespot.errors import DataError, EyespotError, ResourceError, UsageError
from eyespot.files.atomic import write_bytes, write_json, write_text
from eyespot.files.cache import cache_folder
from eyespot.files.folders import fresh_folder
from eyespot.files.lock import owned
from eyespot.files.run import Run, new_run, write_predictions
from eyespot.files.tables import read_table, table_text, write_issues, write_table
from eyespot.values.dataset import Issue
from eyespot.values.predictions import Predictions

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX system")

HOSTILE = [
    "",
    " ",
    "plain.png",
    "a,b;c\td",
    'say "cheese"',
    "two\nlines",
    "a return\rand\r\nboth",
    "=cmd|' /C calc'!A0",
    "+1",
    "-rf",
    "@SUM(A1)",
    "\tindented",
    "\rreturned",
    "\n=broken",
    "＝1+1",  # full-width: spreadsheets take it for =
    "'quoted",
    "''",
    "'=both",
    "'\\u0041",
    "😀",
    "e\u0301 and \u00e9",
    "\u202egpj.exe",
    "bytes \udcff\udc80",
    "half \ud800 a pair, bytes \udcff",
    "\udfff",
    "\ufeffmark",
    "nul\0",
    "x" * 100_000,
]


def run_python(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60
    )


# Writing


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


# Tables


@pytest.mark.parametrize("cell", HOSTILE, ids=lambda cell: ascii(cell)[:20])
def test_every_name_survives_the_table(tmp_path, cell):
    write_table(tmp_path / "t.csv", ("name", "label"), [(cell, "x"), ("y", cell)])

    assert read_table(tmp_path / "t.csv") == [
        {"name": cell, "label": "x"},
        {"name": "y", "label": cell},
    ]


@given(st.lists(st.tuples(st.text(st.characters()), st.text(st.characters())), max_size=5))
def test_any_text_survives_the_table(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "any.csv"

    write_table(path, ("a", "b"), rows)

    assert [(row["a"], row["b"]) for row in read_table(path)] == rows


@pytest.mark.parametrize("cell", HOSTILE, ids=lambda cell: ascii(cell)[:20])
def test_no_cell_is_live_in_a_spreadsheet(cell):
    text = table_text(("name",), [(cell,)])

    (row,) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_a_path_is_quieted_like_its_text_and_a_number_is_not():
    assert table_text(("a", "b"), [(Path("-rf"), -1.5)]) == "a,b\n'-rf,-1.5\n"


def test_plain_cells_are_written_plainly():
    rows = [("a.png", 3, 0.5), ("b c.png", "", None), ("d,e", 'f"g', np.float32(0.25))]

    assert table_text(("name", "n", "p"), rows) == (
        'name,n,p\na.png,3,0.5\nb c.png,,\n"d,e","f""g",0.25\n'
    )


def test_bytes_that_are_not_utf8_stay_the_same_bytes(tmp_path):
    write_table(tmp_path / "t.csv", ("name",), [(b"\xff.png".decode("utf-8", "surrogateescape"),)])

    assert (tmp_path / "t.csv").read_bytes() == b"name\n\xff.png\n"


def test_a_table_that_a_spreadsheet_saved_again_is_read(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufeffname,label\r\na é,b\r\n\r\n".encode())

    assert read_table(tmp_path / "t.csv") == [{"name": "a é", "label": "b"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{} is empty; make it anew"),
        ("a,b\n1,2\n3\n", "{} line 3: 1 cells under 2 column names; mend the line"),
        ("a,b\n1,2,3\n", "{} line 2: 3 cells under 2 column names; mend the line"),
        ('a,b\n1,"2', "{} line 2: unexpected end of data; mend the line"),
        ('a,b\n1,"2"3\n', "{} line 2: ',' expected after '\"'; mend the line"),
        ("a,b\n1,'\\\\x\n", "{} line 2: '\\\\x is not an escaped name; mend the line"),
    ],
)
def test_a_torn_table_is_refused_by_line(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(DataError) as error:
        read_table(path)

    assert str(error.value) == message.format(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "t.csv")

    assert str(error.value) == f"{tmp_path / 't.csv'} cannot be read: No such file or directory"


def test_issues_are_a_table_of_name_kind_and_detail(tmp_path):
    write_issues(tmp_path / "q.csv", [Issue(kind="link", name="-a", detail="leads, nowhere")])

    assert (tmp_path / "q.csv").read_text() == 'name,kind,detail\n\'-a,link,"leads, nowhere"\n'


# The run folder


def predictions(num: int = 3) -> Predictions:
    return Predictions(
        names=("a", "b\udcff", "c\ud800")[:num],
        classes=("x", "y"),
        labels=np.array([0, 1, 0][:num], dtype=np.int64),
        probs=np.full((num, 2), 0.5, dtype=np.float32),
    )


def test_predictions_come_back_as_they_were_written(tmp_path):
    run = Run(tmp_path)
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    write_predictions(run, predictions(0), predictions(), {"b\udcff": picture})

    back = run.read_predictions("test")
    assert (back.names, back.classes) == (("a", "b\udcff", "c\ud800"), ("x", "y"))
    assert back.probs.dtype == np.float32
    assert len(run.read_predictions("valid")) == 0
    assert run.read_pictures()["b\udcff"].tolist() == picture.tolist()


def test_a_damaged_predictions_file_is_a_data_error(tmp_path):
    """Each byte flipped in turn, and the file cut at each place."""
    run = Run(tmp_path)
    write_predictions(run, predictions(0), predictions(1), {})
    whole = run.predictions.read_bytes()
    damaged = [whole[:num] for num in range(0, len(whole), 23)]
    for place in range(0, len(whole), 5):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])

    refused = 0
    for data in damaged:
        run.predictions.write_bytes(data)
        try:
            back = run.read_predictions("test")
            assert (back.names, back.probs.tolist()) == (("a",), [[0.5, 0.5]])
        except DataError as error:
            assert str(error).startswith(f"{run.path} is not a finished run: predictions.npz ")
            refused += 1
    assert refused > len(damaged) / 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "{} is not a finished run: origin.json cannot be read (No such file or directory)"),
        ("{]", "{}/origin.json is not JSON (Expecting property name enclosed in double quotes: "
         "line 1 column 2 (char 1)); train again"),
        ("[" * 100_000, "{}/origin.json is not JSON (nested too deep); train again"),
    ],
)  # fmt: skip
def test_a_torn_json_file_is_named(tmp_path, text, message):
    run = Run(tmp_path)
    if text is not None:
        run.origin.write_text(text)

    with pytest.raises(DataError) as error:
        run.read_json(run.origin)

    assert str(error.value) == message.format(tmp_path)


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"name": "é\udcff", "n": [1, 2.5, None]})

    assert Run(tmp_path).read_json(tmp_path / "a.json") == {"name": "é\udcff", "n": [1, 2.5, None]}


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


# The lock


HOLD = """
import sys
from pathlib import Path
from eyespot.files.lock import owned; from eyespot.files.run import Run
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


# The cache


def test_the_cache_lies_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path))

    assert cache_folder() == tmp_path


def test_without_a_home_the_cache_lies_with_the_temporary_files(monkeypatch):
    for name in ("EYESPOT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)

    assert cache_folder().name == "eyespot-cache"


def test_every_error_here_is_an_eyespot_error():
    assert issubclass(ResourceError, EyespotError)
    assert (ResourceError.exit_code, DataError.exit_code, UsageError.exit_code) == (4, 3, 2)


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
