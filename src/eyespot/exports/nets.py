"""A whole model as a graph: its nets, their views, what refuses, and the mean of an ensemble.

What each function adds is what the function of that name in nets/ does, and stays beside it: the
parity tests hold one against the other. B batch, C channels, H height, W width, K classes,
D features, V views.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import onnx
import torch
from torch import nn

from eyespot.errors import ModelError
from eyespot.exports.graph import Graph
from eyespot.exports.layers import (
    Scale,
    add_conv,
    add_linear,
    add_modules,
    add_scale,
    scale_of,
)
from eyespot.exports.refusal import add_refusal
from eyespot.exports.trunks import add_trunk
from eyespot.models.torch_model import TorchModel
from eyespot.nets.backbone import BackboneNet
from eyespot.nets.convnet import ConvNet, Stage
from eyespot.nets.ensemble import Ensemble
from eyespot.nets.features import Tapped
from eyespot.nets.layers import POOLS, LayersNet
from eyespot.nets.mobilenet import SHOWN, Convolution, MobileNetV1
from eyespot.nets.refusal import Refusal
from eyespot.values.model import Views

INPUT, LOGITS, REFUSAL = "images", "logits", "refusal"


def model_graph(model: TorchModel) -> onnx.ModelProto:
    """uint8 (B, H, W, C) `images` -> `logits` (B, K) and, where the model refuses, `refusal` (B,).

    The logits are the mean over the views, before the temperature; those of an ensemble are the
    logarithms of its probabilities. Raises ModelError for a layer that no export knows.
    """
    graph, size = Graph(), model.preparation.size
    x = graph.add("Cast", INPUT, attributes={"to": 1})
    x = graph.add("Transpose", x, attributes={"perm": [0, 3, 1, 2]})
    if isinstance(model.net, Ensemble):
        logits, refusal = _add_ensemble(graph, x, model.net, model.refusals, size)
    else:
        own = model.refusals[0] if model.refusals else None
        logits, refusal = _add_answered(graph, x, model.net, model.card.views, own, size, "net")
    outputs: dict[str, list[int | str]] = {LOGITS: ["N", len(model.classes)]}
    graph.add("Identity", logits, into=LOGITS)
    if refusal is not None:
        graph.add("Identity", refusal, into=REFUSAL)
        outputs[REFUSAL] = ["N"]
    return graph.model({INPUT: ["N", size, size, model.preparation.channels]}, outputs)


def _add_ensemble(
    graph: Graph, x: str, net: Ensemble, refusals: Sequence[Refusal], size: int
) -> tuple[str, str | None]:
    log_probs, refused = [], []
    for number, (member, spec) in enumerate(zip(net.members, net.specs, strict=True)):
        own = refusals[number] if refusals else None
        name = f"member{number}"
        logits, refusal = _add_answered(graph, x, member, spec.views, own, size, name)
        cooled = graph.add("Mul", logits, graph.floats(1 / spec.temperature))
        log_probs.append(graph.add("LogSoftmax", cooled, attributes={"axis": 1}))
        refused += [] if refusal is None else [refusal]
    stacked = [graph.add("Unsqueeze", one, graph.integers(0)) for one in log_probs]
    together = graph.add("Concat", *stacked, attributes={"axis": 0})
    attributes = {"axes": [0], "keepdims": 0}
    summed = graph.add("ReduceLogSumExp", together, attributes=attributes)
    mean = graph.add("Sub", summed, graph.floats(math.log(len(log_probs))))
    return mean, graph.add("Mean", *refused) if len(refused) == len(log_probs) else None


def _add_answered(
    graph: Graph,
    x: str,
    net: nn.Module,
    views: Views,
    refusal: Refusal | None,
    size: int,
    name: str,
) -> tuple[str, str | None]:
    """The logits, their mean over the views, and the refusals of the first view."""
    logits, activations = _add_net(graph, x, net, size, name)
    others = list(_add_views(graph, x, views, size))
    if others:
        # One after the other in one batch: ten times the nodes would be slower to load and to run.
        batch = graph.add("Concat", *others, attributes={"axis": 0})
        answers, _ = _add_net(graph, batch, net, size, name)
        width = _num_classes(net)
        each = graph.add("Reshape", answers, graph.integers(len(others), -1, width))
        of_others = graph.add("ReduceSum", each, graph.integers(0), attributes={"keepdims": 0})
        total = graph.add("Add", logits, of_others)
        logits = graph.add("Mul", total, graph.floats(1 / (len(others) + 1)))
    if refusal is None:
        return logits, None
    shown = list(zip(activations, _shapes(net, size), strict=True))
    return logits, add_refusal(graph, shown, logits, refusal, f"{name}.refusal")


def _add_views(graph: Graph, x: str, views: Views, size: int) -> list[str]:
    """All views of a picture but the first, which is the picture as it is."""
    found = []
    sides = [x]
    if views in ("mirrors", "all"):
        ends = [graph.integers(value) for value in (-1, -(2**31), 3, -1)]
        sides.append(graph.add("Slice", x, *ends))
        found.append(sides[-1])
    if views in ("shifts", "all"):
        for side in sides:
            pads = graph.integers(0, 0, 1, 1, 0, 0, 1, 1)
            wide = graph.add("Pad", side, pads, attributes={"mode": "edge"})
            for top, left in ((0, 1), (2, 1), (1, 0), (1, 2)):
                start = graph.integers(top, left)
                end = graph.integers(top + size, left + size)
                found.append(graph.add("Slice", wide, start, end, graph.integers(2, 3)))
    return found


def _add_net(graph: Graph, x: str, net: nn.Module, size: int, name: str) -> tuple[str, list[str]]:
    """The logits, and the activations as the net's own `activations` gives them."""
    normalise, body = net.children()
    if isinstance(body, ConvNet):
        return _add_convnet(graph, x, normalise, body, name)
    if isinstance(body, LayersNet):
        return _add_layers_net(graph, x, normalise, body, name)
    if isinstance(body, BackboneNet) and isinstance(body.trunk, MobileNetV1):
        return _add_mobilenet(graph, x, normalise, body, name)
    if isinstance(body, BackboneNet):
        x = add_scale(graph, x, scale_of(normalise), maps=True)
        activations = add_trunk(graph, x, body.trunk, f"{name}.trunk", size=size)
        return _add_head(graph, activations[-1], body.head, f"{name}.head"), activations
    raise ModelError(f"the model has a net {type(body).__name__}, which no export knows yet")


