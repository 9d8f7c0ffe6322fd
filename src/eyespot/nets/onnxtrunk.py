"""A trunk that is an ONNX graph and runs on onnxruntime. B batch, H height, W width, D features.

A graph is arithmetic on tensors. One that names other files is refused: onnxruntime would look for
them in the working directory.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eyespot.errors import MissingExtra, ModelError
from eyespot.nets.trunkspec import OnnxSpec
from eyespot.values.arrays import Array

_MOST_BYTES = 2**31
_MOST_FEATURES = 2**16
_EXTERNAL = b"location"  # what every tensor that lies in another file says


def read_onnx(path: Path, size: int) -> tuple[OnnxSpec, str]:
    """The description of an ONNX file for square pictures of this size, and its SHA-256.

    Raises ModelError where it does not give features for pictures; MissingExtra without
    onnxruntime.
    """
    data = _bytes(path)
    session = _session(data, str(path))
    side = _side(path, session.get_inputs(), size)
    try:
        features = _pooled(_chosen(session, side)[1])
    except Exception as error:  # onnxruntime raises its own kinds
        raise ModelError(
            f"{path} gives no features for pictures of {side}x{side} ({_reason(error)}); export it "
            "again with an output of features"
        ) from error
    if not 0 < features.shape[1] <= _MOST_FEATURES:
        raise ModelError(
            f"{path} gives {features.shape[1]:,} features of a picture, and {_MOST_FEATURES:,} are "
            "the most; export it with its pooling"
        )
    spec = OnnxSpec(num_bytes=len(data), num_features=features.shape[1], size=side)
    return spec, hashlib.sha256(data).hexdigest()


def _side(path: Path, inputs: Sequence[Any], size: int) -> int:
    """Of the square pictures that the graph takes; the given size where it takes any.

    Raises ModelError where it takes something else, or a fixed number of them.
    """
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4:
        wants = ", ".join(f"{one.name}, {one.type[7:-1]} {one.shape}" for one in inputs)
        raise ModelError(
            f"{path} wants {wants or 'no input'}; a backbone wants one float input, (batch, 3, "
            "height, width)"
        )
    fixed = [number if isinstance(number, int) else None for number in shape]
    if fixed[0] is not None:
        raise ModelError(
            f"{path} takes {fixed[0]} at a time and no other number of pictures; export it again "
            "with a dynamic batch"
        )
    sides = {number for number in fixed[2:] if number is not None}
    if fixed[1] not in (3, None) or len(sides) > 1:
        raise ModelError(
            f"{path} wants pictures of the shape {shape[1:]}; a backbone wants (3, height, width) "
            "with as many rows as columns"
        )
    return sides.pop() if sides else size


def graph_tensor(path: Path) -> Tensor:
    """The file as a tensor of bytes."""
    return torch.frombuffer(bytearray(_bytes(path)), dtype=torch.uint8)


class OnnxTrunk(nn.Module):
    """(B, 3, H, W) -> the features (B, D). It cannot be trained."""

    graph: Tensor

    def __init__(self, spec: OnnxSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("graph", torch.zeros(spec.num_bytes, dtype=torch.uint8))
        self._running: Any = None
        self._output: tuple[str, int] | None = None

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        if x_BCHW.shape[2:] != (self.spec.size, self.spec.size):
            raise RuntimeError(f"the graph wants pictures of {self.spec.size}x{self.spec.size}")
        if x_BCHW.is_meta:
            return [x_BCHW.new_empty(len(x_BCHW), self.spec.num_features)]
        pictures = np.ascontiguousarray(x_BCHW.detach().float().cpu().numpy())
        session = self._session()
        (found,) = session.run([self.output()[0]], {session.get_inputs()[0].name: pictures})
        return [torch.from_numpy(_pooled(found)).to(x_BCHW.device)]

    def output(self) -> tuple[str, int]:
        """The name of the output that gives the features, and how many dimensions it has."""
        if self._output is None:
            name, found = _chosen(self._session(), self.spec.size)
            self._output = name, found.ndim
        return self._output

    def _session(self) -> Any:
        if self._running is None:
            self._running = _session(self.graph.cpu().numpy().tobytes(), "the backbone's graph")
        return self._running

    def stages(self) -> list[list[nn.Module]]:
        return []


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file() or not 0 < path.stat().st_size < _MOST_BYTES:
            raise ModelError(f"{path} is no ONNX file of a size that can be used")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _session(data: bytes, name: str) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtra("onnxruntime", extra="pretrained", action="an ONNX backbone") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    if _EXTERNAL in data:
        raise ModelError(
            f"{name} keeps weights in another file, which is not read; save it as one file"
        )
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"{name} cannot be run by onnxruntime ({_reason(error)}); export it again"
        ) from error


def _reason(error: Exception) -> str:
    """The first line of what onnxruntime says, without its own name and number."""
    return str(error).split(" : ", 3)[-1].partition("\n")[0].partition("\\n")[0].strip()


def _chosen(session: Any, side: int) -> tuple[str, Array]:
    """The first output that features can be read from: its name, and what it gives for two.

    Raises ValueError where there is none.
    """
    pictures = np.zeros((2, 3, side, side), np.float32)
    names = [one.name for one in session.get_outputs()]
    outputs = session.run(names, {session.get_inputs()[0].name: pictures})
    for name, found in zip(names, outputs, strict=True):
        if found.dtype == np.float32 and found.ndim in (2, 3, 4) and len(found) == len(pictures):
            return name, found
    raise ValueError(f"its outputs have the shapes {[one.shape for one in outputs]}")


def _pooled(found: Array) -> Array:
    """float32 (B, D): a map's mean, the first of tokens."""
    if found.ndim == 4:
        found = found.mean(axis=(2, 3))
    return np.ascontiguousarray(found[:, 0]) if found.ndim == 3 else found
