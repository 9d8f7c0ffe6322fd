"""Images and labels: reading, splitting, loading."""

from eyespot.data.sources import pictures, read

__all__ = ["pictures", "read"]
