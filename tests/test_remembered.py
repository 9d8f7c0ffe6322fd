"""The last check is told again while nothing has changed, and never when something has."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyespot.reports.remembered as remembered
from conftest import Answer, write_pictures
from eyespot.data.checkup import Checked
from eyespot.data.footprint import footprint
from eyespot.data.quarantine import Row, write_quarantine
from eyespot.files.tables import write_issues

AGAIN = "unchanged since the last check, which is told again\n"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if what is written here had been written a minute ago."""
    monkeypatch.setattr(remembered, "_FRESH_NS", -60_000_000_000)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes issues.csv alone, without the half second that a page takes."""

    def write(checked: Checked, folder: Path) -> None:
        write_issues(folder / "issues.csv", checked.issues)

    monkeypatch.setattr("eyespot.reports.check_page", write)


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two classes, with a table of the same labels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    folder = write_pictures(tmp_path / "pets", num=6)
    Image.new("L", (12, 12), 200).save(folder / "left" / "blank.png")
    rows = [f"{path.relative_to(folder)},{path.parent.name}" for path in folder.rglob("*.png")]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    return folder


def checked(eyespot: Callable[..., Answer], *args: object) -> Answer:
    """The check, its page in a folder `seen` that is made anew."""
    shutil.rmtree("seen", ignore_errors=True)
    answer = eyespot("check", *args, "--out=seen")
    assert answer.code == 0, answer.err
    return answer


def files(folder: str = "seen") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.mark.usefixtures("soon")
class TestUnchanged:
    def test_words_numbers_and_files_are_the_same(self, eyespot, pets):
        first, page = checked(eyespot, "pets"), files()
        second = checked(eyespot, "pets")

        assert AGAIN in second.err and AGAIN not in first.err
        assert second.out == first.out
        assert files() == page
        assert second.err.splitlines()[-1] == "next: eyespot check --quarantine pets"
        assert first.err.splitlines()[-1] == "next: eyespot check --quarantine pets"

    @pytest.mark.usefixtures("plain")
    def test_json_is_the_same(self, eyespot, pets):
        answers = [checked(eyespot, "pets", "--json") for _ in range(2)]
        first, second = (json.loads(answer.out) | {"seconds": 0} for answer in answers)

        assert AGAIN in answers[1].err
        assert second == first

    @pytest.mark.usefixtures("plain")
    def test_no_image_is_read_again(self, eyespot, pets, monkeypatch):
        checked(eyespot, "pets")
        monkeypatch.setattr("eyespot.data.reading.read", lambda *args, **more: 1 / 0)

        assert AGAIN in checked(eyespot, "pets").err

    @pytest.mark.usefixtures("plain")
    def test_a_page_goes_into_a_folder_of_its_own(self, eyespot, pets):
        for number in (1, 2):
            eyespot("check", "pets")
            assert Path(f"checks/pets-{number}/issues.csv").exists()
        assert files("checks/pets-1") == files("checks/pets-2")

    @pytest.mark.usefixtures("plain")
    def test_arrays_in_a_file_are_told_again(self, eyespot, pets):
        images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
        np.savez("set.npz", images=images, labels=np.arange(20) % 2)
        checked(eyespot, "set.npz")
        assert AGAIN in checked(eyespot, "set.npz").err

        np.savez("set.npz", images=255 - images, labels=np.arange(20) % 2)
        assert AGAIN not in checked(eyespot, "set.npz").err

    @pytest.mark.usefixtures("plain")
    def test_a_set_without_a_file_of_its_own_is_checked_anew(self, eyespot, pets):
        checked(eyespot, "digits")

        assert AGAIN not in checked(eyespot, "digits").err


def overwritten_at_its_old_time(pets: Path) -> None:
    path = pets / "left" / "0.png"
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


CHANGES: dict[str, Callable[[Path], object]] = {
    "removed": lambda pets: (pets / "left" / "0.png").unlink(),
    "added": lambda pets: shutil.copy(pets / "left" / "0.png", pets / "right" / "new.png"),
    "renamed": lambda pets: (pets / "left" / "0.png").rename(pets / "right" / "00.png"),
    "overwritten": lambda pets: (pets / "left" / "0.png").write_bytes(b"buy milk"),
    "overwritten at its old time": overwritten_at_its_old_time,
    "a folder more": lambda pets: (pets / "middle").mkdir(),
    "a link more": lambda pets: (pets / "left" / "link.png").symlink_to("0.png"),
    "a quarantine": lambda pets: write_quarantine(
        pets / "quarantine.csv", [Row("left/0.png", "blank", "")]
    ),
}


@pytest.mark.usefixtures("soon", "plain")
class TestChanged:
    @pytest.mark.parametrize("change", CHANGES)
    def test_every_change_is_seen(self, eyespot, pets, change):
        checked(eyespot, "pets")
        time.sleep(0.02)  # one tick of the file system's clock
        CHANGES[change](pets)
        answer = checked(eyespot, "pets")
        page = files()
        shutil.rmtree("cache")

        assert AGAIN not in answer.err
        assert checked(eyespot, "pets").out == answer.out
        assert files() == page

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_table_sees_a_change_of_its_images(self, eyespot, pets, change):
        checked(eyespot, "labels.csv")
        time.sleep(0.02)
        CHANGES[change](pets)

        assert AGAIN not in checked(eyespot, "labels.csv").err

    def test_a_table_sees_a_change_of_itself(self, eyespot, pets):
        checked(eyespot, "labels.csv")
        table = Path("labels.csv")
        table.write_text(table.read_text().replace("left/0.png,left", "left/0.png,right"))

        assert AGAIN not in checked(eyespot, "labels.csv").err

    def test_another_eyespot_or_pillow_looks_itself(self, eyespot, pets, monkeypatch):
        checked(eyespot, "pets")
        for name in ("__version__", "pillow"):
            with monkeypatch.context() as patch:
                patch.setattr(remembered, name, "99")
                assert AGAIN not in checked(eyespot, "pets").err

    def test_other_columns_are_another_check(self, eyespot, pets):
        checked(eyespot, "labels.csv")

        answer = checked(eyespot, "labels.csv", "--columns=image=image,label=label")

        assert AGAIN not in answer.err

    def test_a_quarantine_is_made_from_the_images(self, eyespot, pets):
        checked(eyespot, "pets")
        answer = checked(eyespot, "pets", "--quarantine")

        assert AGAIN not in answer.err
        assert "1 image put in quarantine: pets/quarantine.csv" in answer.err

    @pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
    def test_a_torn_memory_is_made_anew(self, eyespot, pets, damage):
        first = checked(eyespot, "pets")
        (kept,) = Path("cache/checks").iterdir()
        data = bytearray(kept.read_bytes())
        data[len(data) // 2] ^= 1
        kept.write_bytes({"cut": data[:-5], "flipped": bytes(data), "empty": b""}[damage])
        second = checked(eyespot, "pets")

        assert AGAIN not in second.err
        assert second.out == first.out


@pytest.mark.usefixtures("plain")
def test_files_that_were_just_written_are_looked_at_again(eyespot, pets):
    checked(eyespot, "pets")

    assert AGAIN not in checked(eyespot, "pets").err


class TestFootprint:
    def test_it_is_the_same_for_the_same_files(self, pets):
        assert footprint([pets]) == footprint([pets])

    def test_a_file_that_is_not_there_counts_when_it_comes(self, tmp_path):
        path = tmp_path / "quarantine.csv"
        before = footprint([path])
        path.touch()

        assert before.newest == 0
        assert footprint([path]) != before

    def test_a_ring_of_links_ends(self, tmp_path):
        (tmp_path / "ring").symlink_to(tmp_path, target_is_directory=True)

        assert footprint([tmp_path]) == footprint([tmp_path])
