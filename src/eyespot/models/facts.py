"""A model in a few facts, from the header of its file."""

import math
from pathlib import Path
from typing import Any

from eyespot.models.card import ModelCard
from eyespot.models.file import REFUSAL, SCORES, read_model
from eyespot.models.loading import ONNX, model_path
from eyespot.models.onnx_file import read_onnx
from eyespot.nets.cost import multiply_adds
from eyespot.nets.spec import EnsembleSpec


def model_facts(source: str | Path) -> dict[str, Any]:
    """What a person wants to know before using it. Raises ModelError for an unsound file."""
    path = model_path(source)
    known: dict[str, Any] = {"model": str(path), "bytes": path.stat().st_size}
    if path.suffix.lower() == ONNX:
        file = read_onnx(path)
        return known | {"computes in": file.form} | _card_facts(file.card)
    card, weights = read_model(path)
    num = sum(math.prod(array.shape) for name, array in weights.items() if _own(name))
    return known | {"parameters": num} | _card_facts(card)


def _card_facts(card: ModelCard) -> dict[str, Any]:
    shape = card.preparation
    colour = "grey" if shape.channels == 1 else "colour"
    return {
        "net": str(card.net),
        "multiply-adds": multiply_adds(card.net, shape, len(card.classes), card.views),
        "input": f"{shape.size}x{shape.size} {colour}, {shape.fit}",
        "classes": list(card.classes),
        "accuracy": _accuracy(card),
        "temperature": [round(member.temperature, 4) for member in card.net.members]
        if isinstance(card.net, EnsembleSpec)
        else round(card.temperature, 4),
        "unknown": _refusal(card),
        "recipe": card.recipe,
        "written by": [f"{name} {number}" for name, number in card.versions.items()],
    }


def page_facts(card: ModelCard, *, name: str, collect: bool = False) -> dict[str, Any]:
    """What a page that asks a model has to know about it.

    paper: whether most of a training picture is dark or light. collect: whether corrected pictures
    are kept.
    """
    shape = card.preparation
    return {
        "name": name,
        "classes": list(card.classes),
        "kind": "ink" if shape.ink or shape.channels == 1 else "photo",
        "size": shape.size,
        "channels": shape.channels,
        "accuracy": card.score and card.score.value,
        "refuses": card.refuses,
        "bridge": shape.ink is not None,
        "paper": "dark" if sum(shape.mean) / len(shape.mean) < 0.5 else "light",
        "collect": collect,
    }


def _own(name: str) -> bool:
    """Whether these numbers are the net's, not of what judges its answers."""
    return name != SCORES and not name.startswith(REFUSAL)


def _refusal(card: ModelCard) -> str:
    one = card.net.members[0].refusal if isinstance(card.net, EnsembleSpec) else card.refusal
    if one is None:
        return "never said: too few validation images, or refuse = 0"
    return f"said of {100 * one.share:g} % of good pictures, and of what is like none of them"


def _accuracy(card: ModelCard) -> str:
    if score := card.score:
        interval = f"({score.low:.4f} to {score.high:.4f})"
        return f"{score.value:.4f} {interval} on {score.num:,} test images"
    if isinstance(card.net, EnsembleSpec):
        return "not tested together: what one member had not seen, others were trained on"
    return "not tested"
