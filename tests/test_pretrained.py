"""Backbones on a disk: what is read, and what is refused in a sentence."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from eyespot.errors import ModelError
from eyespot.nets.finding import at_hand, find_backbone
from eyespot.nets.mobilenet import MobileNetV1
from eyespot.nets.pretrained import fill_trunk, read_backbone
from tiny_backbone import make_backbone


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EYESPOT_BACKBONES", str(tmp_path / "shelf"))


@pytest.fixture
def folder(tmp_path):
    return make_backbone(tmp_path / "shelf" / "tiny")


def change(file, **fields):
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_a_folder_is_read_with_its_normalisation(folder):
    found = read_backbone(folder)

    assert (found.name, found.size, found.mean) == ("tiny", 32, (0.5, 0.5, 0.5))
    assert found.trunk.architecture == "mobilenet_v1"


def test_its_hash_tells_other_weights_and_other_settings(folder):
    first = read_backbone(folder).digest
    change(folder / "config.json", tf_padding=False)
    second = read_backbone(folder).digest
    change(folder / "config.json", tf_padding=True)
    make_backbone(folder, seed=1)

    assert len({first, second, read_backbone(folder).digest}) == 3


def test_names_are_looked_up_on_the_shelf_and_in_the_cache(folder, tmp_path):
    make_backbone(tmp_path / "cache" / "backbones" / "other")

    assert [path.name for path in at_hand()] == ["tiny", "other"]
    assert find_backbone(None).path == folder
    assert find_backbone("other").name == "other"
    with pytest.raises(ModelError, match="'othr' is no folder here.*did you mean 'other'"):
        find_backbone("othr")


def test_a_shelf_may_be_a_backbone_itself(folder, monkeypatch):
    monkeypatch.setenv("EYESPOT_BACKBONES", str(folder))

    assert at_hand() == [folder]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ("./gone", "is not there; name a folder with config.json and model.safetensors"),
        ("~nobody-of-this-name/gone", "is not there; name a folder"),
        ("/gone/model.onnx", "is not there; name a folder"),
        ("a/b/c", "is no folder and no name on the hub, OWNER/NAME"),
        ("a" * 3000, "'a{80}' is no folder here, in"),
    ],
)
def test_what_is_not_there_is_said(wish, reason):
    with pytest.raises(ModelError, match=reason):
        find_backbone(wish)


def test_without_any_backbone_it_says_how_to_name_one():
    with pytest.raises(ModelError, match="no backbone is at hand; name one, for instance --set"):
        find_backbone(None)


def test_a_pickle_is_refused_and_not_opened(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelError, match="as pytorch_model.bin, a pickle, which eyespot does not"):
        read_backbone(folder)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("model.safetensors", "holds no model.safetensors; download the whole backbone"),
        ("config.json", "holds no config.json, which says which net it is"),
        ("preprocessor_config.json", "which says how its pictures are normalised"),
    ],
)
def test_a_file_that_lacks_is_named(folder, file, reason):
    (folder / file).unlink()

    with pytest.raises(ModelError, match=reason):
        read_backbone(folder)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model_type": "bert"}, "model_type 'bert' is not one of mobilenet_v1, resnet, "),
        ({"model_type": "resnett"}, "did you mean 'resnet'"),
        ({"model_type": 7}, "model_type '7' is not one of"),
        (
            {"depth_multiplier": 1e9},
            "its 'depth_multiplier' does not do: Input should be less .*; download it",
        ),
        ({"min_depth": "8"}, "its 'min_depth' does not do"),
        ({"hidden_act": "os.system"}, "hidden_act 'os.system' is not 'relu6'"),
        ({"num_channels": 1}, "its pictures have 1 channels, not 3"),
        ({"model_type": "vit", "hidden_act": "os.system"}, "its 'hidden_act' does not do"),
        ({"model_type": "vit", "hidden_size": 10**12}, "its 'hidden_size' does not do"),
    ],
)
def test_settings_that_do_not_do_are_refused(folder, fields, reason):
    change(folder / "config.json", **fields)

    with pytest.raises(ModelError, match=reason):
        read_backbone(folder)


@pytest.mark.parametrize(
    "fields", [{"image_mean": [0.5, 0.5]}, {"image_mean": "x"}, {"image_std": [0, 0.5, 0.5]}]
)
def test_a_normalisation_that_is_none_is_refused(folder, fields):
    change(folder / "preprocessor_config.json", **fields)

    with pytest.raises(ModelError, match="is not three numbers from"):
        read_backbone(folder)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000])
def test_json_that_is_none_is_refused(folder, text):
    (folder / "config.json").write_text(text)

    with pytest.raises(ModelError, match="config.json"):
        read_backbone(folder)


def filled(folder):
    backbone = read_backbone(folder)
    fill_trunk(MobileNetV1(backbone.trunk), backbone)


def test_weights_that_are_not_its_own_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    name = "mobilenet_v1.layer.4.convolution.weight"

    save_file({**weights, name: weights[name][:3]}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="'layers.5.weight' is of shape"):
        filled(folder)
    save_file({**weights, name: weights[name] * np.float32(np.nan)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="holds numbers that are not finite"):
        filled(folder)
    save_file({**weights, name: weights[name].astype(np.int8)}, folder / "model.safetensors")
    with pytest.raises(
        ModelError, match="'mobilenet_v1.layer.4.convolution.weight' holds int8, as"
    ):
        filled(folder)
    del weights[name]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match="lacks 'mobilenet_v1.layer.4.convolution.weight'"):
        filled(folder)
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="model.safetensors is damaged"):
        filled(folder)


def test_the_command_line_says_it_in_a_line_with_code_5(folder, tmp_path):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    words = ["train", "digits", "--recipe", "features", "--set", f"backbone={folder}"]

    done = subprocess.run(
        [sys.executable, "-m", "eyespot", *words], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 5
    assert "a pickle, which eyespot does not open" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "digits-1").exists()
