"""Thousands of answers in a table: killed at any moment, it goes on and becomes the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyespot.errors import ResourceError
from eyespot.exports import export
from eyespot.files.tables import read_table
from eyespot.line.predicting import predict_into
from eyespot.models.loading import load
from eyespot.models.predict import Asked
from eyespot.models.tables import Result
from eyespot.values.dataset import Pictures
from made_models import made_model

NUM = 400


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return export(made_model(size=12), out=folder / "model.onnx").path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """400 pictures; two are broken, and one has a name that a table has to quote."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(NUM - 2):
        pixels = random.integers(0, 256, (14, 14, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.png")
    (folder / "0007.png").rename(folder / 'a "b",\nc.png')
    (folder / "0100.jpg").write_text("no picture")
    (folder / "0390.jpg").write_text("no picture")
    return folder


def pictures(folder: Path) -> Pictures:
    names = sorted(path.name for path in folder.iterdir())
    return Pictures(images=[folder / name for name in names], names=tuple(names))


class Stopped(Exception):
    pass


def until(num: int) -> "Stopping":
    return Stopping(num)


class Stopping:
    """Hears answers, and breaks off after so many."""

    def __init__(self, num: int) -> None:
        self.left = num

    def __call__(self, result: Result) -> None:
        self.left -= 1
        if self.left < 0:
            raise Stopped


def predicted(out: Path, model_file: Path, folder: Path, num: int = 10**9, **asked: object):
    options = Asked(**asked)  # type: ignore[arg-type]
    model = load(model_file)
    return predict_into(out, model, model_file, pictures(folder), options, on_answer=until(num))


@pytest.fixture(scope="module")
def whole(model_file, folder, tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "said.csv"
    done = predicted(out, model_file, folder)
    assert (done.num, done.num_before, done.num_broken) == (NUM, 0, 2)
    assert str(done) == "400 answers"
    return out.read_bytes()


def test_the_table_has_a_row_for_every_picture(whole, tmp_path, folder):
    (tmp_path / "a.csv").write_bytes(whole)
    rows = read_table(tmp_path / "a.csv")

    assert tuple(row["name"] for row in rows) == pictures(folder).names
    assert [row["name"] for row in rows if row["error"]] == ["0100.jpg", "0390.jpg"]


@pytest.mark.parametrize("num", [0, 1, 31, 33, 200, 399])
def test_an_interrupted_table_goes_on_and_becomes_the_same(
    whole, model_file, folder, tmp_path, num
):
    out = tmp_path / "said.csv"
    with pytest.raises(Stopped):
        predicted(out, model_file, folder, num)
    assert not out.exists()

    done = predicted(out, model_file, folder)

    assert done.num_before >= num - num % 32
    assert (done.num, done.num_broken) == (NUM, 2)
    assert out.read_bytes() == whole
    assert os.listdir(tmp_path) == ["said.csv"]


def test_a_part_that_was_cut_anywhere_goes_on(whole, model_file, folder, tmp_path):
    out, part = tmp_path / "said.csv", tmp_path / "said.csv.part"
    with pytest.raises(Stopped):
        predicted(out, model_file, folder, 150)
    data = part.read_bytes()
    for end in np.random.default_rng(0).integers(0, len(data), 25):
        part.write_bytes(data[:end])

        predicted(out, model_file, folder)

        assert out.read_bytes() == whole


def test_a_part_about_something_else_is_begun_anew(whole, model_file, folder, tmp_path):
    out = tmp_path / "said.csv"
    with pytest.raises(Stopped):
        predicted(out, model_file, folder, 150, accept_all=True)

    assert predicted(out, model_file, folder).num_before == 0
    assert out.read_bytes() == whole


def test_pictures_that_came_meanwhile_end_what_is_taken_over(model_file, folder, tmp_path):
    out, part = tmp_path / "said.csv", tmp_path / "said.csv.part"
    with pytest.raises(Stopped):
        predicted(out, model_file, folder, 150)
    lines = part.read_text().splitlines(keepends=True)
    lines[40] = lines[40].replace("00", "99", 1)
    part.write_text("".join(lines))

    assert predicted(out, model_file, folder).num_before == 32


def test_a_folder_that_cannot_be_written_is_said(model_file, folder, tmp_path):
    with pytest.raises(ResourceError, match="cannot be written"):
        predicted(tmp_path / "no" / "said.csv", model_file, folder)


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing(whole, model_file, folder, tmp_path):
    out = tmp_path / "said.csv"
    names = [str(folder / name) for name in pictures(folder).names]
    command = [
        sys.executable,
        "-m",
        "eyespot",
        "predict",
        str(model_file),
        "--out",
        str(out),
        *names,
    ]
    kills = 0
    for wait in np.linspace(0.05, 1.5, 20):  # the first comes before anything is answered
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        if started.poll() is not None:
            break
        started.send_signal(signal.SIGKILL)
        started.wait()
        kills += 1
    subprocess.run(command, capture_output=True)

    said = [row | {"name": Path(row["name"]).name} for row in read_table(out)]
    (tmp_path / "whole.csv").write_bytes(whole)
    assert kills and said == read_table(tmp_path / "whole.csv")


def test_the_verb_goes_on_too(eyespot, model_file, folder, tmp_path, monkeypatch):
    out = tmp_path / "said.csv"
    real = os.replace
    monkeypatch.setattr(
        "eyespot.models.growing.os.replace",
        lambda a, b: (_ for _ in ()).throw(KeyboardInterrupt) if Path(b) == out else real(a, b),
    )
    first = eyespot("predict", model_file, folder, "--out", out)
    monkeypatch.undo()

    second = eyespot("predict", model_file, folder, "--out", out)

    assert first.code == 130 and not first.err.endswith("see above\n")
    assert second.code == 3
    assert second.err.splitlines()[-2:] == [
        f"400 answers (400 of them before): {out}",
        "eyespot: 2 of 400 pictures cannot be read; see above",
    ]
