"""Backbones that transformers builds, and ONNX files."""

import json

import numpy as np
import pytest
import torch

import eyespot
from eyespot.errors import ModelError
from eyespot.nets.pretrained import read_backbone
from eyespot.nets.standing import net_on, prepared_as, spec_on
from tiny_backbone import make_photos

SMALL_VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
TINY = {
    "resnet": (
        "ResNet",
        {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    ),
    "convnext": ("ConvNext", {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}),
    "convnextv2": ("ConvNextV2", {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}),
    "mobilenet_v2": ("MobileNetV2", {"depth_multiplier": 0.25}),
    "vit": ("ViT", {**SMALL_VIT, "intermediate_size": 64}),
    "dinov2": ("Dinov2", SMALL_VIT),
}


def normalisation(folder):
    shape = {"size": {"height": 32, "width": 32}, "image_mean": [0.4] * 3, "image_std": [0.2] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(shape))


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    return make_photos(tmp_path / "photos", 12)


@pytest.mark.parametrize("kind", TINY)
def test_each_architecture_gives_what_it_gives_in_transformers(kind, tmp_path):
    transformers = pytest.importorskip("transformers")
    name, settings = TINY[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**settings)
    theirs = getattr(transformers, f"{name}ForImageClassification")(config).eval()
    theirs.save_pretrained(tmp_path / kind)
    normalisation(tmp_path / kind)

    found = read_backbone(tmp_path / kind)
    spec = spec_on(found, size=32)
    net = net_on(found, spec, prepared_as(found, size=32, fit="pad"), num_classes=2).eval()

    x_BCHW = torch.randint(0, 256, (2, 3, 32, 32)).float()
    with torch.inference_mode():
        activations = net[1].activations(net[0](x_BCHW))
        told = theirs.base_model((x_BCHW / 255 - 0.4) / 0.2)
    expected = getattr(told, "pooler_output", None)
    if kind in ("vit", "dinov2"):
        expected = told.last_hidden_state[:, 0]
    torch.testing.assert_close(activations[-1], expected.flatten(1), rtol=1e-4, atol=1e-4)
    own = tuple(one.shape[1] * (4 if one.ndim == 4 else 1) for one in activations)
    assert own == spec.depths and len(own) >= 3
    assert net[1].stages()


@pytest.mark.parametrize("kind", TINY)
def test_a_model_on_any_of_them_is_an_ordinary_one(photos, kind, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("onnxruntime")
    name, fields = TINY[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**fields)
    getattr(transformers, f"{name}Model")(config).save_pretrained(tmp_path / kind)
    normalisation(tmp_path / kind)
    settings = {"backbone": str(tmp_path / kind), "valid": 0.5, "test_views": "mirrors"}

    run = eyespot.train(photos, recipe="features", settings=settings, out=tmp_path / "run").run

    model = eyespot.load(run.path)
    assert model.predict([photos / "red" / "0.png"])[0].label in ("red", "green")
    same_exported(run)


def same_exported(run):
    """Whether the export says what the model says, of noise, too."""
    exported = eyespot.export(run.path)
    assert exported.parity.num_same == exported.parity.num
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    ours, theirs = eyespot.load(run.model), eyespot.load(exported.path)
    for one, other in zip(ours.examine(pictures), theirs.examine(pictures), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_finetuning_works_on_any_of_them(photos, tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(**TINY["vit"][1])
    transformers.ViTModel(config).save_pretrained(tmp_path / "vit")
    normalisation(tmp_path / "vit")
    settings = {"backbone": str(tmp_path / "vit"), "unfrozen": 1, "epochs": 1, "batch": 8}

    run = eyespot.train(photos, recipe="finetune", settings=settings, out=tmp_path / "run").run

    assert eyespot.load(run.path).predict([photos / "green" / "0.png"])[0].label in ("red", "green")


def onnx_file(folder, *, outputs: str = "map", opset: int = 17):
    """A convolution with stride 4 and, for `vector`, its mean."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder.mkdir()
    helper, numbers = onnx.helper, np.random.default_rng(0).normal(size=(16, 3, 4, 4))
    weight = onnx.numpy_helper.from_array(numbers.astype(np.float32), "weight")
    nodes = [helper.make_node("Conv", ["x", "weight"], ["map"], strides=[4, 4])]
    nodes.append(helper.make_node("GlobalAveragePool", ["map"], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["vector"]))
    shape = {"map": ["n", 16, 8, 8], "vector": ["n", 16]}[outputs]
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info(outputs, onnx.TensorProto.FLOAT, shape)],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    normalisation(folder)
    return folder / "model.onnx"


@pytest.mark.parametrize("outputs", ["map", "vector"])
def test_a_model_on_an_onnx_file_holds_the_graph(photos, tmp_path, outputs):
    file = onnx_file(tmp_path / "graph", outputs=outputs)
    settings = {"backbone": str(file), "valid": 0.5}

    run = eyespot.train(photos, recipe="features", settings=settings, out=tmp_path / "run").run
    file.unlink()

    said = eyespot.load(run.path).predict([photos / "red" / "0.png", photos / "green" / "1.png"])
    assert [one.label for one in said] == ["red", "green"]
    same_exported(run)


@pytest.mark.parametrize("opset", [13, 18])
def test_a_graph_of_another_opset_is_exported_too(photos, tmp_path, opset):
    file = onnx_file(tmp_path / "graph", opset=opset)
    settings = {"backbone": str(file), "valid": 0.5}

    same_exported(
        eyespot.train(photos, recipe="features", settings=settings, out=tmp_path / "run").run
    )


def test_a_graph_cannot_be_trained(photos, tmp_path):
    file = onnx_file(tmp_path / "graph")

    with pytest.raises(ModelError, match="is a graph, which cannot be trained"):
        eyespot.train(
            photos, recipe="finetune", settings={"backbone": str(file)}, out=tmp_path / "run"
        )


@pytest.mark.parametrize("data", [b"", b"no graph at all"])
def test_what_is_no_graph_is_refused(tmp_path, data):
    pytest.importorskip("onnxruntime")
    (tmp_path / "model.onnx").write_bytes(data)
    normalisation(tmp_path)

    with pytest.raises(ModelError, match=r"model\.onnx"):
        read_backbone(tmp_path / "model.onnx")
