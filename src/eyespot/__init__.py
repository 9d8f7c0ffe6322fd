"""From a pile of images to a classifier that a person can trust and use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from eyespot.data import read as read
    from eyespot.data.checkup import check as check
    from eyespot.data.splits import split as split
    from eyespot.errors import EyespotError as EyespotError
    from eyespot.exports import export as export
    from eyespot.line import evaluate as evaluate
    from eyespot.line import train as train
    from eyespot.models.loading import load as load
    from eyespot.reports import report as report
    from eyespot.serving import serve as serve
    from eyespot.training.recipe import Recipe as Recipe

_HOME = {
    "EyespotError": "errors",
    "Recipe": "training.recipe",
    "check": "data.checkup",
    "evaluate": "line",
    "export": "exports",
    "load": "models.loading",
    "read": "data",
    "report": "reports",
    "serve": "serving",
    "split": "data.splits",
    "train": "line",
}

__all__ = [
    "EyespotError",
    "Recipe",
    "check",
    "evaluate",
    "export",
    "load",
    "read",
    "report",
    "serve",
    "split",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eyespot' has no attribute '{name}'")
    return getattr(import_module(f"eyespot.{_HOME[name]}"), name)
