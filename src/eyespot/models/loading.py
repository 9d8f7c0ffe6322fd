"""Which file a person means by a model, and the model in it."""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from eyespot.errors import MissingExtra, ModelError, count
from eyespot.files.run import Run
from eyespot.models.file import read_card

if TYPE_CHECKING:
    from eyespot.models.onnx_model import OnnxModel
    from eyespot.models.torch_model import TorchModel

ONNX = ".onnx"


def load(source: str | Path) -> "TorchModel | OnnxModel":
    """The model of a model file or a run folder, run by torch or, an .onnx file, by onnxruntime.

    Raises ModelError for an unsound file, MissingExtra where what runs it is not installed.
    """
    path = model_path(source)
    if path.suffix.lower() == ONNX:
        from eyespot.models.onnx_file import read_onnx
        from eyespot.models.onnx_model import load_onnx_model

        if not _installed("onnxruntime"):
            read_onnx(path)  # what is wrong with the file is said even where nothing runs it
            raise MissingExtra("onnxruntime", extra="onnx", action=f"running {path}")
        return load_onnx_model(path)
    read_card(path)
    if not _installed("torch"):
        raise MissingExtra("torch", extra="train", action=f"running {path}")
    from eyespot.models.torch_model import load_torch_model

    return load_torch_model(path)


def model_path(source: str | Path) -> Path:
    """The model file that is meant: the file itself, or the one in a run folder.

    A folder's model.onnx is meant where there is no other, or no torch to run that.
    """
    path = Path(source)
    if os.path.isdir(path):  # unlike Path.is_dir it says no to a name that is too long
        run = Run(path)
        path = run.model
        if os.path.exists(run.onnx) and not (os.path.exists(path) and _installed("torch")):
            return run.onnx
        if not os.path.exists(path) and (folds := Run(Path(source)).folds):
            raise ModelError(
                f"{source} holds {count(len(folds), 'fold')} and no model of them all; name one, "
                f"{folds[0].path} to {folds[-1].path}, or train with --ensemble"
            )
        if not os.path.exists(path):
            raise ModelError(f"{source} holds no {path.name}; name a run folder or a model file")
    elif not os.path.exists(path):
        raise ModelError(f"{source} is not there; name a run folder or a model file")
    return path


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
