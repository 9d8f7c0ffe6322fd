"""ONNX files that are whole, broken or hostile, and predicting with them, with no torch at all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from eyespot.errors import DataError, ModelError, UsageError
from eyespot.exports.nets import model_graph
from eyespot.models.card import FORMAT
from eyespot.models.loading import load
from eyespot.models.onnx_file import (
    FORM_KEY,
    KEY,
    SCORES_KEY,
    read_onnx,
    write_onnx,
)
from eyespot.models.onnx_model import OnnxModel, load_onnx_model
from eyespot.models.torch_model import TorchModel
from eyespot.values.arrays import Array
from made_models import CLASSES, made_model, noise


def written(model: TorchModel, path: Path) -> Path:
    graph = model_graph(model).SerializeToString()
    write_onnx(path, model.card, graph, form="float32", scores=model.scores)
    return path


@pytest.fixture(scope="module")
def model() -> TorchModel:
    return made_model(size=12)


@pytest.fixture
def path(model: TorchModel, tmp_path: Path) -> Path:
    return written(model, tmp_path / "model.onnx")


def refusal(path: Path) -> str:
    """What is said of this file, without its name."""
    with pytest.raises(ModelError) as error:
        load(path)
    assert error.value.exit_code == 5
    return str(error.value).replace(str(path), "M")


def changed(path: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    """The file with another graph and a right checksum, as a cunning hand would make it."""
    card, scores = read_onnx(path).card, read_onnx(path).scores
    proto = onnx.load_model_from_string(path.read_bytes())
    del proto.metadata_props[:]
    change(proto)
    write_onnx(path, card, proto.SerializeToString(), form="float32", scores=scores)
    return path


def with_metadata(path: Path, key: str, value: str | None) -> Path:
    """The file with another text in its metadata, or without this."""
    proto = onnx.load_model_from_string(path.read_bytes())
    kept = [(one.key, one.value) for one in proto.metadata_props if one.key != key]
    del proto.metadata_props[:]
    for name, text in [*kept, *([] if value is None else [(key, value)])]:
        proto.metadata_props.add(key=name, value=text)
    path.write_bytes(proto.SerializeToString())
    return path


# --- whole files


def test_a_written_model_comes_back_whole(model, path):
    after = load(path)

    assert isinstance(after, OnnxModel)
    assert after.card == model.card
    assert after.classes == CLASSES
    assert after.form == "float32"
    assert np.array_equal(after.scores, model.scores)
    np.testing.assert_allclose(
        after.probabilities(noise(model)), model.probabilities(noise(model)), atol=1e-5
    )


def test_writing_twice_writes_the_same_bytes(model, path, tmp_path):
    assert written(model, tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_the_onnx_package_reads_the_file_and_its_card(path):
    proto = onnx.load_model_from_string(path.read_bytes())
    metadata = {one.key: one.value for one in proto.metadata_props}

    onnx.checker.check_model(proto, full_check=True)
    assert json.loads(metadata[KEY])["classes"] == list(CLASSES)
    assert metadata[FORM_KEY] == "float32"
    assert metadata.keys() == {KEY, FORM_KEY, SCORES_KEY}


@pytest.mark.parametrize(
    "name", ["location", "", "\ud800", "caf\udce9", '"\\\n', "\N{PILE OF POO}"]
)
def test_any_class_name_survives_the_file(model, tmp_path, name):
    card = model.card.model_copy(update={"classes": (name, "dog", "otter")})
    graph = model_graph(model).SerializeToString()
    write_onnx(tmp_path / "model.onnx", card, graph, form="float32", scores=model.scores)

    assert load(tmp_path / "model.onnx").classes == (name, "dog", "otter")


def test_a_folder_that_holds_only_a_model_onnx_stands_for_it(path):
    assert isinstance(load(path.parent), OnnxModel)


def test_a_folder_with_both_stands_for_the_one_that_was_trained(model, path):
    model.save(path.parent / "model.safetensors")

    assert isinstance(load(path.parent), TorchModel)


def test_pictures_of_every_kind_are_predicted_as_torch_does(model, path, tmp_path):
    Image.fromarray(noise(model, 1)[0]).resize((90, 50)).save(tmp_path / "a.png")
    pictures = [tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), noise(model, 1)[0]]

    for own, other in zip(model.predict(pictures), load(path).predict(pictures), strict=True):
        assert (own.label, own.unknown) == (other.label, other.unknown)
        assert own.probability == pytest.approx(other.probability, abs=1e-5)


def test_sets_of_a_coverage_are_those_of_torch(model, path):
    images = noise(model)

    said = [p.possible for p in load(path).predict(images, coverage=0.9)]

    assert said == [p.possible for p in model.predict(images, coverage=0.9)]
    assert {len(possible) for possible in said} != {1}


def test_no_pictures_give_no_answers(path):
    probs, refusal = load(path).examine(np.empty((0, 12, 12, 3), np.uint8))

    assert probs.shape == (0, 3) and refusal.shape == (0,)


def test_threads_that_ask_at_once_get_their_own_answers(model, path):
    loaded, images = load_onnx_model(path, threads=1), noise(model, 64)
    alone = loaded.probabilities(images)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda row: loaded.probabilities(images[row : row + 1]), range(64)))

    np.testing.assert_allclose(np.concatenate(found), alone, atol=1e-6)


def test_images_that_are_not_prepared_are_refused(path):
    with pytest.raises(DataError, match="wants uint8 images of 12 x 12 x 3, got uint8 of 9 x 9"):
        load(path).probabilities(np.zeros((2, 9, 9), np.uint8))


def test_a_single_picture_is_no_list(path):
    with pytest.raises(UsageError, match="write predict"):
        load(path).predict("a.png")


def test_heat_maps_need_the_torch_model(path, tmp_path, eyespot):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")

    said = eyespot("predict", path, tmp_path / "a.png", "--heat", tmp_path / "heat")

    assert said.code == 2
    assert said.err == (
        "eyespot: an exported model keeps no gradients to say where it looked; "
        "add --heat-by occlusion, or name the run's model.safetensors\n"
    )
    again = ("predict", path, tmp_path / "a.png", "--heat", tmp_path / "heat", "--heat-by")
    assert eyespot(*again, "occlusion").code == 0
    assert len(list((tmp_path / "heat").glob("*.png"))) == 1


def test_nothing_of_torch_is_imported(path, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnx'] = sys.modules['sklearn'] = None\n"
        "import importlib.util; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'torch' else real(name)\n"
        "from eyespot.cli import main\n"
        f"sys.argv = ['eyespot', 'predict', {str(path)!r}, {str(tmp_path / 'a.png')!r}]\n"
        "main()"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stderr == ""
    assert done.stdout.endswith(f"{tmp_path / 'a.png'}\n")


def test_without_onnxruntime_it_says_what_to_install(path):
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'onnxruntime' else real(name)\n"
        "from eyespot.cli import main\n"
        f"sys.argv = ['eyespot', 'predict', {str(path)!r}, 'a.png']\n"
        "main()"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr == (
        f"eyespot: running {path} needs onnxruntime; install it with: pip install 'eyespot[onnx]'\n"
    )


# --- foreign and broken files


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "M is empty (0 bytes); export it again or copy it again"),
        (b"\0" * 100, "M is not an ONNX file; use one written by eyespot export"),
        (b"\x08", "M is not an ONNX file"),
        (b"<html>not found</html>", "M is not an ONNX file"),
        (b"PK\x03\x04" + b"\0" * 99, "M is not an ONNX file"),
        (b"\x08\x07" + b"\xff" * 99, "M is damaged (a number that does not end)"),
        (b"\x08\x07\x3a\xff\xff\xff\xff\x7f", "M is damaged (it is cut off)"),
        (b"\x08\x07\x3b", "M is damaged (a field of the unknown kind 3)"),
        (b"\x08\x07\x3a", "M is damaged (index out of range)"),
        (b"\x08\x07\x72\x04\x0a\x02\xff\xff", "M is damaged ('utf-8' codec"),
        (b"\x08\x07", "M is an ONNX file that eyespot has not written (no 'eyespot' in its met"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path, data, sentence):
    (tmp_path / "model.onnx").write_bytes(data)

    assert refusal(tmp_path / "model.onnx").startswith(sentence)


def test_a_file_of_three_gigabytes_is_refused_without_reading_it(path):
    os.truncate(path, 3 * 2**30)

    assert refusal(path).startswith("M is too large for a model (3,221,225,472 bytes)")


def test_every_cut_and_every_flipped_byte_is_noticed(path):
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(data), 60):
        path.write_bytes(data[:place])
        refusal(path)
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(flipped))
        refusal(path)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        (KEY, None, "M is an ONNX file that eyespot has not written"),
        (KEY, "{broken", "M is damaged (its card is not JSON"),
        (KEY, "[" * 100_000, "M is damaged (its card is not JSON"),
        (KEY, "7", "M is damaged (its card is not an object)"),
        (KEY, '{"format": 99}', f"M has format 99, this eyespot knows up to {FORMAT}; upgrade"),
        (KEY, "{}", "M has no format number that eyespot knows"),
        (FORM_KEY, "int9", "M is damaged (its checksum is another)"),
        (SCORES_KEY, None, "M is damaged (its checksum is another)"),
        ("more", "x", "M is damaged (its checksum is another)"),
    ],
)
def test_metadata_that_was_changed_is_refused(path, key, value, sentence):
    assert refusal(with_metadata(path, key, value)).startswith(sentence)


def test_a_card_that_was_changed_is_refused(path):
    text = {one.key: one.value for one in onnx.load(path).metadata_props}[KEY]

    with_metadata(path, KEY, text.replace('"temperature": 1.5', '"temperature": 2.5'))

    assert refusal(path).startswith("M is damaged (its checksum is another)")


def test_two_cards_in_a_file_are_refused(path):
    card = onnx.load(path).metadata_props[0]

    extra = onnx.ModelProto(metadata_props=[card]).SerializeToString()
    path.write_bytes(path.read_bytes() + extra)

    assert (
        refusal(path) == "M is damaged (two metadata 'eyespot'); export it again or copy it again"
    )


# --- what a cunning hand writes


def external(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")


def test_weights_in_another_file_are_refused_and_not_read(path, monkeypatch):
    (path.parent / "secret").write_bytes(b"\0" * 2**20)
    monkeypatch.chdir(path.parent)

    sentence = refusal(changed(path, external))

    assert sentence == ("M keeps weights in another file, which is not read; export it again")


def resized(proto: onnx.ModelProto) -> None:
    shape = proto.graph.input[0].type.tensor_type.shape
    shape.dim[1].dim_value = shape.dim[2].dim_value = 28


def test_a_graph_for_other_pictures_is_refused_with_both_shapes(path):
    written(made_model(size=12, refuses=False), path)

    assert refusal(changed(path, resized)) == (
        "M wants 12x12x3 images by its card, but its graph 28x28x3; export it again"
    )


def floating(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def unrefusing(proto: onnx.ModelProto) -> None:
    del proto.graph.output[1]


def unknown_op(proto: onnx.ModelProto) -> None:
    proto.graph.node[3].op_type = "Surprise"


def circular(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].input[0] = proto.graph.node[5].output[0]


def headless(proto: onnx.ModelProto) -> None:
    proto.ClearField("graph")


def other_weights(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[2].dims[0] += 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (floating, "M wants images tensor(float) where images of bytes are due; export it again"),
        (unrefusing, "M gives {'logits': [3]} where {'logits': [3], 'refusal': []} is due"),
        (unknown_op, "M cannot be run ("),
        (circular, "M cannot be run ("),
        (headless, "M cannot be run ("),
        (other_weights, "M cannot be run ("),
    ],
)
def test_a_graph_that_does_not_do_is_refused(path, change, words, capfd):
    assert refusal(changed(path, change)).startswith(words)
    assert capfd.readouterr() == ("", "")  # onnxruntime says nothing of its own


def test_a_card_of_other_classes_is_refused(model, path):
    card = model.card.model_copy(update={"classes": ("cat", "dog")})
    write_onnx(
        path, card, model_graph(model).SerializeToString(), form="float32", scores=model.scores
    )

    assert refusal(path).startswith("M gives {'logits': [3], 'refusal': []} where {'logits': [2]")


@pytest.mark.parametrize("scores", [None, np.zeros(3, np.float32), np.full(20, np.nan)])
def test_scores_that_the_card_does_not_say_are_refused(model, path, scores: Array | None):
    write_onnx(
        path, model.card, model_graph(model).SerializeToString(), form="float32", scores=scores
    )

    assert refusal(path) == "M has not the scores that its card says; export it again"


def test_a_form_that_is_none_is_refused(model, path):
    form: Any = "int9"
    write_onnx(
        path, model.card, model_graph(model).SerializeToString(), form=form, scores=model.scores
    )

    assert refusal(path) == "M does not say what it computes in; export it again"
