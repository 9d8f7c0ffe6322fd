"""Prediction on a cluster: every picture once, the same as one process says, whoever dies."""

import json
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

pytest.importorskip("pyarrow", reason="needs the extra cluster")

from eyespot.cluster.parts import begin, counted, held, numbers
from eyespot.cluster.portions import stock
from eyespot.cluster.predicting import Answering, predict_on
from eyespot.cluster.storage import _impatient, place
from eyespot.errors import DataError, EyespotError, ResourceError, UsageError
from eyespot.models.predict import Asked, answers
from eyespot.values.predictions import Prediction


def digits(num: int) -> np.ndarray:
    """uint8 (num, 8, 8): scikit-learn's digits, again and again, each time a little darker."""
    images = load_digits().images * 255 / 16
    shade = 1 - 0.5 * (np.arange(num) // len(images))[:, None, None] / (num // len(images) + 1)
    return np.round(images[np.arange(num) % len(images)] * shade).astype(np.uint8)


def pictures(folder: Path, num: int, *, broken: tuple[int, ...] = ()) -> list[Path]:
    """Files of digits; some hold text instead."""
    folder.mkdir()
    for number, pixels in enumerate(digits(num)):
        path = folder / f"{number:05}.png"
        Image.fromarray(pixels).save(path)
        if number in broken:
            path.write_text("no picture")
    return sorted(folder.iterdir())


def read(out: Path, kind: str = "part") -> list[dict[str, object]]:
    import pyarrow.parquet as pq

    files = sorted(out.glob(f"{kind}-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def work(model: Path, sources: list[str], out: Path, *, size: int, only: set[int] | None = None):
    """What the workers do, in this process. Returns the stock."""
    found = stock(sources, size=size)
    worker = Answering(place(str(model)), place(str(out)), Asked(top=1))
    out.mkdir(exist_ok=True)
    for portion in found.portions():
        if only is None or portion.number in only:
            worker._answer(portion)
    return found


def test_parts_hold_what_one_process_says(digits_model, tmp_path):
    files = pictures(tmp_path / "in", 40, broken=(3, 39))
    from eyespot.models.loading import load

    found = work(digits_model, [str(tmp_path / "in")], tmp_path / "out", size=16)
    told = counted(place(str(tmp_path / "out")), num=40, num_portions=3)

    single = list(answers(load(digits_model), files, map(str, files), Asked(top=1)))
    good = [one for one in single if isinstance(one, Prediction)]
    rows = read(tmp_path / "out")
    assert found.num == 40 and found.num_portions == 3
    assert [row["name"] for row in rows] == [one.name for one in good]
    assert [row["label"] for row in rows] == [one.label for one in good]
    assert [row["unknown"] for row in rows] == [one.unknown for one in good]
    assert np.allclose([row["probability"] for row in rows], [one.probability for one in good])
    assert [Path(row["name"]).name for row in read(tmp_path / "out", "quarantine")] == [
        "00003.png",
        "00039.png",
    ]
    assert (told.answered, told.quarantined, told.num) == (38, 2, 40)


def test_a_part_that_is_missing_is_told_and_never_counted_over(digits_model, tmp_path):
    pictures(tmp_path / "in", 20)
    work(digits_model, [str(tmp_path / "in")], tmp_path / "out", size=8, only={0, 2})

    with pytest.raises(EyespotError, match=r"1 part of 3 cannot be found in .*, the first is part"):
        counted(place(str(tmp_path / "out")), num=20, num_portions=3)


def test_pictures_that_went_in_and_did_not_come_out_are_a_failure(digits_model, tmp_path):
    pictures(tmp_path / "in", 20)
    work(digits_model, [str(tmp_path / "in")], tmp_path / "out", size=8)

    with pytest.raises(EyespotError, match="21 pictures went in, and 20 answers and 0 in"):
        counted(place(str(tmp_path / "out")), num=21, num_portions=3)


def test_a_torn_part_is_named(digits_model, tmp_path):
    pictures(tmp_path / "in", 8)
    work(digits_model, [str(tmp_path / "in")], tmp_path / "out", size=8)
    part = tmp_path / "out" / "part-0000000.parquet"
    part.write_bytes(part.read_bytes()[:-20])

    with pytest.raises(DataError, match="part-0000000.parquet is torn; remove it and predict"):
        counted(place(str(tmp_path / "out")), num=8, num_portions=1)


def test_answers_to_another_question_are_not_mixed(digits_model, tmp_path):
    out = place(str(tmp_path / "out"))
    assert begin(out, {"eyespot": "1", "model": "a"}) == set()
    assert begin(out, {"eyespot": "1", "model": "a"}) == set()

    with pytest.raises(UsageError, match="holds answers to another question, its model differs;"):
        begin(out, {"eyespot": "1", "model": "b"})


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for manifest in (None, "[1]", "{", '{"name": "my app"}'):
        if manifest:
            (tmp_path / "manifest.json").write_text(manifest)
        with pytest.raises(UsageError, match="already there and not empty; name a new folder"):
            begin(place(str(tmp_path)), {})


def test_a_folder_of_answers_is_one_prediction_s_at_a_time(tmp_path):
    out = place(str(tmp_path / "out"))
    with held(out):
        with pytest.raises(ResourceError, match="out is being written by another process; wait"):
            with held(out):
                pass
        (tmp_path / "out" / ".part-0000001.parquet-0123456789abcdef").write_text("of a dead worker")
        assert begin(out, {"eyespot": "1"}) == set()

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.json"]


def test_a_url_of_fsspec_is_read_and_written(digits_model, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    files = pictures(tmp_path / "in", 10, broken=(4,))
    memory = fsspec.filesystem("memory")
    for file in files:
        memory.pipe(f"/{tmp_path.name}/in/{file.name}", file.read_bytes())
    found = stock([f"memory://{tmp_path.name}/in"], size=8)
    out = place(f"memory://{tmp_path.name}/out")
    worker = Answering(place(str(digits_model)), out, Asked(top=1))
    for portion in found.portions():
        worker._answer(portion)

    told = counted(out, num=10, num_portions=2)

    assert (told.answered, told.quarantined) == (9, 1)
    assert numbers(out.files()) == {0, 1}


def test_parquet_with_images_is_a_source(digits_model, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = pictures(tmp_path / "in", 20)
    table = pa.table({"image": [f.read_bytes() for f in files], "name": [f.name for f in files]})
    (tmp_path / "shards").mkdir()
    pq.write_table(table, tmp_path / "shards" / "a.parquet", row_group_size=6)

    found = work(digits_model, [f"file://{tmp_path}/shards"], tmp_path / "out", size=8)

    assert (found.num, found.num_portions) == (20, 2)  # of whole groups of rows: 12 and 8
    assert [row["name"] for row in read(tmp_path / "out")] == [file.name for file in files]


def test_without_ray_it_says_what_to_install(digits_model, tmp_path, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ray" else real(name, *a)
    )
    pictures(tmp_path / "in", 2)
    with pytest.raises(EyespotError) as error:
        predict_on("auto", digits_model, [str(tmp_path / "in")], str(tmp_path / "out"))

    assert str(error.value) == (
        "--cluster needs ray; install it with: pip install 'eyespot[cluster]'"
    )
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # as workers send it


def test_a_bucket_that_cannot_be_reached_is_a_sentence(digits_model):
    url = "s3://bucket/x?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1"
    with pytest.raises(DataError, match=r"^s3://bucket/x cannot be read: .*; look at the address"):
        stock([url])


def test_a_bucket_of_google_is_given_up_as_well(digits_model):
    url = "gs://anonymous@bucket/x?endpoint_override=127.0.0.1:1&scheme=http&retry_limit_seconds=1"
    with pytest.raises(DataError, match=r"^gs://anonymous@bucket/x cannot be read: .*; look at"):
        stock([url])
    assert _impatient("gs://bucket/x") == "gs://bucket/x?retry_limit_seconds=60"
    assert _impatient("gs://bucket/x?a=b") == "gs://bucket/x?a=b&retry_limit_seconds=60"
    assert _impatient(url) == url


def test_workers_hold_an_exported_model_as_well(digits_model, tmp_path):
    pytest.importorskip("onnx", reason="needs the extra onnx")
    from eyespot.exports import export

    files = pictures(tmp_path / "in", 20)
    path = export(digits_model, out=tmp_path / "model.onnx").path

    work(digits_model, [str(tmp_path / "in")], tmp_path / "torch", size=16)
    work(path, [str(tmp_path / "in")], tmp_path / "onnx", size=16)

    one, other = read(tmp_path / "torch"), read(tmp_path / "onnx")
    assert [row["label"] for row in one] == [row["label"] for row in other]
    assert len(one) == len(files)


def test_workers_without_a_cluster_are_refused(eyespot, digits_model):
    told = eyespot("predict", digits_model, "x.png", "--workers", 2)

    assert (told.code, told.err) == (
        2,
        "eyespot: --workers is for --cluster; add --cluster auto\n",
    )


@pytest.mark.cluster
def test_the_verb_on_a_cluster_of_this_machine(digits_model, tmp_path):
    pytest.importorskip("ray", reason="needs the extra cluster")
    import sys

    pictures(tmp_path / "in", 600, broken=(7,))
    command = [sys.executable, "-m", "eyespot", "predict", str(digits_model), "in"]
    command += ["--cluster", "local", "--workers", "1", "--out", "out", "--json"]
    for fresh in (True, False):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        told = json.loads(done.stdout)

        assert done.returncode == 3, done.stderr
        assert "1 of 600 pictures cannot be read; see out/quarantine-*.parquet" in done.stderr
        assert (told["num"], told["answered"], told["quarantined"]) == (600, 599, 1)
        assert ("600 pictures in 3 portions on Ray on 1 machine" in done.stderr) is fresh


@pytest.mark.cluster
def test_killed_workers_of_one_node_lose_and_repeat_nothing(digits_model, tmp_path, two_nodes):
    """20,000 pictures on two nodes; one node's workers get kill -9 in the middle."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from eyespot.models.loading import load

    num = 20_000
    (tmp_path / "in").mkdir()
    data = [b"P5 8 8 255\n" + pixels.tobytes() for pixels in digits(num)]
    data[123] = b"no picture"
    table = pa.table({"image": data, "name": [f"{number:05}" for number in range(num)]})
    pq.write_table(table, tmp_path / "in" / "a.parquet", row_group_size=256)
    out = tmp_path / "out"

    def begun() -> bool:
        return len(list(out.glob("part-*"))) >= 5

    with two_nodes.killing("Answering", when=begun) as killed:
        done = predict_on(
            two_nodes.address, digits_model, [f"file://{tmp_path}/in"], str(out), size=256
        )

    rows = read(out)
    single = [
        one
        for one in answers(load(digits_model), data, table["name"].to_pylist(), Asked(top=1))
        if isinstance(one, Prediction)
    ]
    assert killed
    assert done.counts.num == num and done.counts.quarantined == 1
    assert [row["name"] for row in rows] == [one.name for one in single]
    assert [row["label"] for row in rows] == [one.label for one in single]
    assert [row["unknown"] for row in rows] == [one.unknown for one in single]
