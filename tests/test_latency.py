"""`show` says how large and how fast each form of a model is."""

import json
import shutil

import pytest

from eyespot.exports import export
from eyespot.images.parallel import num_cores
from eyespot.models.latency import form_facts
from made_models import made_model


@pytest.fixture
def run(tmp_path):
    model = made_model(size=12)
    model.save(tmp_path / "model.safetensors")
    for to in ("onnx", "int8"):
        name = "model.onnx" if to == "onnx" else "model-int8.onnx"
        export(model, to=to, out=tmp_path / name, loss=20)
    return tmp_path


def test_every_form_in_the_folder_is_measured_on_one_core_and_on_all(run):
    forms = form_facts(run, seconds=0.01)

    assert [one.form for one in forms] == ["safetensors", "onnx", "int8"]
    for one in forms:
        assert one.num_bytes == one.path.stat().st_size
        assert [latency.cores for latency in one.latencies] == sorted({1, num_cores()})
        assert all(0 < latency.median <= latency.p95 for latency in one.latencies)


def test_a_file_stands_for_itself(run):
    for name, form in (("model.onnx", "onnx"), ("model-int8.onnx", "int8")):
        assert [one.form for one in form_facts(run / name, seconds=0.01)] == [form]


def test_a_form_that_nothing_here_runs_is_only_weighed(run, monkeypatch):
    monkeypatch.setattr("eyespot.models.latency.importlib.util.find_spec", lambda name: None)

    (one,) = form_facts(run / "model.onnx", seconds=0.01)

    assert str(one) == f"{one.num_bytes:,} bytes; nothing that runs it is installed"


def test_show_tells_of_a_folder_that_holds_only_an_export(run, eyespot):
    (run / "model.safetensors").unlink()

    said = eyespot("show", run)

    lines = dict(line.split(maxsplit=1) for line in said.out.splitlines())
    assert said.code == 0
    assert lines["computes"] == "in    float32"
    assert lines["model"] == f"{run}/model.onnx"
    assert "ms (" in lines["onnx"] and " on 1 core" in lines["int8"]


def test_show_of_a_lone_export(run, tmp_path, eyespot):
    (tmp_path / "alone").mkdir()
    shutil.copy(run / "model-int8.onnx", tmp_path / "alone" / "m.onnx")

    told = json.loads(eyespot("show", tmp_path / "alone" / "m.onnx", "--json").out)

    assert told["classes"] == ["cat", "dog", "otter"] and told["computes in"] == "int8"
    assert [form["form"] for form in told["forms"]] == ["int8"]
    assert told["forms"][0]["latencies_ms"][0].keys() == {"cores", "median", "p95"}
