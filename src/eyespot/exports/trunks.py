"""Pretrained trunks in a graph: those that are graphs themselves, and those that torch traces.

Only MobileNet v1 is written by hand (nets.py). Others have many layers that no other net has, and
are taken over whole, under names of their own. B batch, H height, W width.
"""

import io
import warnings

import onnx
import torch
from onnx import numpy_helper
from onnx.compose import add_prefix
from onnx.version_converter import convert_version
from torch import nn

from eyespot.errors import ModelError
from eyespot.exports.graph import OPSET, Graph
from eyespot.nets.onnxtrunk import OnnxTrunk
from eyespot.nets.transformed import TransformersTrunk

_INPUT = "pictures"


def add_trunk(graph: Graph, x: str, trunk: nn.Module, name: str, *, size: int) -> list[str]:
    """The maps and the features that the trunk gives, for pictures (B, 3, size, size).

    Raises ModelError for a trunk that cannot be taken over.
    """
    if isinstance(trunk, OnnxTrunk):
        found = _of_this_opset(onnx.load_from_string(trunk.graph.cpu().numpy().tobytes()))
        output, rank = trunk.output()
        told = _spliced(graph, found, x, name, [output])[0]
        if rank == 4:
            told = graph.add("Flatten", graph.add("GlobalAveragePool", told))
        elif rank == 3:
            told = graph.add("Gather", told, graph.integer(0), attributes={"axis": 1})
        return [told]
    assert isinstance(trunk, TransformersTrunk)
    found = _traced(trunk, size)
    return _spliced(graph, found, x, name, [one.name for one in found.graph.output])


def _traced(trunk: TransformersTrunk, size: int) -> onnx.ModelProto:
    """The trunk as torch's own tracer sees it; the newer exporter wants a package besides."""
    file, pictures = io.BytesIO(), torch.zeros(2, 3, size, size)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its age, and of shapes that stay the same here
        names = [f"depth{number}" for number in range(len(trunk(pictures)))]
        try:
            torch.onnx.export(
                trunk,
                (pictures,),
                file,  # type: ignore[arg-type]  # the older way takes one, too
                dynamo=False,
                opset_version=OPSET,
                input_names=[_INPUT],
                output_names=names,
                dynamic_axes={one: {0: "N"} for one in (_INPUT, *names)},
            )
        except Exception as error:  # each architecture fails in its own way
            raise ModelError(
                f"the model stands on a {trunk.architecture}, which cannot be exported: {error}"
            ) from error
    return onnx.load_from_string(file.getvalue())


def _of_this_opset(found: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in the operators that all exports have. Raises ModelError."""
    others = sorted({one.domain for one in found.opset_import} - {"", "ai.onnx"})
    if others or found.functions or found.graph.sparse_initializer:
        what = f"operators of {others[0]}" if others else "functions or sparse numbers of its own"
        raise ModelError(f"the model stands on a graph with {what}, which no export knows yet")
    if any(one.version == OPSET for one in found.opset_import):
        return found
    try:
        return convert_version(found, OPSET)
    except Exception as error:  # in C++, of its own kinds
        raise ModelError(
            f"the model stands on a graph that does not become one of opset {OPSET} ({error}); "
            "export the backbone in that opset, and train again"
        ) from error


def _spliced(
    graph: Graph, found: onnx.ModelProto, x: str, name: str, outputs: list[str]
) -> list[str]:
    """The names that these outputs of a model have in the graph, once it is part of that.

    Its arrays are there once, however often it is added.
    """
    others = dict.fromkeys(
        ("rename_nodes", "rename_edges", "rename_inputs", "rename_outputs", "rename_value_infos"),
        False,
    )
    found = add_prefix(found, f"{name}.", **others)  # of its arrays alone
    own = f"{name}.at{len(graph.nodes)}."
    found = add_prefix(found, own, rename_initializers=False)
    arrays = {one.name: numpy_helper.to_array(one) for one in found.graph.initializer}
    for one, array in arrays.items():
        graph.array(one, array)
    given = [one.name for one in found.graph.input if one.name not in arrays]
    graph.add("Identity", x, into=given[0])
    graph.nodes.extend(found.graph.node)
    return [f"{own}{output}" for output in outputs]
