"""From whatever holds labelled images to a Dataset: one file per form; none decodes an image."""

from eyespot.data.sources.recognition import read
from eyespot.data.sources.unlabelled import pictures

__all__ = ["pictures", "read"]
