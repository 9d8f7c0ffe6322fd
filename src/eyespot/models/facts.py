"""A model in a few facts, from the header of its file."""

import math
from pathlib import Path
from typing import Any

from eyespot.models.file import read_model
from eyespot.models.loading import model_path


def model_facts(source: str | Path) -> dict[str, Any]:
    """What a person wants to know before using it. Raises ModelError for an unsound file."""
    path = model_path(source)
    card, weights = read_model(path)
    score, shape = card.score, card.preparation
    colour = "grey" if shape.channels == 1 else "colour"
    return {
        "model": str(path),
        "bytes": path.stat().st_size,
        "net": str(card.net),
        "parameters": sum(math.prod(array.shape) for array in weights.values()),
        "input": f"{shape.size}x{shape.size} {colour}, {shape.fit}",
        "classes": list(card.classes),
        "accuracy": (
            f"{score.value:.4f} ({score.low:.4f} to {score.high:.4f}) on {score.num:,} test images"
            if score
            else "not tested"
        ),
        "temperature": round(card.temperature, 4),
        "recipe": card.recipe,
        "written by": [f"{name} {number}" for name, number in card.versions.items()],
    }
