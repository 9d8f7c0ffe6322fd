"""The model of a run: before its first step, with its temperature, with its score, of all folds."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.evaluation import judge
from eyespot.evaluation.calibration import fit_temperature, tempered
from eyespot.files import Run
from eyespot.models.file import ModelCard, Score
from eyespot.models.predict import batch_size
from eyespot.training.fitting import input_scale
from eyespot.training.recipe import Recipe
from eyespot.values import Evaluation, Model, Predictions, Preparation

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


def untrained(recipe: Recipe, loaded: Loaded, parts: Split) -> "TorchModel":
    """The model before its first step."""
    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.build import build_net, fitted_net
    from eyespot.training.origin import versions
    from eyespot.training.randomness import seeded

    assert recipe.size and recipe.channels and recipe.test_views != "auto", "it is not fitted"
    mean, deviation = input_scale(recipe, loaded.images, parts.indices("train"))
    card = ModelCard(
        net=fitted_net(
            recipe.net,
            width=recipe.width,
            size=recipe.size,
            depth=recipe.depth,
            dropout=recipe.dropout,
            layers=recipe.layers,
        ),
        preparation=Preparation(
            size=recipe.size, channels=recipe.channels, fit=recipe.fit, mean=mean, std=deviation
        ),
        classes=loaded.dataset.classes,
        views=recipe.test_views,
        recipe=recipe.digest(),
        versions=versions(),
    )
    with seeded(recipe.seed, "weights"):
        net = build_net(card.net, card.preparation, len(card.classes))
    return TorchModel(card, net)


def calibrated(
    model: "TorchModel", loaded: Loaded, indices: Sequence[int]
) -> "tuple[TorchModel, Predictions]":
    """The model with the temperature that suits the validation part, and what it says of it."""
    valid = predictions_of(model, loaded, indices)
    temperature = fit_temperature(valid)
    valid = replace(valid, probs=tempered(valid.probs, temperature))
    return _with_card(model, temperature=temperature), valid


def scored(model: "TorchModel", evaluation: Evaluation | None) -> "TorchModel":
    """The model with the accuracy on its test part in its card."""
    if evaluation is None:
        return model
    return _with_card(model, score=Score(num=evaluation.num, **asdict(evaluation.accuracy)))


def _with_card(model: "TorchModel", **changes: object) -> "TorchModel":
    return type(model)(model.card.model_copy(update=changes), model.net)


def predictions_of(model: Model, loaded: Loaded, indices: Sequence[int]) -> Predictions:
    """What the model says of the images at these places."""
    chosen = np.asarray(indices, dtype=np.int64)
    step = batch_size(model.preparation.size)  # all at once would be a copy of the part
    probs = [
        model.probabilities(loaded.images[chosen[start : start + step]])
        for start in range(0, max(len(chosen), 1), step)
    ]
    return Predictions(
        names=tuple(loaded.dataset.names[index] for index in indices),
        classes=model.classes,
        labels=loaded.dataset.labels[chosen],
        probs=np.concatenate(probs),
    )


def ensemble(
    folds: Sequence[Run], loaded: Loaded, held: Sequence[int], recipe: Recipe
) -> "tuple[TorchModel, Evaluation | None]":
    """One model of those of the folds, and how good it is on images that none of them has seen.

    held: the places of these among the loaded.
    """
    from eyespot.models.ensemble import ensemble_of
    from eyespot.models.torch_model import load_torch_model

    models = [load_torch_model(fold.model) for fold in folds]
    model = ensemble_of(models, recipe=recipe.digest())
    said = predictions_of(model, loaded, held)
    tested = judge(said) if len(said) else None
    return scored(model, tested), tested
