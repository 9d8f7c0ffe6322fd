"""Pictures that come into a folder are read once, when they are complete, in order."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyespot.data.arrivals import PATIENCE, POLL_SECONDS, Arrivals
from eyespot.errors import DataError


def paint(path: Path, level: int, *, at: int | None = None) -> Path:
    """A grey picture; at: when it was written, in seconds."""
    Image.fromarray(np.full((6, 5), level, np.uint8)).save(path)
    if at is not None:
        os.utime(path, (at, at))
    return path


class Days:
    """What happens in the folder between one look into it and the next; then it ends."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self.events = list(events)
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> bool:
        self.now += seconds
        if not self.events:
            return True
        self.events.pop(0)()
        return False


def arrived(folder: Path, *events: Callable[[], object], said: list[str] | None = None) -> list:
    """(name, level, time) of what is read while this happens, and two looks longer."""
    days = Days(*events, lambda: None, lambda: None)
    say = (lambda words: None) if said is None else said.append
    source = Arrivals(str(folder), say=say, pause=days.pause, clock=days.clock)
    found = []
    while frame := source.read():
        found.append((frame.name, int(frame.pixels.flat[0]), round(frame.time, 3)))
    return found


def test_each_picture_is_read_once_in_order_of_arrival(tmp_path):
    found = arrived(
        tmp_path,
        lambda: (paint(tmp_path / "b.png", 1), paint(tmp_path / "c.png", 2)),
        lambda: paint(tmp_path / "a.png", 3),
        lambda: None,
    )

    assert [one[:2] for one in found] == [("b.png", 1), ("c.png", 2), ("a.png", 3)]
    assert [one[2] for one in found] == [0.4, 0.4, 0.6]  # a look after they came


def test_of_pictures_that_come_together_the_older_is_first(tmp_path):
    def both() -> None:
        for number in range(9, 12):  # by name alone 10 and 11 would come before 9
            paint(tmp_path / f"{number}.png", number, at=1000)
        paint(tmp_path / "z.png", 1, at=500)

    assert [one[0] for one in arrived(tmp_path, both)] == ["z.png", "9.png", "10.png", "11.png"]


def test_a_picture_that_is_being_written_waits_until_it_is_complete(tmp_path):
    data = paint(tmp_path / ".finished.png", 7).read_bytes()
    path = tmp_path / "slow.png"
    steps = [lambda end=end: path.write_bytes(data[:end]) for end in (0, 30, 60)]
    rests = [lambda: None] * 4  # nothing changes, but it is only half of a picture

    found = arrived(tmp_path, *steps, *rests, lambda: path.write_bytes(data))

    assert [one[:2] for one in found] == [("slow.png", 7)]


def test_what_is_there_at_the_beginning_is_left_alone(tmp_path):
    paint(tmp_path / "old.png", 1)
    said: list[str] = []

    found = arrived(tmp_path, lambda: paint(tmp_path / "new.png", 2), said=said)

    assert [one[0] for one in found] == ["new.png"]
    assert said == [f"waiting for pictures in {tmp_path}; 1 file there already left alone"]


def test_a_touched_or_renamed_picture_is_no_new_one(tmp_path):
    first = tmp_path / "a.png"
    found = arrived(
        tmp_path,
        lambda: paint(first, 1),
        lambda: None,
        lambda: os.utime(first, (5, 5)),
        lambda: None,
        lambda: first.rename(tmp_path / "b.png"),
        lambda: None,
    )

    assert [one[:2] for one in found] == [("a.png", 1)]


def test_a_picture_that_is_replaced_is_a_new_one(tmp_path):
    found = arrived(
        tmp_path,
        lambda: paint(tmp_path / "latest.png", 1),
        lambda: None,
        lambda: paint(tmp_path / "latest.png", 2),
        lambda: None,
    )

    assert [one[:2] for one in found] == [("latest.png", 1), ("latest.png", 2)]


def test_a_file_that_is_no_picture_is_told_once(tmp_path):
    said: list[str] = []
    rests = [lambda: None] * (2 * int(PATIENCE / POLL_SECONDS))

    found = arrived(
        tmp_path, lambda: (tmp_path / "notes.jpg").write_text("buy milk"), *rests, said=said
    )

    assert found == []
    assert said[1:] == ["notes.jpg is not a picture (it begins with 'buy milk')"]


def test_hidden_files_folders_and_pipes_are_no_pictures(tmp_path):
    def fill() -> None:
        paint(tmp_path / ".a.png", 1)
        (tmp_path / "b.png").mkdir()
        os.mkfifo(tmp_path / "c.png")
        (tmp_path / "d.png").symlink_to(tmp_path / "gone.png")

    said: list[str] = []
    rests = [lambda: None] * (2 * int(PATIENCE / POLL_SECONDS))

    assert arrived(tmp_path, fill, *rests, said=said) == []
    assert len(said) == 1


def test_a_picture_that_goes_away_again_is_forgotten(tmp_path):
    path = tmp_path / "a.png"

    found = arrived(
        tmp_path, lambda: paint(path, 1), path.unlink, lambda: paint(tmp_path / "b.png", 2)
    )

    assert [one[0] for one in found] == ["b.png"]


def test_a_folder_that_goes_away_is_told(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()

    with pytest.raises(DataError, match=r"^the folder .*in cannot be read \(No such file or direc"):
        arrived(folder, folder.rmdir)


def test_a_writer_in_another_thread_is_followed(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / ".whole.png")
    data = (tmp_path / ".whole.png").read_bytes()
    end = threading.Event()

    def write() -> None:
        for number in range(5):
            with open(tmp_path / f"{number}.png", "wb") as file:
                for start in range(0, len(data), 1 + len(data) // 5):
                    file.write(data[start : start + 1 + len(data) // 5])
                    file.flush()
                    end.wait(0.002)

    source = Arrivals(str(tmp_path), say=print, pause=lambda seconds: end.wait(0.005))
    writer = threading.Thread(target=write)
    writer.start()
    frames = [source.read() for _ in range(5)]
    writer.join()
    end.set()

    assert [frame and frame.name for frame in frames] == [f"{number}.png" for number in range(5)]
    assert all(frame is not None and np.array_equal(frame.pixels, pixels) for frame in frames)
    assert source.read() is None
