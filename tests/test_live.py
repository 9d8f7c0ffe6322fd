"""`eyespot watch`, from its words to its lines."""

import json
import re
import signal

import numpy as np
import pytest
from PIL import Image

from conftest import halves
from eyespot.errors import UsageError
from eyespot.images.frames import Frame
from eyespot.line.live import Tally, reader_of
from eyespot.line.watching import Look, Sight
from made_films import halves_film, read_film
from test_cli import started


def look(number: int, lag: float) -> Look:
    frame = Frame(pixels=np.zeros((1, 1, 3), np.uint8), time=0.0, taken=number / 10)
    return Look(frame=frame, sight=Sight(label=None, probability=1.0), change=None, lag=lag)


def test_a_tally_says_how_many_how_fast_and_how_late():
    tally = Tally()
    for number in range(1001):
        tally.add(look(number, 0.5 if number % 10 == 5 else 0.002))

    assert tally.sentence(left_out=1234) == (
        "1,001 frames, 10.0 a second, 1,234 left out for newer ones; answered 2.0 ms after a frame "
        "was there (median; 95 of 100 within 500.0 ms)"
    )


def test_a_tally_of_one_frame_has_no_speed():
    tally = Tally()
    assert not tally
    tally.add(look(0, 0.01))

    assert tally.sentence(left_out=0) == (
        "1 frame; answered 10.0 ms after a frame was there (median; 95 of 100 within 10.0 ms)"
    )


def test_a_folder_is_read_for_its_pictures_and_a_number_is_a_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").mkdir()
    said: list[str] = []

    reader_of("./0", say=said.append)
    reader_of("0", say=said.append)

    assert said == ["waiting for pictures in ./0"]
    with pytest.raises(UsageError, match="'film' is not there"):
        reader_of("film", say=said.append)


def test_labels_and_times_of_a_film_are_right(eyespot, trained, tmp_path):
    film = halves_film(tmp_path / "film.mp4", [0, 1, 0, 1])

    answer = eyespot("watch", trained.run, film, "--json", "--accept-all")

    assert answer.code == 0
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [one["label"] for one in found] == ["left", "right", "left", "right"]
    assert [one["time"] for one in found] == pytest.approx([0, 1, 2, 3], abs=0.05)
    assert all(one["latency"] > 0.1 and one["probability"] > 0.5 for one in found)
    assert re.fullmatch(r"100 frames, .* a second; answered .* ms after .*\)\n", answer.err)


def test_a_person_gets_a_line_for_each_change_and_the_video(eyespot, trained, tmp_path):
    film = halves_film(tmp_path / "film.mp4", [0, 1])
    out = tmp_path / "out.mp4"

    answer = eyespot("watch", trained.run, film, "--record", out, "--accept-all")

    assert answer.code == 0
    assert re.fullmatch(r"0\.00\tleft\t0\.\d{4}\n1\.0\d\tright\t0\.\d{4}\n", answer.out)
    assert answer.err.endswith(f"recorded: {out}\n")
    frames, rate = read_film(out)
    assert (len(frames), rate, frames[0].shape) == (50, 25.0, (240, 240, 3))


def test_a_source_that_is_not_there_is_wrong_usage(eyespot, trained):
    answer = eyespot("watch", trained.run, "nothing.mp4")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("eyespot: 'nothing.mp4' is not there; ")


def test_pictures_that_come_into_a_folder_are_answered_until_ctrl_c(trained, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    process = started("watch", trained.run, folder, "--accept-all")
    assert process.stderr and process.stdout
    assert process.stderr.readline().decode() == f"waiting for pictures in {folder}\n"
    for name, label in (("a.png", 0), ("b.png", 1)):
        Image.fromarray(halves(1, bright=label, seed=9)[0]).save(folder / name)
        line = process.stdout.readline().decode()
        time, said, probability, of = line.rstrip("\n").split("\t")
        assert (said, of) == (("left", "right")[label], name)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert out == b""
    assert err.decode().splitlines()[0].startswith("2 frames, ")
    assert err.decode().splitlines()[1:] == ["eyespot: interrupted"]
