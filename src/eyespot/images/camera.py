"""Cameras, network streams and video files, read by OpenCV."""

import importlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eyespot.errors import DataError, ImageError, MissingExtra, ResourceError, UsageError
from eyespot.images.decode import image_size
from eyespot.images.frames import Frame, Source

_TIMEOUT = 10_000  # milliseconds that a network stream may keep silent
_RATES = (1.0, 240.0)  # frames a second that are believed: some streams say 90,000
_DEVICES = Path("/dev")
_DEVICE = re.compile(r"/dev/video(\d{1,4})")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)[^/@]*@")


def opencv() -> Any:
    """OpenCV, told not to write its own lines on stderr. Raises MissingExtra."""
    # Read when it is imported, and by FFmpeg when something is opened.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise MissingExtra(
            "opencv-python-headless", extra="camera", action="reading or writing video"
        ) from error


def connection(source: str) -> Callable[[], Source]:
    """What opens a camera (`0`), a stream (`rtsp://...`) or a video file.

    Raises UsageError for what can be none of them, MissingExtra without OpenCV. What it returns
    raises ResourceError or DataError with the reason why it cannot be opened.
    """
    if re.fullmatch(r"\d{1,4}", source):
        number = int(source)
    elif device := _DEVICE.fullmatch(source):
        number = int(device[1])
    elif _ADDRESS.match(source):
        opencv()
        return _Stream(source).opened
    else:
        return _file(source)
    opencv()
    return _Camera(number).opened


def _file(source: str) -> Callable[[], Source]:
    if not os.path.exists(source):
        raise UsageError(
            f"'{source}' is not there; name a camera (0), a video file, a stream (rtsp://...) or a "
            "folder"
        )
    if not os.path.isfile(source):
        raise UsageError(f"'{source}' is a pipe or device, not a file; name a video file")
    try:
        image_size(source)
    except ImageError:
        opencv()
        return _File(source).opened
    raise UsageError(f"'{source}' is a picture, not a video; read it with eyespot predict")


class _Capture:
    """A source that OpenCV has open."""

    def __init__(self, title: str, capture: Any, *, live: bool, began: float) -> None:
        """began: when times of a live one begin, by time.monotonic()."""
        self.title, self.live = title, live
        self._capture, self._began = capture, began
        self._cv2 = opencv()
        rate = capture.get(self._cv2.CAP_PROP_FPS)
        self._rate = rate if _RATES[0] <= rate <= _RATES[1] else Frame.rate
        self._num, self._last = 0, -1.0
        self._first = self._next()

    @property
    def sees(self) -> bool:
        """Whether it has given a picture at all: a camera that another program uses does not."""
        return self._first is not None

    def read(self) -> Frame | None:
        frame, self._first = self._first, None
        return frame or self._next()

    def close(self) -> None:
        self._capture.release()

    def _next(self) -> Frame | None:
        try:
            good, bgr = self._capture.read()
        except self._cv2.error:  # a damaged stream: as good as cut off
            return None
        if not good:
            return None
        taken = time.monotonic()
        when = taken - self._began if self.live else self._film_time()
        pixels = self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)
        return Frame(pixels=pixels, time=when, taken=taken, rate=self._rate)

    def _film_time(self) -> float:
        """Seconds into the film, of the frame just read; by its rate if it keeps no times."""
        told = float(self._capture.get(self._cv2.CAP_PROP_POS_MSEC)) / 1000
        counted = self._num / self._rate
        self._num += 1
        self._last = told if told > self._last else max(self._last + 1e-3, counted)
        return self._last


class _Camera:
    """A camera by its number."""

    def __init__(self, number: int) -> None:
        self._number, self._title = number, f"camera {number}"
        self._began = time.monotonic()

    def opened(self) -> Source:
        cv2 = opencv()
        capture = cv2.VideoCapture(self._number)
        opened = capture.isOpened()
        if opened:
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # old frames are of no use
            found = _Capture(self._title, capture, live=True, began=self._began)
            if found.sees:
                return found
            found.close()
        raise self._refusal(opened=opened)

    def _refusal(self, *, opened: bool) -> DataError | ResourceError:
        device = _DEVICES / f"video{self._number}"
        others = sorted(path.name.removeprefix("video") for path in _DEVICES.glob("video[0-9]*"))
        if sys.platform == "linux" and not device.exists():
            known = f"name one of {', '.join(others)}" if others else "connect one"
            return DataError(
                f"there is no {self._title}; {known}, or name a video file, a stream or a folder"
            )
        if sys.platform == "linux" and not os.access(device, os.R_OK | os.W_OK):
            return ResourceError(
                f"{self._title} may not be used by you; join the group that owns {device}, mostly "
                "by: sudo usermod -aG video $USER"
            )
        if sys.platform == "linux" or opened:
            return ResourceError(
                f"{self._title} is there and gives no picture; end the program that uses it, "
                "perhaps a browser or a video call"
            )
        return ResourceError(
            f"{self._title} cannot be opened; connect it, end other programs that use it, and "
            "allow this one to in the system's privacy settings"
        )


class _Stream:
    """A network stream by its address; one that knows its length is a film and not live."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._title = f"the stream {_PASSWORD.sub('', address)}"
        self._began = time.monotonic()

    def opened(self) -> Source:
        cv2 = opencv()
        timeouts = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
        settings = [number for name in timeouts for number in (name, _TIMEOUT)]
        capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, settings)
        if capture.isOpened():
            live = not capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
            found = _Capture(self._title, capture, live=live, began=self._began)
            if found.sees:
                return found
            found.close()
        raise DataError(
            f"{self._title} gives no picture; check the address, the network and that its camera "
            "is on"
        )


class _File:
    """A video file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def opened(self) -> Source:
        cv2 = opencv()
        capture = cv2.VideoCapture(self._path, cv2.CAP_FFMPEG)
        if capture.isOpened():
            found = _Capture(self._path, capture, live=False, began=0.0)
            if found.sees:
                return found
            found.close()
        raise DataError(
            f"'{self._path}' is no video that can be decoded; it may be cut off or of another kind"
        )
