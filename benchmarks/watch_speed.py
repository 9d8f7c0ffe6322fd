"""How many frames a second `eyespot watch` answers at 640x480 on one core, and how late.

    python benchmarks/watch_speed.py runs/mnist-1

Frames are of dark digits on light paper with a sensor's noise, which move. Three ways, in turns,
several rounds each:

    answer  frames in memory: preparing, the net, calming down
    film    the same from a video file: decoding too, in a second thread of the same core
    camera  a camera of 30 frames a second that waits for nobody: how late each answer is, and how
            many frames were left out

Prints a table, median and range over the rounds, and writes watch_speed.json. At the end the whole
verb watches a stream of 30 frames a second (motion JPEG over HTTP) and one of 60, for 15 seconds
each, and says itself how it fared.
"""

import argparse
import contextlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from eyespot.images.camera import connection, opencv
from eyespot.images.frames import Frame, Reader
from eyespot.line.watching import Look, looks
from eyespot.models.loading import load
from eyespot.models.torch_model import TorchModel
from eyespot.training.origin import versions
from eyespot.values.arrays import Array

SIZE = (640, 480)
RATE = 30.0
DIGIT_FRAMES = 30  # of each digit
VERB_SECONDS = 15.0  # one of which it takes to start


def pictures(num: int) -> list[Array]:
    """uint8 (480, 640, 3): digits that move over paper with a shadow on one side."""
    random, font = np.random.default_rng(0), ImageFont.load_default(260)
    shadow = np.linspace(0, 60, SIZE[0])[None, :, None]
    found = []
    for number in range(num):
        image = Image.new("RGB", SIZE, (215, 210, 200))
        place = (260 + 40 * np.sin(number / 20), 100 + 30 * np.cos(number / 15))
        ImageDraw.Draw(image).text(place, str(number // DIGIT_FRAMES % 10), (40, 40, 60), font)
        noisy = np.asarray(image) - shadow + random.normal(0, 5, (SIZE[1], SIZE[0], 1))
        found.append(noisy.clip(0, 255).astype(np.uint8))
    return found


class Camera:
    """Gives the pictures over and over, each at its time; those that nobody reads are gone."""

    title, live = "the camera", True

    def __init__(self, frames: list[Array], num: int) -> None:
        self._frames, self._num, self._next = frames, num, 0
        self._began = time.monotonic()

    def read(self) -> Frame | None:
        if self._next == self._num:
            raise EOFError
        due = self._began + self._next / RATE
        time.sleep(max(0.0, due - time.monotonic()))
        pixels = self._frames[self._next % len(self._frames)].copy()
        self._next += 1
        return Frame(pixels=pixels, time=due - self._began, taken=due)

    def close(self) -> None:
        pass


def rate_of(found: Iterable[Look]) -> float:
    started, num = time.perf_counter(), sum(1 for _ in found)
    return num / (time.perf_counter() - started)


def answered(model: TorchModel, frames: list[Array]) -> float:
    now = time.monotonic()
    row = [Frame(pixels=one, time=n / RATE, taken=now) for n, one in enumerate(frames)]
    return rate_of(looks(model, row))


def filmed(model: TorchModel, path: Path) -> float:
    with Reader(connection(str(path)), say=print) as frames:
        return rate_of(looks(model, frames))


def live(model: TorchModel, frames: list[Array]) -> tuple[float, float, float]:
    """Seconds of lag, median and 95 of 100, and the share of frames that were left out."""
    lags = []
    with Reader(lambda: Camera(frames, len(frames)), say=print) as reader:
        with contextlib.suppress(EOFError):
            for look in looks(model, reader):
                lags.append(look.lag)
        left_out = reader.num_left_out / reader.num_read
    lags.sort()
    return statistics.median(lags), lags[int(0.95 * (len(lags) - 1))], left_out


def stream_of(frames: list[Array], rate: float) -> ThreadingHTTPServer:
    """A motion-JPEG stream of the frames, over and over, at 127.0.0.1."""
    encoded = []
    for pixels in frames:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
        encoded.append(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + buffer.getvalue() + b"\r\n")

    class Stream(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            began = time.monotonic()
            with contextlib.suppress(OSError):  # whoever watched has gone
                for number, data in enumerate(cycle(encoded)):
                    time.sleep(max(0.0, began + number / rate - time.monotonic()))
                    self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def watched(model: Path, frames: list[Array], rate: float) -> str:
    """What `eyespot watch` says of itself after a stream of this rate."""
    server = stream_of(frames, rate)
    address = f"http://127.0.0.1:{server.server_port}/"
    command = [sys.executable, "-m", "eyespot", "watch", str(model), address]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as verb:
        time.sleep(VERB_SECONDS)
        verb.send_signal(signal.SIGINT)
        said = verb.communicate()[1].splitlines()
    server.shutdown()
    return next((line for line in said if "a second" in line), " ".join(said))


def write_film(path: Path, frames: list[Array]) -> None:
    cv2 = opencv()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    for one in frames:
        writer.write(one)
    writer.release()


def told(values: list[float], form: Callable[[float], str]) -> str:
    low, high = min(values), max(values)
    return f"{form(statistics.median(values))} ({form(low)} to {form(high)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("watch_speed.json"))
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    opencv().setNumThreads(1)
    model, frames = load(given.model), pictures(given.frames)
    figures: dict[str, list[float]] = {
        name: [] for name in ("answer", "film", "lag", "late", "left_out")
    }
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(film, frames)
        answered(model, frames[:30])  # the first ones are slow
        for _ in range(given.rounds):
            figures["answer"].append(answered(model, frames))
            figures["film"].append(filmed(model, film))
            lag, late, left_out = live(model, frames)
            for name, value in (("lag", lag), ("late", late), ("left_out", left_out)):
                figures[name].append(value)
    speed, seconds = "{:.1f} frames/s".format, lambda value: f"{1000 * value:.1f} ms"
    print(f"answer  {told(figures['answer'], speed)}")
    print(f"film    {told(figures['film'], speed)}")
    print(f"camera  answers {told(figures['lag'], seconds)} after a frame; 95 of 100 within")
    print(f"        {told(figures['late'], seconds)}; {told(figures['left_out'], '{:.1%}'.format)}")
    print("        of the frames left out for newer ones")
    for rate in (RATE, 2 * RATE):
        print(f"verb    at {rate:.0f} frames/s: {watched(given.model, frames, rate)}")
    facts = {"model": str(given.model), "frames": given.frames, "versions": versions()}
    given.out.write_text(json.dumps({**facts, **figures}, indent=2))


if __name__ == "__main__":
    main()
