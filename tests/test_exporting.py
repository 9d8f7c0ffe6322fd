"""A trained model becomes a file that anybody can run, and only if it answers the same."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import eyespot as library
from conftest import write_pictures
from eyespot.errors import ModelError, UsageError
from eyespot.exports import export
from eyespot.exports.heldout import held_out
from eyespot.exports.madeup import made_up
from eyespot.exports.nets import model_graph
from eyespot.exports.quantisation import quantised
from eyespot.files.run import Run
from eyespot.files.tables import read_table
from eyespot.models.loading import load
from eyespot.models.onnx_file import write_onnx
from eyespot.models.onnx_model import OnnxModel, load_onnx_model
from made_models import made_ensemble, made_model, mobilenet, noise


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of the trained run, to export into."""
    shutil.copytree(trained.run, tmp_path / "run")
    return tmp_path / "run"


def test_an_export_is_proven_on_the_runs_own_test_part(run):
    num = sum(row["part"] == "test" for row in read_table(Run(run).split))

    done = export(run)

    assert done.path == run / "model.onnx"
    assert done.parity.num == done.parity.num_same == num > 0
    assert done.parity.how == "the run's test part"
    assert done.parity.largest_difference < 1e-5
    assert done.parity.accuracy == done.parity.accuracy_before is not None
    assert isinstance(load(done.path), OnnxModel)


def test_it_is_a_public_name():
    assert library.export is export


def test_int8_is_smaller_and_loses_little(run):
    whole, small = export(run), export(run, to="int8", loss=20)

    assert small.path == run / "model-int8.onnx"
    assert load(small.path).form == "int8"
    ops = [node.op_type for node in onnx.load(small.path).graph.node]
    assert ops.count("QuantizeLinear") >= ops.count("Conv") > 0
    assert small.parity.num == whole.parity.num
    assert 0 < small.parity.largest_difference < 0.3


def on_backbone():
    return made_model(mobilenet(), size=32)


@pytest.mark.parametrize("made", [made_model, made_ensemble, on_backbone])
def test_int8_answers_nearly_alike_for_nets_of_every_kind(tmp_path, made):
    model = made()
    images = noise(model, 64)
    graph = quantised(model_graph(model), images)
    write_onnx(
        tmp_path / "m.onnx", model.card, graph.SerializeToString(), form="int8", scores=model.scores
    )

    probs, refusal = load_onnx_model(tmp_path / "m.onnx").examine(images)

    own, unlike = model.examine(images)
    assert np.abs(probs - own).mean() < 0.03
    np.testing.assert_allclose(refusal, unlike, rtol=0.3)


def test_quantising_leaves_the_graph_as_it_was():
    model = made_model()
    graph = model_graph(model)
    before = graph.SerializeToString(deterministic=True)

    quantised(graph, noise(model, 8))

    assert graph.SerializeToString(deterministic=True) == before


def test_exporting_twice_writes_the_same_bytes(run):
    first = [export(run, to=to, loss=20).path.read_bytes() for to in ("onnx", "int8")]

    assert [export(run, to=to, loss=20).path.read_bytes() for to in ("onnx", "int8")] == first


def test_an_export_that_disagrees_is_not_kept(run, monkeypatch, eyespot):
    from eyespot.exports import layers

    real = layers.scale_of
    monkeypatch.setattr(
        "eyespot.exports.nets.scale_of",
        lambda module: layers.Scale(factor=2 * real(module).factor, offset=real(module).offset),
    )

    said = eyespot("export", run)

    assert said.code == 5
    assert said.err.startswith("eyespot: the export says something else than the model: ")
    assert not (run / "model.onnx").exists()


