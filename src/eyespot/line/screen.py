"""Frames with what is seen written into them: a video file, and a window."""

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eyespot.errors import ResourceError, UsageError
from eyespot.images.camera import opencv
from eyespot.images.frames import Frame
from eyespot.line.watching import Look
from eyespot.values.arrays import Array

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
_LONGEST_GAP = 1.0  # seconds of standing picture in a recording, whatever the time between frames
_WINDOW = (1280, 960)
_INSTEAD = "use --record out.mp4, which writes the video with the label in it"


def labelled(pixels: Array, words: str) -> Array:
    """uint8 (H, W, 3): the frame, and the words on a dark strip along its lower edge."""
    coloured = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    height, width = coloured.shape[:2]
    strip = min(height, max(16, height // 12))
    size = max(8, strip * 2 // 3)
    image = Image.new("RGB", (width, strip), (0, 0, 0))
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text((size // 2, strip // 2), words, (255, 255, 255), font, anchor="lm")
    written: Array = np.concatenate([coloured[: height - strip], np.asarray(image)])
    return written


@contextlib.contextmanager
def shown_on(
    *, window: bool, record: Path | None, say: Callable[[str], None]
) -> "Iterator[Screen]":
    """What shows looks in a window, in a video file, in both or nowhere. say: of the file."""
    with contextlib.ExitStack() as stack:
        recording = stack.enter_context(Recording(record)) if record else None
        yield Screen(stack.enter_context(Window()) if window else None, recording)
    if recording and recording.begun:
        say(f"recorded: {record}")


class Screen:
    """Shows looks wherever they are to be seen."""

    def __init__(self, window: "Window | None", recording: "Recording | None") -> None:
        self._window, self._recording = window, recording

    @property
    def closed(self) -> bool:
        """Whether somebody has closed the window."""
        return self._window is not None and self._window.closed

    def idle(self) -> None:
        if self._window:
            self._window.idle()

    def show(self, look: Look) -> None:
        if not self._window and not self._recording:
            return
        pixels = labelled(look.frame.pixels, f"{look.sight}  {look.sight.probability:.2f}")
        if self._recording:
            self._recording.show(look.frame, pixels)
        if self._window:
            self._window.show(look.frame, pixels)


class Recording:
    """A video file that plays as fast as what it shows. A context.

    The file is there when it is whole; a frame that comes late is shown for longer, one that comes
    too soon is left out, and a long break is shortened to a second.
    """

    def __init__(self, path: Path) -> None:
        """Raises UsageError for a name that is taken or of no known kind, ResourceError where no
        file can be made, MissingExtra without OpenCV."""
        self._path, self._cv2 = path, opencv()
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        if path.suffix.lower() not in CODECS:
            raise UsageError(f"--record '{path}' has no known kind; name it .mp4 or .avi")
        if path.exists():
            raise UsageError(f"--record '{path}' is there already; name a new file")
        if not os.access(path.parent, os.W_OK):
            raise ResourceError(
                f"{path} cannot be written: the folder {path.parent} is not writable"
            )
        self._writer: Any = None
        self._size = (0, 0)
        self._rate = Frame.rate
        self._num, self._before, self._cut = 0, 0.0, 0.0
        self._last: Array | None = None

    @property
    def begun(self) -> bool:
        return self._writer is not None

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raises ResourceError if the file is not whole, which the writer never says."""
        if self._writer is None:
            return
        if self._last is not None:
            self._writer.write(self._last)
        self._writer.release()
        capture = self._cv2.VideoCapture(str(self._partial), self._cv2.CAP_FFMPEG)
        sound = capture.isOpened() and capture.read()[0]
        capture.release()
        if not sound:
            self._partial.unlink(missing_ok=True)
            raise ResourceError(f"{self._path} could not be written; is the disk full?")
        os.replace(self._partial, self._path)

    def show(self, frame: Frame, pixels: Array) -> None:
        """Adds a frame. pixels: uint8 (H, W, 3), what is to be shown of it."""
        if self._writer is None:
            self._open(frame, pixels)
        # The one before is shown until now: how long is not known earlier.
        self._cut += max(0.0, frame.time - self._before - _LONGEST_GAP)
        self._before = frame.time
        due = round((frame.time - self._cut) * self._rate)
        while self._last is not None and self._num < due:
            self._writer.write(self._last)
            self._num += 1
        self._last = self._cv2.cvtColor(self._fitted(pixels), self._cv2.COLOR_RGB2BGR)

    def _open(self, frame: Frame, pixels: Array) -> None:
        height, width = pixels.shape[:2]
        self._size = (max(2, width // 2 * 2), max(2, height // 2 * 2))  # codecs take even sides
        self._rate, self._before, self._cut = frame.rate, frame.time, frame.time
        code = self._cv2.VideoWriter_fourcc(*CODECS[self._path.suffix.lower()])
        self._writer = self._cv2.VideoWriter(str(self._partial), code, self._rate, self._size)
        if not self._writer.isOpened():
            raise ResourceError(f"{self._path} cannot be written by this OpenCV; try an .avi")

    def _fitted(self, pixels: Array) -> Array:
        """The picture at the size that the video began with, nothing bent."""
        width, height = self._size
        if pixels.shape[:2] == (height, width):
            return pixels
        image = Image.fromarray(pixels)
        share = min(width / image.width, height / image.height)
        if abs(image.width - width) > 1 or abs(image.height - height) > 1:
            sides = (max(1, round(image.width * share)), max(1, round(image.height * share)))
            image = image.resize(sides, Image.Resampling.BILINEAR)
        whole = Image.new("RGB", self._size)
        whole.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
        return np.asarray(whole)


class Window:
    """A window by Python's own tkinter: OpenCV without its windows needs no screen library."""

    def __init__(self) -> None:
        """Raises UsageError where there is no screen, or no tkinter."""
        try:
            import tkinter

            self._root = tkinter.Tk()
        except ImportError as error:
            raise UsageError(f"--show needs Python's tkinter; {_INSTEAD}") from error
        except tkinter.TclError as error:
            raise UsageError(f"--show needs a screen ({error}); {_INSTEAD}") from error
        self.closed = False
        self._image = tkinter.PhotoImage
        self._label = tkinter.Label(self._root)
        self._label.pack()
        self._root.title("eyespot")
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda event: self._close())
        self._zero: float | None = None
        self._photo: tkinter.PhotoImage | None = None  # tkinter keeps no hold of it

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._root.destroy()

    def show(self, frame: Frame, pixels: Array) -> None:
        """Shows a frame when its time has come: a film is read faster than a person can see."""
        now = time.monotonic()
        self._zero = now - frame.time if self._zero is None else self._zero
        end = self._zero + frame.time
        while (left := end - time.monotonic()) > 0 and not self.closed:
            self.idle()
            time.sleep(min(left, 0.02))
        image = Image.fromarray(pixels)
        image.thumbnail(_WINDOW)
        data = io.BytesIO()
        image.save(data, "PPM")
        self._photo = self._image(master=self._root, data=data.getvalue())
        self._label.configure(image=self._photo)
        self.idle()

    def idle(self) -> None:
        """Lets the window live."""
        self._root.update()

    def _close(self) -> None:
        self.closed = True
