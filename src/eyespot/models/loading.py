"""Which file a person means by a model, and the model in it."""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from eyespot.errors import MissingExtra, ModelError, count
from eyespot.files import Run
from eyespot.models.file import read_card

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


def load(source: str | Path) -> "TorchModel":
    """The model of a model file or a run folder.

    Raises ModelError for an unsound file, MissingExtra where torch is not installed.
    """
    path = model_path(source)
    read_card(path)  # what is wrong with the file is said even where there is no torch
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("torch", extra="train", action=f"running {path}")
    from eyespot.models.torch_model import load_torch_model

    return load_torch_model(path)


def model_path(source: str | Path) -> Path:
    """The model file that is meant: the file itself, or the one in a run folder."""
    path = Path(source)
    if os.path.isdir(path):  # unlike Path.is_dir it says no to a name that is too long
        path = Run(path).model
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
