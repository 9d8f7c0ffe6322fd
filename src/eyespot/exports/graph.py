"""An ONNX graph under construction: a node a call, arrays by name.

Written by hand and not traced from torch, but for trunks of others: a trace leaves in the graph
what a trained net has no more use for, and torch's new way to make one needs a package besides.
The parity check is what makes that safe.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from eyespot.values.arrays import Array

OPSET = 17
IR = 8  # what belongs to this opset: older runtimes read it


class Graph:
    """Nodes in order and the arrays that they take. Names of values are strings."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: dict[str, Array] = {}

    def add(
        self,
        op: str,
        *inputs: str,
        attributes: Mapping[str, Any] | None = None,
        into: str | None = None,
    ) -> str:
        """Adds a node with one output and returns the name of that: `into`, or a new one."""
        name = into or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **(attributes or {})))
        return name

    def array(self, name: str, value: Array) -> str:
        """The name of an array, which is kept once however often it is asked for."""
        self.arrays.setdefault(name, np.ascontiguousarray(value))
        return name

    def floats(self, value: Array | float | Sequence[float]) -> str:
        """The name of float32 numbers that have none of their own."""
        return self._constant(np.asarray(value, np.float32))

    def integers(self, *value: int) -> str:
        """The name of an int64 vector: axes, a shape, where a slice begins."""
        return self._constant(np.array(value, np.int64))

    def integer(self, value: int) -> str:
        """The name of a single int64, which is no vector: a place."""
        return self._constant(np.array(value, np.int64))

    def _constant(self, value: Array) -> str:
        for name, known in self.arrays.items():
            if name.startswith("constant_") and known.dtype == value.dtype:
                if known.shape == value.shape and (known == value).all():
                    return name
        return self.array(f"constant_{len(self.arrays)}", value)

    def model(
        self, given: Mapping[str, Sequence[int | str]], outputs: Mapping[str, Sequence[int | str]]
    ) -> onnx.ModelProto:
        """The whole as a model. given, outputs: shapes by name; uint8 comes in, float32 out."""
        graph = helper.make_graph(
            self.nodes,
            "eyespot",
            [helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in given.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in self.arrays.items()],
        )
        return helper.make_model(
            graph,
            producer_name="eyespot",
            ir_version=IR,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
