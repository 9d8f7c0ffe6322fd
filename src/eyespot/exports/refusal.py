"""How unlike what a net knows a picture is, as nodes: nets/refusal.py and nets/features.py.

B batch, C channels, D features of one depth, R rank, M neighbours, K classes.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from eyespot.exports.graph import Graph
from eyespot.nets.features import MOST
from eyespot.nets.refusal import Depth, Refusal
from eyespot.values.arrays import Array

# A value of the graph, and its shape for one picture: (C, H, W) of a map, (F,) of a vector.
Shown = tuple[str, tuple[int, ...]]


def add_refusal(
    graph: Graph, activations: Sequence[Shown], logits: str, refusal: Refusal, name: str
) -> str:
    """(B,). activations: as the net's own `activations` gives them."""
    said = graph.add("ArgMax", logits, attributes={"axis": 1, "keepdims": 0})
    distances, nearest = [], []
    for number, (depth, shown) in enumerate(zip(refusal.each_depth, activations, strict=True)):
        features = _add_features(graph, *shown)
        distance, near = _add_distances(graph, features, said, depth, f"{name}.{number}")
        distances.append(_add_beyond(graph, distance, depth.distance_range))
        nearest.append(_add_beyond(graph, near, depth.nearest_range))
    attributes = {"axes": [1], "keepdims": 0}
    energy = graph.add("Neg", graph.add("ReduceLogSumExp", logits, attributes=attributes))
    excess = graph.add(
        "Sum",
        graph.add("Max", *distances),
        graph.add("Max", *nearest),
        _add_beyond(graph, energy, refusal.energy_range),
    )
    thresholds = graph.array(f"{name}.thresholds", 3 * _floats(refusal.thresholds))
    return graph.add("Div", excess, graph.add("Gather", thresholds, said))


def _add_features(graph: Graph, x: str, shape: tuple[int, ...]) -> str:
    """(B, D): of a map the mean of its quarters, of a vector itself, or means of neighbours."""
    if len(shape) == 1:
        return _add_shortened(graph, x, shape[0])
    side = shape[1]
    half = (side + 1) // 2  # a middle row or column of an odd map is in both halves
    attributes = {"kernel_shape": [half] * 2, "strides": [max(side - half, 1)] * 2}
    x = graph.add("AveragePool", x, attributes=attributes)
    x = graph.add("Flatten", graph.add("Transpose", x, attributes={"perm": [0, 2, 3, 1]}))
    return graph.add("Concat", x, x, x, x, attributes={"axis": 1}) if side == 1 else x


def _add_shortened(graph: Graph, x: str, num: int) -> str:
    if num <= MOST:
        return x
    together = -(-num // MOST)
    padded = graph.add("Pad", x, graph.integers(0, 0, 0, -num % together))
    each = graph.add("Reshape", padded, graph.integers(0, -1, together))
    return graph.add("ReduceMean", each, attributes={"axes": [2], "keepdims": 0})


def _add_distances(
    graph: Graph, features: str, said: str, depth: Depth, name: str
) -> tuple[str, str]:
    """(B,) each: from the centre of the class that is said, and from the nearest neighbour."""

    def array(own: str, value: Tensor) -> str:
        return graph.array(f"{name}.{own}", _floats(value))

    centred = graph.add("Sub", features, array("middle", depth.location))
    scaled = graph.add("Mul", centred, array("scale", depth.scale))
    inside = graph.add("MatMul", scaled, array("directions", depth.directions))
    white = graph.add("MatMul", inside, array("whitening", depth.whitening))
    own = graph.add("Gather", array("centres", depth.centres), said)
    from_centre = _add_squares(graph, graph.add("Sub", white, own))
    beside = graph.add("Sub", _add_squares(graph, scaled), _add_squares(graph, inside))
    beside = graph.add("Mul", graph.add("Relu", beside), array("beside", depth.outside))
    distance = graph.add("Sqrt", graph.add("Add", from_centre, beside))

    doubled = graph.array(f"{name}.neighbours", -2 * _floats(depth.neighbours).T)
    lengths = array("lengths", depth.neighbours.square().sum(1))
    products = graph.add("Add", graph.add("MatMul", white, doubled), lengths)
    attributes = {"axes": [1], "keepdims": 0}
    least = graph.add("ReduceMin", products, attributes=attributes)
    nearest = graph.add("Relu", graph.add("Add", least, _add_squares(graph, white)))
    return distance, graph.add("Sqrt", nearest)


def _add_squares(graph: Graph, x: str) -> str:
    """(B,): the sum of the squares of each row."""
    return graph.add("ReduceSumSquare", x, attributes={"axes": [1], "keepdims": 0})


def _add_beyond(graph: Graph, values: str, usual: Tensor) -> str:
    middle, width = _floats(usual)
    shifted = graph.add("Sub", values, graph.floats(middle))
    return graph.add("Relu", graph.add("Mul", shifted, graph.floats(1 / np.float64(width))))


def _floats(tensor: Tensor) -> Array:
    numbers: Array = tensor.detach().float().cpu().numpy()
    return numbers
