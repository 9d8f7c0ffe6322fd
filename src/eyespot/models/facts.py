"""A model in a few facts, from the header of its file."""

import math
from pathlib import Path
from typing import Any

from eyespot.models.file import ModelCard, read_model
from eyespot.models.loading import model_path
from eyespot.nets.spec import EnsembleSpec


def model_facts(source: str | Path) -> dict[str, Any]:
    """What a person wants to know before using it. Raises ModelError for an unsound file."""
    path = model_path(source)
    card, weights = read_model(path)
    shape = card.preparation
    colour = "grey" if shape.channels == 1 else "colour"
    return {
        "model": str(path),
        "bytes": path.stat().st_size,
        "net": str(card.net),
        "parameters": sum(math.prod(array.shape) for array in weights.values()),
        "input": f"{shape.size}x{shape.size} {colour}, {shape.fit}",
        "classes": list(card.classes),
        "accuracy": _accuracy(card),
        "temperature": [round(member.temperature, 4) for member in card.net.members]
        if isinstance(card.net, EnsembleSpec)
        else round(card.temperature, 4),
        "recipe": card.recipe,
        "written by": [f"{name} {number}" for name, number in card.versions.items()],
    }


def _accuracy(card: ModelCard) -> str:
    if score := card.score:
        interval = f"({score.low:.4f} to {score.high:.4f})"
        return f"{score.value:.4f} {interval} on {score.num:,} test images"
    if isinstance(card.net, EnsembleSpec):
        return "not tested together: what one member had not seen, others were trained on"
    return "not tested"
