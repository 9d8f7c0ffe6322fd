"""Images and labels: reading, splitting, loading."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eyespot.data.reading import read as read
    from eyespot.data.sources import pictures as pictures

# Readers of ten forms are a fourth of what a verb imports; a check that knows its answer already
# needs none of them.
_HOME = {"pictures": "sources", "read": "reading"}

__all__ = ["pictures", "read"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eyespot.data' has no attribute '{name}'")
    return getattr(import_module(f"eyespot.data.{_HOME[name]}"), name)
