"""ONNX files as backbones: those that give no features are refused, with what to do."""

import json

import numpy as np
import pytest

from eyespot.errors import ModelError
from eyespot.nets.pretrained import read_backbone

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
FLOAT = onnx.TensorProto.FLOAT


def graph_file(folder, *, takes=("n", 3, 32, 32), more=(), kind=FLOAT, last=None):
    """The mean of the picture's channels, and behind it a node `last`. more: other inputs."""
    helper = onnx.helper
    nodes = [
        helper.make_node("Cast", ["x"], ["float"], to=FLOAT),
        helper.make_node("GlobalAveragePool", ["float"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vector"]),
        *([last] if last else []),
    ]
    output = last.output[0] if last else "vector"
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info(n, kind, takes) for n in ("x", *more)],
        [helper.make_tensor_value_info(output, FLOAT, None)],
        [onnx.numpy_helper.from_array(np.array([1, 99_999], np.int64), "wide")],
    )
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("far.away", 1)]
    return write(folder, helper.make_model(graph, opset_imports=opset, ir_version=8))


def write(folder, model, **settings):
    onnx.save(model, folder / "model.onnx", **settings)
    shape = {"size": 32, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(shape))
    return folder / "model.onnx"


@pytest.mark.parametrize(
    ("takes", "side"), [(("n", 3, 48, 48), 48), (("n", 3, "h", "w"), 32), (("n", 3, 48, "w"), 48)]
)
def test_a_side_that_is_free_is_the_one_beside_the_file(tmp_path, takes, side):
    assert read_backbone(graph_file(tmp_path, takes=takes)).size == side


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"takes": (1, 3, 32, 32)}, "takes 1 at a time .*; export it again with a dynamic batch"),
        ({"takes": ("n", 5, 32, 32)}, r"wants pictures of the shape \[5, 32, 32\]; a backbone wan"),
        ({"takes": ("n", 32, 32, 3)}, r"wants pictures of the shape \[32, 32, 3\]; a backbone wan"),
        (
            {"takes": ("n", 3, 32, 48)},
            r"wants pictures of the shape \[3, 32, 48\].*rows as columns",
        ),
        ({"takes": ("n", 32)}, r"wants x, float \['n', 32\]; a backbone wants one float input"),
        ({"kind": onnx.TensorProto.UINT8}, r"wants x, uint8 \['n', 3, 32, 32\]; a backbone wants"),
        ({"more": ("y",)}, r"wants x, float .*, y, float .*; a backbone wants one float input"),
    ],
)
def test_what_does_not_take_pictures_says_what_it_wants(tmp_path, settings, reason):
    with pytest.raises(ModelError, match=rf"{tmp_path}/model\.onnx {reason}"):
        read_backbone(graph_file(tmp_path, **settings))


@pytest.mark.parametrize(
    ("node", "inputs", "domain", "reason"),
    [
        ("Tile", ["vector", "wide"], "", "gives 299,997 features of a picture, and 65,536 are the"),
        ("Size", ["vector"], "", r"cannot be run by onnxruntime \(Type Error"),
        ("Transpose", ["vector"], "", r"gives no features for pictures of 32x32 \(its outputs hav"),
        ("Evil", ["vector"], "far.away", r"cannot be run by onnxruntime \(Fatal error: far.away:"),
    ],
)
def test_what_gives_no_features_is_refused(tmp_path, node, inputs, domain, reason):
    last = onnx.helper.make_node(node, inputs, ["last"], domain=domain)

    with pytest.raises(ModelError, match=rf"{tmp_path}/model\.onnx {reason}"):
        read_backbone(graph_file(tmp_path, last=last))


def test_weights_in_another_file_are_not_read(tmp_path, monkeypatch):
    """Not even where onnxruntime would find them, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    model = onnx.load(graph_file(tmp_path))
    settings = {"save_as_external_data": True, "location": "weights", "size_threshold": 0}
    file = write(tmp_path, model, **settings)

    with pytest.raises(ModelError, match="keeps weights in another file, which is not read; save"):
        read_backbone(file)
