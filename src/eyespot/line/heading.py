"""The head of a model on a backbone: chosen, fitted, and where the backbone's training begins."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eyespot.data.grouping import joined
from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.evaluation.calibration import fit_temperature, tempered
from eyespot.files.run import Run
from eyespot.line.featuring import featured
from eyespot.line.model import predictions_of
from eyespot.line.progress import Progress
from eyespot.training.headscore import HeadScore, surely_lower
from eyespot.training.history import write_history
from eyespot.training.recipe import Recipe
from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions
from eyespot.values.training import Epoch

if TYPE_CHECKING:
    from torch import Tensor

    from eyespot.models.torch_model import TorchModel
    from eyespot.training.headchoice import Labelled


def learn_head(
    run: Run, model: "TorchModel", loaded: Loaded, parts: Split, recipe: Recipe
) -> "tuple[TorchModel, list[Epoch], HeadScore]":
    """The model with its head fitted, and the history, which is one epoch long and is written."""
    started = time.perf_counter()
    model, score = with_head(model, loaded, parts, recipe)
    seconds = time.perf_counter() - started
    train, valid = (_measured(model, loaded, parts.indices(part)) for part in ("train", "valid"))
    epoch = Epoch(
        epoch=1,
        train_loss=train[0],
        train_accuracy=train[1],
        valid_loss=valid[0],
        valid_accuracy=valid[1],
        rate=0.0,
        seconds=seconds,
    )
    write_history(run, [epoch])
    return model, [epoch], score


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """Where the training of a backbone begins: the net's weights with a head that fits them, and
    what the answers of that cost on the validation part; see `tempered_losses`."""

    weights: "Mapping[str, Tensor]"
    losses: Array


def begin_with_head(
    model: "TorchModel", loaded: Loaded, parts: Split, recipe: Recipe, tell: Progress
) -> "tuple[TorchModel, HeadScore, Start]":
    """The model with a head fitted to the features of the backbone as it is, and with the last
    stages of that thawed.

    A head of chance would tear at them before it is any good (Kumar et al. 2022, arXiv 2202.10054).
    """
    from eyespot.nets.standing import thaw

    rows = featured(loaded.dataset, recipe, tell)
    model, score = with_head(model, rows, parts, recipe)
    tell.say(f"the head alone, in folds of the training part: {score}")
    losses = tempered_losses(predictions_of(model, rows, parts.indices("valid")))
    weights = {name: tensor.clone() for name, tensor in model.net.state_dict().items()}
    thaw(model.net, recipe.unfrozen)
    return model, score, Start(weights=weights, losses=losses)


def better_of(model: "TorchModel", start: Start, loaded: Loaded, parts: Split) -> str | None:
    """Puts the model back to its start, and says so, where the training made it worse by more than
    a standard error on the validation part; a few pictures can do that within one step."""
    losses = tempered_losses(predictions_of(model, loaded, parts.indices("valid")))
    if not surely_lower(start.losses, losses):
        return None
    model.net.load_state_dict(start.weights)
    return (
        "the backbone stays as it was, with its head: on the validation part its log loss is "
        f"{start.losses.mean():.4f}, and was {losses.mean():.4f} at best after it had learnt"
    )


def tempered_losses(said: Predictions) -> Array:
    """The cross-entropy of each answer in nats, float64 (N,), with the temperature that the model
    would get. Else smoothed labels, which a training has and a head alone has not, would decide."""
    probs = tempered(said.probs, fit_temperature(said))
    own = probs[np.arange(len(probs)), said.labels].astype(np.float64)
    losses: Array = -np.log(np.maximum(own, 1e-30))
    return losses


def with_head(
    model: "TorchModel", loaded: Loaded, parts: Split, recipe: Recipe
) -> "tuple[TorchModel, HeadScore]":
    """The model with the head that suits it best. loaded: with features."""
    import torch

    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.standing import body_of
    from eyespot.training.headchoice import choose_head

    body = body_of(model.net)
    places = parts.indices("train")
    ties = loaded.duplicates.ties(len(loaded.dataset))
    # Of several views their mean is remembered, of which a perceptron says something else than the
    # mean of what it says of each, as the model will answer.
    kind = "linear" if recipe.head == "auto" and recipe.test_views != "one" else recipe.head
    keys = ties if loaded.dataset.groups is None else joined(loaded.dataset.groups, ties)
    head, score = choose_head(
        _labelled(loaded, places, body.depths[-1]),
        _labelled(loaded, parts.indices("valid"), body.depths[-1]),
        len(model.classes),
        kind=kind,
        keys=[keys[place] for place in places],
        num_folds=recipe.head_folds,
        balanced=recipe.balance in ("weights", "sampling"),
        seed=recipe.seed,
    )
    body.take_head(
        [(torch.from_numpy(one.weight), torch.from_numpy(one.bias)) for one in head.layers]
    )
    card = model.card.model_copy(update={"net": body.spec})
    return TorchModel(card, model.net), score


def _labelled(loaded: Loaded, places: Sequence[int], num_features: int) -> "Labelled":
    """What the head gets of the images at these places."""
    from eyespot.training.headchoice import Labelled

    chosen = np.asarray(places, np.int64)
    features = loaded.images[chosen, -num_features:].astype(np.float32)
    return Labelled(features, loaded.dataset.labels[chosen])


def _measured(model: "TorchModel", loaded: Loaded, places: Sequence[int]) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy; NaN where there is no image."""
    from eyespot.training.headchoice import cross_entropy

    if not places:
        return math.nan, math.nan
    chosen = np.asarray(places, np.int64)
    labels = loaded.dataset.labels[chosen]
    logits = model.logits(loaded.images[chosen]).astype(np.float64)
    return cross_entropy(logits, labels), float((logits.argmax(axis=1) == labels).mean())