def test_int8_beyond_its_bound_is_not_kept_and_an_older_one_stays(run, monkeypatch):
    older = export(run, to="int8", loss=20).path.read_bytes()
    from eyespot.exports import quantisation

    real = quantisation.quantised
    monkeypatch.setattr(
        "eyespot.exports.quantisation.quantised",
        lambda graph, images: real(graph, images // 50),  # calibrated for the dark
    )

    with pytest.raises(ModelError, match="it is not kept"):
        export(run, to="int8", loss=0)

    assert (run / "model-int8.onnx").read_bytes() == older


def test_a_run_whose_pictures_are_gone_is_judged_by_made_up_ones(run, eyespot):
    origin = json.loads((run / "origin.json").read_text())
    (run / "origin.json").write_text(json.dumps(origin | {"source": ["nowhere"]}))

    said = eyespot("export", run)

    assert said.code == 0
    assert "judged by made-up pictures: 'nowhere' is neither a file" in said.err
    assert "judged by 400 images: made-up pictures" in said.out


def test_pictures_that_have_changed_since_do_not_judge(trained, run):
    data = run.parent / "data"
    shutil.copytree(trained.data, data)
    origin = json.loads((run / "origin.json").read_text())
    (run / "origin.json").write_text(json.dumps(origin | {"source": [str(data)]}))
    tests = [row["name"] for row in read_table(Run(run).split) if row["part"] == "test"]
    shutil.copy(data / tests[1], data / tests[0])
    (data / tests[2]).unlink()

    assert export(run).parity.num == len(tests) - 2


def test_a_lone_model_file_is_judged_by_what_is_named(trained, run, tmp_path, eyespot):
    shutil.copy(run / "model.safetensors", tmp_path / "model.safetensors")
    data = write_pictures(tmp_path / "more", num=22, seed=9)

    said = eyespot("export", tmp_path / "model.safetensors", "--data", data, "--json")

    told = json.loads(said.out)
    assert told["num"] == told["num_same"] == 40  # every eleventh is for int8's ranges
    assert told["accuracy"] == told["accuracy_before"] > 0.5


def test_pictures_without_labels_judge_too(trained, run, tmp_path, eyespot):
    data = write_pictures(tmp_path / "more", num=11, seed=9) / "left"

    said = eyespot("export", run, "--data", data)

    assert said.code == 0
    assert said.err.startswith("judged without labels: ")
    assert "judged by 10 images: pictures of" in said.out
    assert "accuracy" not in said.out


def test_pictures_that_it_has_learnt_from_do_not_judge(trained, run):
    done = export(run, data=trained.data)

    assert done.parity.num <= sum(r["part"] == "test" for r in read_table(Run(run).split))


def test_an_export_is_no_original(run, eyespot):
    export(run)

    said = eyespot("export", run / "model.onnx")

    assert said.code == 5
    assert said.err == (
        f"eyespot: {run}/model.onnx is an export already; name a run's model.safetensors\n"
    )


def test_a_name_that_is_not_known_for_onnx_is_refused(run):
    with pytest.raises(UsageError, match="does not end in .onnx"):
        export(run, out=run / "model.bin")


def test_a_model_in_memory_is_exported_where_it_is_told(tmp_path):
    model = made_model()

    done = export(model, out=tmp_path / "m.onnx")

    assert done.parity.how == "made-up pictures"
    with pytest.raises(UsageError, match="say where to"):
        export(model)


def test_calibrating_pictures_do_not_judge(run):
    model = load(run)

    held = held_out(model.classes, model.preparation, Run(run), None)

    judging = {image.tobytes() for image in held.images}
    assert not judging & {image.tobytes() for image in held.calibrating}


@pytest.mark.parametrize("channels", [1, 3])
def test_made_up_pictures_are_of_every_kind(channels):
    shape = made_model(channels=channels).preparation

    pictures = made_up(shape, 50)

    assert pictures.shape == (50, 28, 28, channels) and pictures.dtype == np.uint8
    assert np.array_equal(pictures, made_up(shape, 50))
    means = pictures.mean(axis=(1, 2, 3))
    assert means.min() < 70 and means.max() > 185
    assert len({picture.tobytes() for picture in pictures}) == 50
