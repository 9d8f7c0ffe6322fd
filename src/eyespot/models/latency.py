"""How long the forms of a model take for one picture, before anybody deploys one of them."""

import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from eyespot.files.run import Run
from eyespot.images.parallel import num_cores
from eyespot.models.loading import ONNX, load
from eyespot.models.onnx_file import Form as OnnxForm
from eyespot.models.onnx_file import read_onnx
from eyespot.values.model import Model

Form = Literal["safetensors", "onnx", "int8"]
_FORMS: dict[OnnxForm, Form] = {"float32": "onnx", "int8": "int8"}
SECONDS = 0.2  # of measuring, for each form and number of cores
_LEAST = 5


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What one prepared picture took, in milliseconds; 95 % of the pictures took at most p95."""

    cores: int
    median: float
    p95: float

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.median:.2f} ms ({self.p95:.2f}) on {cores}"


@dataclass(frozen=True, kw_only=True)
class FormFacts:
    """One form of a model. latencies: on one core and on all; none where nothing here runs it."""

    form: Form
    path: Path
    num_bytes: int
    latencies: tuple[Latency, ...]

    def __str__(self) -> str:
        told = ", ".join(map(str, self.latencies)) or "nothing that runs it is installed"
        return f"{self.num_bytes:,} bytes; {told}"

    def as_json(self) -> dict[str, object]:
        return {
            "form": self.form,
            "path": str(self.path),
            "bytes": self.num_bytes,
            "latencies_ms": [vars(one) for one in self.latencies],
        }


def form_facts(path: Path, *, seconds: float = SECONDS) -> list[FormFacts]:
    """The forms in a run folder, or the one that a file holds, measured on black pictures.

    What a picture shows makes no difference. Decoding and preparing come on top. Raises ModelError
    for a file that is unsound.
    """
    if path.suffix.lower() == ONNX:
        found: list[tuple[Form, Path]] = [(_FORMS[read_onnx(path).form], path)]
    elif path.is_dir():
        run = Run(path)
        found = [("safetensors", run.model), ("onnx", run.onnx), ("int8", run.int8)]
    else:
        found = [("safetensors", path)]
    return [_measured(form, file, seconds) for form, file in found if file.exists()]


def _measured(form: Form, path: Path, seconds: float) -> FormFacts:
    needed = "torch" if form == "safetensors" else "onnxruntime"
    latencies: tuple[Latency, ...] = ()
    if importlib.util.find_spec(needed) is not None:
        cores = sorted({1, num_cores()})
        measured = _torch if form == "safetensors" else _onnx
        latencies = tuple(measured(path, num, seconds) for num in cores)
    return FormFacts(form=form, path=path, num_bytes=path.stat().st_size, latencies=latencies)


def _torch(path: Path, cores: int, seconds: float) -> Latency:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        return _latency(load(path), cores, seconds)
    finally:
        torch.set_num_threads(before)


def _onnx(path: Path, cores: int, seconds: float) -> Latency:
    from eyespot.models.onnx_model import load_onnx_model

    return _latency(load_onnx_model(path, threads=cores), cores, seconds)


def _latency(model: Model, cores: int, seconds: float) -> Latency:
    shape = model.preparation
    picture = np.zeros((1, shape.size, shape.size, shape.channels), np.uint8)
    took: list[float] = []
    for _ in range(_LEAST):  # memory is taken and code made ready
        model.examine(picture)
    end = time.perf_counter() + seconds
    while len(took) < _LEAST or time.perf_counter() < end:
        started = time.perf_counter()
        model.examine(picture)
        took.append(1000 * (time.perf_counter() - started))
    return Latency(cores=cores, median=float(np.median(took)), p95=float(np.quantile(took, 0.95)))
