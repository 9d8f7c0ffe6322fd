"""Images and labels: reading, splitting, loading."""

from eyespot.data.reading import read
from eyespot.data.sources import pictures

__all__ = ["pictures", "read"]
