"""A run folder gives back what was written into it."""

import numpy as np
import pytest

from eyespot.errors import DataError
from eyespot.files.atomic import write_json
from eyespot.files.run import Run, write_predictions
from eyespot.values.predictions import Predictions


def predictions(num: int = 3) -> Predictions:
    return Predictions(
        names=("a", "b\udcff", "c\ud800")[:num],
        classes=("x", "y"),
        labels=np.array([0, 1, 0][:num], dtype=np.int64),
        probs=np.full((num, 2), 0.5, dtype=np.float32),
    )


def test_predictions_come_back_as_they_were_written(tmp_path):
    run = Run(tmp_path)
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    write_predictions(run, predictions(0), predictions(), {"b\udcff": picture})

    back = run.read_predictions("test")
    assert (back.names, back.classes) == (("a", "b\udcff", "c\ud800"), ("x", "y"))
    assert back.probs.dtype == np.float32
    assert len(run.read_predictions("valid")) == 0
    assert run.read_pictures()["b\udcff"].tolist() == picture.tolist()


def test_a_damaged_predictions_file_is_a_data_error(tmp_path):
    """Each byte flipped in turn, and the file cut at each place."""
    run = Run(tmp_path)
    write_predictions(run, predictions(0), predictions(1), {})
    whole = run.predictions.read_bytes()
    damaged = [whole[:num] for num in range(0, len(whole), 23)]
    for place in range(0, len(whole), 5):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])

    refused = 0
    for data in damaged:
        run.predictions.write_bytes(data)
        try:
            back = run.read_predictions("test")
            assert (back.names, back.probs.tolist()) == (("a",), [[0.5, 0.5]])
        except DataError as error:
            assert str(error).startswith(f"{run.path} is not a finished run: predictions.npz ")
            refused += 1
    assert refused > len(damaged) / 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "{} is not a finished run: origin.json cannot be read (No such file or directory)"),
        ("{]", "{}/origin.json is not JSON (Expecting property name enclosed in double quotes: "
         "line 1 column 2 (char 1)); train again"),
        ("[" * 100_000, "{}/origin.json is not JSON (nested too deep); train again"),
    ],
)  # fmt: skip
def test_a_torn_json_file_is_named(tmp_path, text, message):
    run = Run(tmp_path)
    if text is not None:
        run.origin.write_text(text)

    with pytest.raises(DataError) as error:
        run.read_json(run.origin)

    assert str(error.value) == message.format(tmp_path)


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"name": "é\udcff", "n": [1, 2.5, None]})

    assert Run(tmp_path).read_json(tmp_path / "a.json") == {"name": "é\udcff", "n": [1, 2.5, None]}
