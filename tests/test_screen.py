"""The label is drawn into frames, which become a video file or are shown in a window."""

import os
import sys

import numpy as np
import pytest

from eyespot.errors import ResourceError, UsageError
from eyespot.images.frames import Frame
from eyespot.line.screen import Recording, Window, labelled, shown_on
from eyespot.line.watching import Look, Sight
from made_films import read_film

NO_SCREEN = sys.platform == "linux" and not os.environ.get("DISPLAY")


def frame(time: float, level: int = 90, *, shape: tuple[int, ...] = (48, 64, 3)) -> Frame:
    return Frame(pixels=np.full(shape, level, np.uint8), time=time, taken=0.0, rate=20.0)


def recorded(path, frames, *, rate=20.0):
    with Recording(path) as recording:
        for one in frames:
            recording.show(one, one.pixels)
    found, told = read_film(path)
    assert told == rate
    return [round(float(one.mean()) / 10) * 10 for one in found]


def test_the_words_stand_at_the_lower_edge_and_the_rest_is_as_it_was():
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)

    written = labelled(pixels, "seven  0.99")

    assert written.shape == pixels.shape
    assert np.array_equal(written[:440], pixels[:440])
    strip = written[440:]
    assert 0.005 < (strip > 200).mean() < 0.5
    assert not np.array_equal(strip, labelled(pixels, "eight  0.99")[440:])


@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 300, 1), (300, 9, 3), (17, 17, 3)])
def test_any_picture_takes_words(shape):
    assert labelled(np.zeros(shape, np.uint8), "a\u4e2d\U0001f408" * 50).shape == (*shape[:2], 3)


def test_a_recording_has_every_frame_of_a_film_once(tmp_path):
    levels = [50, 100, 150, 200] * 5

    found = recorded(tmp_path / "a.mp4", [frame(n / 20, level) for n, level in enumerate(levels)])

    assert found == levels


def test_a_recording_plays_as_fast_as_what_it_shows(tmp_path):
    times = [0.0, 0.05, 0.15, 0.16, 0.3]  # a gap, and a frame too many

    found = recorded(tmp_path / "a.avi", [frame(t, 50 * n) for n, t in enumerate(times)])

    assert found == [0, 50, 50, 150, 150, 150, 200]


def test_a_long_break_is_a_second(tmp_path):
    found = recorded(tmp_path / "a.mp4", [frame(7, 50), frame(1000, 100), frame(1000.05, 150)])

    assert found == [50] * 20 + [100, 150]


def test_pictures_of_other_sizes_are_fitted_in(tmp_path):
    frames = [frame(0, 200, shape=(49, 65, 3)), frame(1, 200, shape=(500, 200, 3))]

    with Recording(tmp_path / "a.mp4") as recording:
        for one in frames:
            recording.show(one, one.pixels)

    found, _ = read_film(tmp_path / "a.mp4")
    assert {one.shape for one in found} == {(48, 64, 3)}
    assert (found[-1][:, 30:34] > 150).all()
    assert (found[-1][:, :10] < 60).all()


def test_a_recording_is_there_when_it_is_whole(tmp_path):
    with Recording(tmp_path / "a.mp4") as recording:
        recording.show(frame(0), frame(0).pixels)
        assert not (tmp_path / "a.mp4").exists()

    assert os.listdir(tmp_path) == ["a.mp4"]


def test_a_recording_of_nothing_leaves_no_file(tmp_path):
    said: list[str] = []

    with shown_on(window=False, record=tmp_path / "a.mp4", say=said.append):
        pass

    assert os.listdir(tmp_path) == [] and said == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, full_disk):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)

    with (
        pytest.raises(ResourceError, match="could not be written; is the disk full"),
        full_disk(64),
    ):
        with Recording(tmp_path / "a.mp4") as recording:
            for number in range(20):
                recording.show(frame(number / 20), noise)

    assert os.listdir(tmp_path) == []


def test_a_recording_overwrites_nothing_and_has_a_known_kind(tmp_path):
    (tmp_path / "a.mp4").touch()

    with pytest.raises(UsageError, match="is there already; name a new file"):
        Recording(tmp_path / "a.mp4")
    with pytest.raises(UsageError, match=r"has no known kind; name it \.mp4 or \.avi"):
        Recording(tmp_path / "a.gif")
    with pytest.raises(ResourceError, match="the folder .* is not writable"):
        Recording(tmp_path / "no" / "a.mp4")


def test_a_screen_records_the_label(tmp_path):
    said: list[str] = []
    sight = Sight(label="7", probability=0.5)
    one = frame(0, shape=(96, 128, 3))

    with shown_on(window=False, record=tmp_path / "a.mp4", say=said.append) as screen:
        screen.show(Look(frame=one, sight=sight, change=None, lag=0.0))
        screen.idle()
        assert not screen.closed

    (found,), _ = read_film(tmp_path / "a.mp4")
    wanted = labelled(one.pixels, "7  0.50")
    assert np.abs(found.astype(int) - wanted).mean() < 8
    assert said == [f"recorded: {tmp_path / 'a.mp4'}"]


def test_without_a_screen_a_window_says_what_to_do_instead(monkeypatch):
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    monkeypatch.delenv("DISPLAY", raising=False)
    if sys.platform != "linux":
        pytest.skip("other systems have a screen without being told")

    with pytest.raises(UsageError, match=r"^--show needs a screen \(.*\); use --record out\.mp4, "):
        Window()


def test_without_tkinter_a_window_says_what_to_do_instead(monkeypatch):
    monkeypatch.setitem(sys.modules, "tkinter", None)

    with pytest.raises(UsageError, match=r"^--show needs Python's tkinter; use --record out\.mp4"):
        Window()


@pytest.mark.skipif(NO_SCREEN, reason="there is no screen")
def test_a_window_shows_frames_until_it_is_closed():
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    with Window() as window:
        window.show(frame(0), frame(0).pixels)
        assert not window.closed
        window._root.focus_force()
        window._root.event_generate("<Escape>")
        window.idle()
        assert window.closed
