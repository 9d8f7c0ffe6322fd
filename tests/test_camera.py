"""Video files and streams are read as they are, and what cannot be opened says why."""

import http.server
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from eyespot.errors import DataError, MissingExtra, ResourceError, UsageError
from eyespot.images import camera
from eyespot.images.camera import connection
from eyespot.images.frames import Reader
from made_films import cv2, write_film

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200))


def coloured(num: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), COLOURS[index % 5], np.uint8) for index in range(num)]


def test_every_frame_of_a_film_comes_with_its_time_and_its_colours(tmp_path):
    path = write_film(tmp_path / "a.mp4", coloured(40), rate=20)

    with Reader(connection(str(path)), say=print) as frames:
        found = list(frames)

    assert [frame.time for frame in found] == pytest.approx([n / 20 for n in range(40)], abs=1e-3)
    assert {frame.rate for frame in found} == {20.0}
    for frame, wanted in zip(found, coloured(40), strict=True):
        assert frame.pixels.shape == (48, 64, 3)
        assert np.abs(frame.pixels.mean(axis=(0, 1)) - wanted[0, 0]).max() < 12


@pytest.mark.parametrize("kept", [0, 9, 900])
def test_what_is_no_video_says_so(tmp_path, kept):
    whole = write_film(tmp_path / "whole.mp4", coloured(40)).read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(whole[:kept])

    with pytest.raises(DataError, match=r"a\.mp4' is no video that can be decoded; it may be cut"):
        connection(str(path))()


def test_a_picture_is_for_predict(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")

    with pytest.raises(UsageError, match="is a picture, not a video; read it with eyespot predict"):
        connection(str(tmp_path / "a.png"))


def test_a_source_that_is_not_there_is_told_with_what_there_could_be():
    with pytest.raises(UsageError) as told:
        connection("film.mp4")

    assert str(told.value) == (
        "'film.mp4' is not there; name a camera (0), a video file, a stream (rtsp://...) or a "
        "folder"
    )


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")

    with pytest.raises(UsageError, match="is a pipe or device, not a file"):
        connection(str(tmp_path / "pipe.mp4"))


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are files here alone")
class TestCamera:
    @pytest.fixture(autouse=True)
    def devices(self, tmp_path, monkeypatch):
        """Cameras of which no one can be opened."""

        class Closed:
            def isOpened(self) -> bool:
                return False

        monkeypatch.setattr(camera, "_DEVICES", tmp_path)
        monkeypatch.setattr(cv2, "VideoCapture", lambda number: Closed())
        self.folder = tmp_path

    def test_no_camera_is_told(self):
        with pytest.raises(DataError, match="^there is no camera 0; connect one, or name a video"):
            connection("0")()

    def test_another_camera_is_named(self):
        (self.folder / "video2").touch()

        with pytest.raises(DataError, match="^there is no camera 0; name one of 2, or name a"):
            connection("0")()

    def test_a_camera_that_is_taken_is_told(self):
        (self.folder / "video1").touch()

        with pytest.raises(ResourceError, match="^camera 1 is there and gives no picture; end the"):
            connection("/dev/video1")()

    def test_a_camera_that_is_forbidden_is_told(self, monkeypatch):
        (self.folder / "video0").touch()
        monkeypatch.setattr(os, "access", lambda path, mode: False)

        with pytest.raises(ResourceError, match="^camera 0 may not be used by you; join the group"):
            connection("0")()


def test_a_camera_gives_frames_with_the_time_since_the_beginning(monkeypatch):
    class Camera:
        """OpenCV's camera, which a second program has taken after three frames."""

        left = 3

        def isOpened(self) -> bool:
            return True

        def set(self, name: int, value: float) -> bool:
            return True

        def get(self, name: int) -> float:
            return 90_000.0  # nonsense, as some drivers say it

        def read(self) -> tuple[bool, np.ndarray | None]:
            self.left -= 1
            return (
                (True, np.full((4, 6, 3), (1, 2, 3), np.uint8)) if self.left >= 0 else (False, None)
            )

        def release(self) -> None:
            pass

    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera())
    source = connection("0")()

    found = [source.read() for _ in range(3)]

    assert source.live and source.title == "camera 0"
    assert source.read() is None
    assert [frame.pixels[0, 0].tolist() for frame in found] == [[3, 2, 1]] * 3
    assert 0 <= found[0].time <= found[1].time <= found[2].time
    assert found[0].rate == 30.0


def test_a_stream_that_cannot_be_reached_is_told_without_its_password():
    with pytest.raises(DataError) as told:
        connection("rtsp://me:secret@127.0.0.1:9/cam")()

    assert str(told.value) == (
        "the stream rtsp://127.0.0.1:9/cam gives no picture; check the address, the network and "
        "that its camera is on"
    )


@pytest.fixture
def stream():
    """The address of a camera in the network that cuts its stream after twenty pictures."""
    pictures = [cv2.imencode(".jpg", frame)[1].tobytes() for frame in coloured(20)]

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
            self.end_headers()
            for data in pictures:
                head = f"--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/cam"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_stream_that_is_cut_is_opened_again(stream):
    said: list[str] = []
    back = threading.Event()

    def say(words: str) -> None:
        said.append(words)
        if "is back" in words:
            back.set()

    with Reader(connection(stream), say=say, pause=lambda seconds: None) as frames:
        first = next(frames)
        assert back.wait(60)
        second = next(frames)

    assert first.time < second.time
    assert said[:2] == [
        f"the stream {stream} gives no more pictures; trying again in 1 s",
        f"the stream {stream} is back after 0 s",
    ]


def test_without_opencv_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(MissingExtra) as told:
        connection("0")

    assert str(told.value) == (
        "reading or writing video needs opencv-python-headless; install it with: "
        "pip install 'eyespot[camera]'"
    )


def test_opencv_writes_no_lines_of_its_own(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 99)
    code = (
        "import contextlib\n"
        "from eyespot.errors import EyespotError\n"
        "from eyespot.images.camera import connection\n"
        "for source in ('a.mp4', '977', 'rtsp://127.0.0.1:9/x'):\n"
        "    with contextlib.suppress(EyespotError): connection(source)()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")
