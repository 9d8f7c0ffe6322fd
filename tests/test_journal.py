"""A look that was interrupted, or killed, goes on from where it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eyespot as package
import eyespot.data.inspection
import eyespot.data.journal as journal
from eyespot.data.scanning import scan_images
from eyespot.images.decode import open_image
from eyespot.values.dataset import Dataset
from made_pictures import dataset, photo
from test_scanning import OLD, files, write

NUM = 16
KEPT = 10  # images that were told of before the interruption


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Files of which the third is broken and the fourth has a suffix of another kind."""
    paths = files(tmp_path / "pets", NUM)
    paths[2].write_bytes(b"buy milk")
    paths[3] = paths[3].rename(paths[3].with_suffix(".jpg"))
    os.utime(paths[2], (OLD, OLD))
    return dataset(paths)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every source that is decoded."""
    sources: list[object] = []

    def watched(source):
        sources.append(source)
        return open_image(source)

    monkeypatch.setattr(eyespot.data.inspection, "open_image", watched)
    return sources


def interrupt(data: Dataset, cache: Path, *, after: int = KEPT) -> KeyboardInterrupt:
    """Looks at the set until Ctrl-C, pressed after so many images."""

    def progress(done: int, num: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as ended:
        scan_images(data, cache=cache, progress=progress)
    return ended.value


def facts(data: Dataset, cache: Path | None) -> list[object]:
    return list(scan_images(data, cache=cache))


def test_what_was_looked_at_before_ctrl_c_is_not_decoded_again(data, tmp_path, opened):
    interrupt(data, tmp_path / "cache")
    opened.clear()

    found = facts(data, tmp_path / "cache")

    assert sorted(opened) == sorted(data.images[KEPT:])
    assert found == facts(data, None)


def test_progress_goes_on_from_there(data, tmp_path):
    interrupt(data, tmp_path / "cache")
    told: list[int] = []

    scan_images(data, cache=tmp_path / "cache", progress=lambda done, num: told.append(done))

    assert told == list(range(KEPT, NUM + 1))


def test_it_may_be_interrupted_again_and_again(data, tmp_path, opened):
    for after in (5, 10, 13):
        interrupt(data, tmp_path / "cache", after=after)
    opened.clear()

    assert facts(data, tmp_path / "cache") == facts(data, None)
    assert opened[: NUM - 13] == data.images[13:]


def test_a_look_that_ends_leaves_one_file(data, tmp_path):
    interrupt(data, tmp_path / "cache")
    interrupt(data, tmp_path / "cache", after=KEPT + 2)
    assert len(list((tmp_path / "cache").iterdir())) == 2

    scan_images(data, cache=tmp_path / "cache")

    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".facts"


def test_the_person_is_told_when_there_is_something_to_go_on_from(data, tmp_path):
    told = interrupt(data, tmp_path / "cache").__notes__

    assert told == ["what was found is kept: the same command goes on from there"]
    assert not hasattr(interrupt(data, tmp_path / "other", after=0), "__notes__")


def test_a_file_that_changed_after_the_interruption_is_decoded_again(data, tmp_path, opened):
    interrupt(data, tmp_path / "cache")
    opened.clear()
    write(data.images[5], 99)
    os.utime(data.images[5], (1e9, 1e9))

    found = facts(data, tmp_path / "cache")

    assert data.images[5] in opened
    assert found == facts(data, None)


def test_the_newest_look_at_a_file_counts(data, tmp_path):
    interrupt(data, tmp_path / "cache")
    write(data.images[5], 99)
    os.utime(data.images[5], (1e9, 1e9))
    interrupt(data, tmp_path / "cache", after=KEPT + 1)

    assert facts(data, tmp_path / "cache") == facts(data, None)


def test_arrays_go_on_too(tmp_path):
    images = np.array([photo(seed, width=32, height=32) for seed in range(NUM)])
    data = dataset(images)
    interrupt(data, tmp_path / "cache")

    assert facts(data, tmp_path / "cache") == facts(data, None)


def test_a_cache_that_cannot_be_written_is_no_failure(data, tmp_path):
    (tmp_path / "cache").write_text("a file is in its place")

    interrupt(data, tmp_path / "cache")

    assert facts(data, tmp_path / "cache") == facts(data, None)


@pytest.fixture
def killed(data: Dataset, tmp_path: Path) -> Path:
    """The cache of a look that was killed, and that had written each image at once."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "import eyespot.data.journal as journal\n"
        "journal._SECONDS, journal._SHARE = 0.0, 1e9\n"
        "from eyespot.data.scanning import scan_images; from made_pictures import dataset\n"
        "def progress(done, num):\n"
        f"    if done == {KEPT}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "data = dataset([Path(path) for path in sys.argv[2:]])\n"
        "scan_images(data, cache=Path(sys.argv[1]), progress=progress)\n"
    )
    source = os.pathsep.join([str(Path(package.__file__).parents[1]), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache"), *map(str, data.images)],
        env={**os.environ, "PYTHONPATH": source},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    return tmp_path / "cache"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
class TestKill:
    def test_what_was_written_before_a_kill_is_not_decoded_again(self, data, killed, opened):
        found = facts(data, killed)

        assert sorted(opened) == sorted(data.images[KEPT:])
        assert found == facts(data, None)

    @pytest.mark.parametrize("damage", ["cut", "flipped", "foreign"])
    def test_what_a_kill_has_torn_is_decoded_again(self, data, killed, opened, damage):
        (part,) = killed.iterdir()
        whole = part.read_bytes()
        torn = bytearray(whole)
        torn[-30] ^= 1
        part.write_bytes({"cut": whole[:-7], "flipped": torn, "foreign": b"x" + whole[1:]}[damage])

        found = facts(data, killed)

        lost = KEPT if damage == "foreign" else 1
        assert len(opened) == NUM - KEPT + lost
        assert found == facts(data, None)


def test_writing_takes_a_twentieth_of_the_time_at_most(monkeypatch, tmp_path):
    inventory = scan_images(dataset([photo(0)] * 4), cache=None)
    clock = iter([0.0, 1.9, 2.0, 2.0, 3.0, 22.9, 23.1, 23.1, 23.2])
    written: list[int] = []
    monkeypatch.setattr(journal.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(journal, "packed", lambda part: written.append(len(part)) or [b""])

    with journal.Journal(tmp_path / "a.facts", inventory) as kept:
        for place in range(4):
            kept.note(place)

    assert written == [2, 2]  # the first took a second, from 2.0 on; the next is due at 23.0
