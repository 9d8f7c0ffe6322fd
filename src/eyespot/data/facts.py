"""A data set in a few facts."""

from collections import Counter
from typing import Any

from eyespot.data.survey import survey
from eyespot.values.dataset import Dataset


def data_facts(dataset: Dataset) -> dict[str, Any]:
    """What a person wants to know before training on it; a sample of the images is decoded."""
    looks = survey(dataset)
    counts = Counter(dataset.labels.tolist())
    parts = Counter(part or "free" for part in dataset.parts or ())
    return {
        "data": dataset.name,
        "form": dataset.form,
        "images": len(dataset),
        "classes": [f"{name} {counts[label]:,}" for label, name in enumerate(dataset.classes)],
        "parts": [f"{part} {num:,}" for part, num in parts.items()] or "none of its own",
        "looks": f"{looks.colour}, {looks.kind}, about {looks.side} pixels",
        "issues": [f"{kind} {num:,}" for kind, num in _kinds(dataset).items()]
        or "none found by reading",
    }


def _kinds(dataset: Dataset) -> Counter[str]:
    return Counter(issue.kind for issue in dataset.issues)