def _add_convnet(
    graph: Graph, x: str, normalise: nn.Module, net: ConvNet, name: str
) -> tuple[str, list[str]]:
    stem = [(f"{name}.stem", net.stem), (f"{name}.norm", net.norm)]
    x = graph.add("Relu", add_modules(graph, x, stem, before=scale_of(normalise)))
    activations = [x]
    for number, stage in enumerate(net.stages):
        assert isinstance(stage, Stage)
        x = _add_stage(graph, x, stage, f"{name}.stage{number}")
        activations.append(x)
    x = graph.add("Flatten", graph.add("GlobalMaxPool", x))
    activations.append(x)
    return add_linear(graph, x, net.head, f"{name}.head"), activations


def _add_mobilenet(
    graph: Graph, x: str, normalise: nn.Module, net: BackboneNet, name: str
) -> tuple[str, list[str]]:
    """Its layers, the maps that it shows among them, the mean of the last one, and the head."""
    assert isinstance(net.trunk, MobileNetV1)
    x = add_scale(graph, x, scale_of(normalise), maps=True)
    activations = []
    for number, layer in enumerate(net.trunk.layers):
        assert isinstance(layer, Convolution)
        weight = (layer.weight * layer.scale.reshape(-1, 1, 1, 1)).detach().numpy()
        own = f"{name}.trunk{number}"
        arrays = [graph.array(f"{own}.weight", weight)]
        arrays.append(graph.array(f"{own}.bias", layer.shift.detach().numpy()))
        padding = {"auto_pad": "SAME_UPPER"} if layer.uneven else {"pads": [layer.padding] * 4}
        attributes = {"strides": [layer.stride] * 2, "group": layer.groups, **padding}
        x = graph.add("Conv", x, *arrays, attributes=attributes)
        x = graph.add("Clip", x, graph.floats(0.0), graph.floats(6.0))
        if number in [2 * blocks for blocks in SHOWN]:
            activations.append(x)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    activations.append(x)
    return _add_head(graph, x, net.head, f"{name}.head"), activations


def _add_head(graph: Graph, x: str, head: nn.Module, name: str) -> str:
    """Of one layer or of several."""
    layers = list(head.children()) or [head]
    return add_modules(graph, x, [(f"{name}.{at}", layer) for at, layer in enumerate(layers)])


def _add_stage(graph: Graph, x: str, stage: Stage, name: str) -> str:
    """A convolution, halved and normalised, and perhaps a second one that is added to it."""
    after, halved = scale_of(stage.norm1), {"kernel_shape": [2, 2], "strides": [2, 2]}
    if (after.factor >= 0).all():
        # The largest stays the largest: normalised before it, the convolution does it for nothing.
        x = graph.add("Relu", add_conv(graph, x, stage.conv1, f"{name}.conv1", after=after))
        x = graph.add("MaxPool", x, attributes=halved)
    else:
        x = add_conv(graph, x, stage.conv1, f"{name}.conv1")
        x = graph.add("MaxPool", x, attributes=halved)
        x = graph.add("Relu", add_scale(graph, x, after, maps=True))
    if stage.depth == 1:
        return x
    second = add_conv(graph, x, stage.conv2, f"{name}.conv2", after=scale_of(stage.norm2))
    return graph.add("Add", x, graph.add("Relu", second))


def _add_layers_net(
    graph: Graph, x: str, normalise: nn.Module, net: LayersNet, name: str
) -> tuple[str, list[str]]:
    """A run of modules up to each place where the net shows its activations, then the next."""
    pooled = any(isinstance(module, POOLS) for module in net)
    modules = [(f"{name}.{own}", module) for own, module in net.named_children()]
    before: Scale | None = scale_of(normalise)
    run: list[tuple[str, nn.Module]] = []
    activations: list[str] = []
    flat = False
    for (own, module), (_, following) in pairwise(modules):
        run.append((own, module))
        flat = flat or isinstance(module, nn.Flatten)
        tapped = isinstance(module, POOLS) if pooled else isinstance(following, nn.Conv2d)
        if tapped and not flat:
            x = add_modules(graph, x, run, before=before)
            activations.append(x)
            before, run = None, []
    x = add_modules(graph, x, run, before=before)
    head = modules[-1][1]
    assert isinstance(head, nn.Linear)
    return add_linear(graph, x, head, modules[-1][0]), [*activations, x]


def _num_classes(net: nn.Module) -> int:
    heads = [module for module in net.modules() if isinstance(module, nn.Linear)]
    return heads[-1].out_features


@torch.inference_mode()
def _shapes(net: nn.Module, size: int) -> list[tuple[int, ...]]:
    """Of each of the net's activations, for one picture."""
    normalise, body = net.children()
    channels = normalise.get_buffer("scale").shape[0]
    picture = torch.zeros(1, channels, size, size, device=next(net.parameters()).device)
    assert isinstance(body, Tapped)
    return [tuple(one.shape[1:]) for one in body.activations(normalise(picture))]
