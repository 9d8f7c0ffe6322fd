"""The newest frame of what is live, every frame of what is not, and more of them after a cut."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from eyespot.errors import DataError, EyespotError
from eyespot.images.frames import LONGEST_PAUSE, Frame, Reader, Source

PIXELS = np.zeros((2, 2, 3), np.uint8)


class Fake:
    """Frames 0, 1, 2, ... whose time is their number; over after some."""

    title = "the fake"

    def __init__(self, num: int, *, live: bool, first: int = 0) -> None:
        self.num, self.live, self.number, self.closed = num, live, first, False
        self.many = threading.Event()  # set when a hundred have been read

    def read(self) -> Frame | None:
        if self.num == 0:
            return None
        self.num, self.number = self.num - 1, self.number + 1
        if self.number >= 100:
            self.many.set()
        return Frame(pixels=PIXELS, time=self.number - 1, taken=0.0)

    def close(self) -> None:
        self.closed = True


def connecting(*steps: Source | EyespotError) -> Callable[[], Source]:
    """What gives one after another, and raises the errors among them."""
    left = iter(steps)

    def connect() -> Source:
        step = next(left)
        if isinstance(step, EyespotError):
            raise step
        return step

    return connect


def test_of_a_film_every_frame_comes_in_order_and_its_end_is_the_end():
    film, said = Fake(300, live=False), []

    with Reader(lambda: film, say=said.append) as frames:
        times = [frame.time for frame in frames]

    assert times == list(range(300))
    assert (frames.num_read, frames.num_given, frames.num_left_out) == (300, 300, 0)
    assert said == []
    assert film.closed


def test_of_a_camera_the_newest_frame_comes_however_slow_the_model_is():
    camera = Fake(10**9, live=True)

    with Reader(lambda: camera, say=print) as frames:
        first = next(frames)
        camera.many.wait(60)  # the slow model
        before = frames.num_read
        second = next(frames)

    assert first.time < second.time
    assert second.time >= before - 1  # the newest when it was asked for: no older one waited
    assert before >= 99
    assert frames.num_given == 2
    assert frames.num_left_out >= 97


def test_a_fast_model_sees_every_frame_of_a_slow_camera_once():
    turn = threading.Semaphore(0)

    class Slow(Fake):
        def read(self) -> Frame | None:
            turn.acquire()
            return super().read()

    times = []
    with Reader(lambda: Slow(10**9, live=True), say=print) as frames:
        for _ in range(50):
            turn.release()
            times.append(next(frames).time)
        turn.release()

    assert times == list(range(50))


def test_what_is_cut_off_is_tried_again_with_growing_pauses():
    said, pauses = [], []
    error = DataError("no network")
    connect = connecting(Fake(1, live=True), *[error] * 7, Fake(10**9, live=True, first=50))

    with Reader(connect, say=said.append, pause=pauses.append) as frames:
        times = [next(frames).time]
        while times[-1] < 50:
            times.append(next(frames).time)

    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert max(pauses) == LONGEST_PAUSE
    assert said == [
        *(f"the fake gives no more pictures; trying again in {n} s" for n in (1, 2, 4, 8, 16, 30)),
        "the fake is back after 0 s",
    ]


def test_after_a_second_cut_the_pauses_are_short_again():
    pauses = []
    again = [Fake(1, live=True), Fake(0, live=True), Fake(10**9, live=True, first=9)]
    connect = connecting(again[0], DataError("no"), again[1], again[2])

    with Reader(connect, say=lambda words: None, pause=pauses.append) as frames:
        while next(frames).time < 9:
            pass

    assert pauses == [1, 2, 1]
    assert again[0].closed and again[1].closed


def test_a_source_that_cannot_be_opened_at_first_says_why():
    with (
        pytest.raises(DataError, match="no camera"),
        Reader(connecting(DataError("there is no camera 0")), say=print) as frames,
    ):
        next(frames)


def test_a_fault_of_the_source_is_not_lost_in_its_thread():
    class Broken(Fake):
        def read(self) -> Frame | None:
            raise ZeroDivisionError

    broken = Broken(1, live=True)
    with pytest.raises(ZeroDivisionError), Reader(lambda: broken, say=print) as frames:
        next(frames)

    assert broken.closed


def test_whoever_waits_for_a_frame_is_idle_meanwhile():
    ready = threading.Event()

    class Late(Fake):
        def read(self) -> Frame | None:
            ready.wait(60)
            return super().read()

    with Reader(lambda: Late(1, live=False), say=print, idle=ready.set) as frames:
        assert next(frames).time == 0


def test_a_pause_ends_when_nobody_wants_frames_any_more():
    cut = threading.Event()

    with Reader(lambda: Fake(1, live=True), say=lambda words: cut.set()) as frames:
        next(frames)
        cut.wait(60)

    assert "frames" not in [thread.name for thread in threading.enumerate()]
