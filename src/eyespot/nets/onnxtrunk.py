"""A trunk that is an ONNX graph and runs on onnxruntime. B batch, H height, W width, D features.

A graph is arithmetic on tensors; it is loaded from its bytes, so that it cannot name other files.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eyespot.errors import MissingExtra, ModelError
from eyespot.nets.trunkspec import OnnxSpec

_MOST_BYTES = 2**31


def read_onnx(path: Path, size: int) -> tuple[OnnxSpec, str]:
    """The description of an ONNX file for square pictures of this size, and its SHA-256.

    Raises ModelError where it does not give features for pictures; MissingExtra without
    onnxruntime.
    """
    data = _bytes(path)
    session = _session(data, path.name)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        raise ModelError(
            f"{path} wants {', '.join(f'{one.name} {one.shape}' for one in inputs)}; a backbone "
            "wants one float input, (batch, 3, height, width)"
        )
    wanted = [number for number in inputs[0].shape[2:] if isinstance(number, int)]
    side = wanted[0] if wanted else size
    try:
        features = _features(session, np.zeros((2, 3, side, side), np.float32))
    except Exception as error:  # onnxruntime raises its own kinds
        raise ModelError(
            f"{path} gives no features for pictures of {side}x{side}: {error}"
        ) from error
    spec = OnnxSpec(num_bytes=len(data), num_features=features.shape[1], size=side)
    return spec, hashlib.sha256(data).hexdigest()


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

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        if x_BCHW.shape[2:] != (self.spec.size, self.spec.size):
            raise RuntimeError(f"the graph wants pictures of {self.spec.size}x{self.spec.size}")
        if x_BCHW.is_meta:
            return [x_BCHW.new_empty(len(x_BCHW), self.spec.num_features)]
        if self._running is None:
            self._running = _session(self.graph.cpu().numpy().tobytes(), "the backbone's graph")
        pictures = np.ascontiguousarray(x_BCHW.detach().float().cpu().numpy())
        return [torch.from_numpy(_features(self._running, pictures)).to(x_BCHW.device)]

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
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{name} cannot be run by onnxruntime ({error})") from error


def _features(session: Any, pictures: Any) -> Any:
    """float32 (B, D): the first output that can be read so; a map's mean, the first of tokens."""
    outputs = session.run(None, {session.get_inputs()[0].name: pictures})
    for found in outputs:
        if found.dtype == np.float32 and len(found) == len(pictures):
            if found.ndim == 4:
                return found.mean(axis=(2, 3))
            if found.ndim == 3:
                return np.ascontiguousarray(found[:, 0])
            if found.ndim == 2:
                return found
    raise ValueError(f"its outputs have the shapes {[one.shape for one in outputs]}")
