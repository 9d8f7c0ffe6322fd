"""A graph whose convolutions count in 8 bits. N images, S side, C channels."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx

from eyespot.exports.nets import INPUT
from eyespot.models.predict import batch_size
from eyespot.values.arrays import Array

_OPS = ("Conv", "MaxPool", "Relu", "Clip")


def quantised(graph: onnx.ModelProto, images: Array) -> onnx.ModelProto:
    """The graph with 8-bit convolutions, for values of the size that these images give.

    images: prepared, uint8 (N, S, S, C). Only the convolutions and what lies between them, where
    all the time goes: sums, the head and what refuses stay in float32, since the few nodes that
    come after the features cost nothing and decide. Weights have 7 bits, a scale for each channel:
    with 8, processors without VNNI overflow in silence and answer otherwise (onnxruntime's own
    advice on U8S8). Pictures lose nothing, they are bytes.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantize

    class Batches(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.waiting = _batches(images)

        def get_next(self) -> dict[str, Array] | None:
            return next(self.waiting, None)

    own = onnx.ModelProto()
    own.CopyFrom(graph)  # it would be changed
    with tempfile.TemporaryDirectory() as folder, _silence():
        path = Path(folder) / "model.onnx"
        quantize(
            own,
            path,
            Batches(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_OPS),
            nodes_to_quantize=[node.name for node in graph.graph.node if node.op_type in _OPS],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        found = onnx.load(path)
    del found.metadata_props[:]
    found.producer_name, found.producer_version = graph.producer_name, ""
    return found


def _batches(images: Array) -> Iterator[dict[str, Array]]:
    num = min(batch_size(images.shape[1]), 64)
    for start in range(0, len(images), num):
        yield {INPUT: images[start : start + num]}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without onnxruntime's advice to prepare a graph that is prepared already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
