"""The model of a run: before its first step, with its temperature, with its score, of all folds."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.evaluation import judge
from eyespot.evaluation.calibration import fit_temperature
from eyespot.evaluation.conformal import calibration_scores
from eyespot.files.run import Run
from eyespot.line.featuring import backbone_of
from eyespot.line.inking import style_of
from eyespot.line.refusing import LEAST_JUDGING, batches_of, refusing
from eyespot.models.card import ModelCard, Score
from eyespot.training.fitting import input_scale
from eyespot.training.recipe import Recipe
from eyespot.values.arrays import Array
from eyespot.values.evaluation import Evaluation
from eyespot.values.model import Model
from eyespot.values.predictions import Predictions
from eyespot.values.preparation import Preparation

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


def untrained(recipe: Recipe, loaded: Loaded, parts: Split) -> "TorchModel":
    """The model before its first step."""
    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.build import build_net, fitted_net
    from eyespot.training.origin import versions
    from eyespot.training.randomness import seeded

    assert recipe.size and recipe.channels and recipe.test_views != "auto", "it is not fitted"
    if recipe.net == "backbone":
        return standing(recipe, loaded.dataset.classes)
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
            size=recipe.size,
            channels=recipe.channels,
            fit=recipe.fit,
            mean=mean,
            std=deviation,
            ink=style_of(loaded, parts.indices("train")) if recipe.ink else None,
        ),
        classes=loaded.dataset.classes,
        views=recipe.test_views,
        recipe=recipe.digest(),
        versions=versions(),
    )
    with seeded(recipe.seed, "weights"):
        net = build_net(card.net, card.preparation, len(card.classes))
    return TorchModel(card, net)


def standing(recipe: Recipe, classes: tuple[str, ...]) -> "TorchModel":
    """The model on its backbone, with a head of chance."""
    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.standing import net_on, prepared_as, spec_on
    from eyespot.training.origin import versions
    from eyespot.training.randomness import seeded

    assert recipe.size and recipe.test_views != "auto", "it is not fitted"
    backbone = backbone_of(recipe)
    shape = prepared_as(backbone, size=recipe.size, fit=recipe.fit)
    source = None if recipe.embed else recipe.backbone
    spec = spec_on(backbone, size=recipe.size, source=source, tuned=recipe.unfrozen > 0)
    with seeded(recipe.seed, "weights"):
        net = net_on(backbone, spec, shape, len(classes))
    card = ModelCard(
        net=spec,
        preparation=shape,
        classes=classes,
        views=recipe.test_views,
        recipe=recipe.digest(),
        versions=versions(),
    )
    return TorchModel(card, net)


def calibrated(
    model: "TorchModel", loaded: Loaded, parts: Split, recipe: Recipe
) -> "tuple[TorchModel, Predictions]":
    """The model that knows how sure it may be, and what it says of the validation part.

    With the temperature and, if it is large enough, the refusal that suit that part, and the scores
    for sets of classes.
    """
    indices = parts.indices("valid")
    if not indices:
        return model, predictions_of(model, loaded, indices)
    batches = batches_of(loaded, indices)
    logits = np.concatenate([model.logits(images) for images in batches]).astype(np.float64)
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = (exps / exps.sum(axis=1, keepdims=True)).astype(np.float32)
    model = _with_card(model, temperature=fit_temperature(_said(model, loaded, indices, probs)))
    if recipe.refuse and len(indices) >= LEAST_JUDGING:
        model = refusing(model, loaded, parts, logits, share=recipe.refuse)
    valid = predictions_of(model, loaded, indices)
    scores = calibration_scores(valid)
    card = model.card.model_copy(update={"num_scores": len(scores)})
    return type(model)(card, model.net, model.refusals, scores), valid


def scored(model: "TorchModel", evaluation: Evaluation | None) -> "TorchModel":
    """The model with the accuracy on its test part in its card."""
    if evaluation is None:
        return model
    return _with_card(model, score=Score(num=evaluation.num, **asdict(evaluation.accuracy)))


def _with_card(model: "TorchModel", **changes: object) -> "TorchModel":
    card = model.card.model_copy(update=changes)
    return type(model)(card, model.net, model.refusals, model.scores)


def predictions_of(model: Model, loaded: Loaded, indices: Sequence[int]) -> Predictions:
    """What the model says of the images at these places."""
    said = [model.examine(images) for images in batches_of(loaded, indices)]
    if not said:
        said = [model.examine(loaded.images[:0])]
    refusals = [refusal for _, refusal in said if refusal is not None]
    probs = np.concatenate([probs for probs, _ in said])
    return _said(
        model, loaded, indices, probs, refusal=np.concatenate(refusals) if refusals else None
    )


def _said(
    model: Model,
    loaded: Loaded,
    indices: Sequence[int],
    probs: Array,
    *,
    refusal: Array | None = None,
) -> Predictions:
    return Predictions(
        names=tuple(loaded.dataset.names[index] for index in indices),
        classes=model.classes,
        labels=loaded.dataset.labels[np.asarray(indices, dtype=np.int64)],
        probs=probs,
        refusal=refusal,
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
