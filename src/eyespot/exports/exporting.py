"""A trained model as a file for everywhere, kept only if it answers as the original."""

import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from eyespot.errors import MissingExtra, ModelError, UsageError
from eyespot.exports.heldout import HeldOut, held_out
from eyespot.exports.parity import Parity, check_parity, compared
from eyespot.files.atomic import write_bytes
from eyespot.files.run import Run
from eyespot.models.loading import ONNX, load, model_path
from eyespot.models.onnx_file import Form, write_onnx

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel

Target = Literal["onnx", "int8"]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Where the export lies, and the proof that it agrees."""

    path: Path
    to: Target
    parity: Parity
    num_bytes: int

    def as_json(self) -> dict[str, object]:
        """What `export --json` prints."""
        told: dict[str, object] = {"path": str(self.path), "to": self.to, "bytes": self.num_bytes}
        return told | self.parity.as_json()

    def sentences(self) -> list[str]:
        """What a person wants to know, a line each."""
        return self.parity.sentences()


def export(
    model: "str | Path | TorchModel",
    *,
    to: Target = "onnx",
    out: str | Path | None = None,
    data: str | Path | None = None,
    loss: float = 0.5,
    say: Callable[[str], None] = lambda sentence: None,
) -> Exported:
    """Writes the model as one .onnx file that needs no torch, and proves that it answers the same.

    model: a run folder, a model.safetensors, or a loaded one. to: float32, or with convolutions in
    8 bits, which is smaller and faster and may lose up to `loss` points of accuracy. out: a file;
    model.onnx or model-int8.onnx beside the original, if not given. data: pictures to judge by,
    with labels or without; the run's own test part, if not given.
    Raises ModelError for an export that disagrees, which is not kept, or an original that is one
    already; MissingExtra where onnx or torch is not installed.
    """
    original, run = original_of(model)
    path = _path(run, out, to)
    held = held_out(original.classes, original.preparation, run, data, say=say)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        parity = write_proven(original, made, held, form=_form(to), loss=loss)
        write_bytes(path, made.read_bytes())
    return Exported(path=path, to=to, parity=parity, num_bytes=path.stat().st_size)


def write_proven(
    original: "TorchModel", path: Path, held: HeldOut, *, form: Form, loss: float = 0.5
) -> Parity:
    """Writes the .onnx file and runs it, as anybody will, on what it is judged by.

    Raises ModelError for one that disagrees; it is left where it is, for whoever calls to remove.
    """
    from eyespot.exports.nets import model_graph
    from eyespot.models.onnx_model import load_onnx_model

    graph = model_graph(original)
    if form == "int8":
        from eyespot.exports.quantisation import quantised

        graph = quantised(graph, held.calibrating)
    card, scores = original.card, original.scores
    write_onnx(path, card, graph.SerializeToString(), form=form, scores=scores)
    parity = compared(original, load_onnx_model(path), held)
    check_parity(parity, form, loss=loss)
    return parity


def original_of(model: "str | Path | TorchModel") -> "tuple[TorchModel, Run | None]":
    """The model that is meant, and the folder that knows what it was trained on."""
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="export", action="exporting")
    if isinstance(model, str | Path):
        path = model_path(model)
        if path.suffix.lower() == ONNX:
            raise ModelError(f"{path} is an export already; name a run's model.safetensors")
        found, run = load(path), Run(path.parent)
    else:
        found, run = model, None
    from eyespot.models.torch_model import TorchModel

    assert isinstance(found, TorchModel)
    return found, run


def _path(run: Run | None, out: str | Path | None, to: Target) -> Path:
    """Where the file goes. Raises UsageError for a name that would not be taken for one."""
    if out is None:
        if run is None:
            raise UsageError("a model in memory has no folder; say where to: out='model.onnx'")
        return run.onnx if to == "onnx" else run.int8
    path = Path(out)
    if path.suffix.lower() != ONNX:
        raise UsageError(f"--out {path} does not end in {ONNX}, by which the file is known")
    return path


def _form(to: Target) -> Form:
    return "int8" if to == "int8" else "float32"
