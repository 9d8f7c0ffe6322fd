"""Several models as one, which averages their probabilities."""

from collections.abc import Sequence

import numpy as np

from eyespot.errors import ModelError
from eyespot.models.card import ModelCard
from eyespot.models.torch_model import TorchModel
from eyespot.nets.ensemble import Ensemble
from eyespot.nets.spec import EnsembleSpec, MemberSpec


def ensemble_of(models: Sequence[TorchModel], *, recipe: str) -> TorchModel:
    """The model whose probabilities are the mean of theirs. recipe: the digest that its card says.

    Each member keeps its own brightness, views and temperature; the card's brightness is the mean,
    and its style of ink that of the first.
    It refuses if all of them do: the validation part of one may have been too small for that.
    Raises ModelError unless they have the same classes and want the same pictures.
    """
    first = models[0].card
    shape = first.preparation
    refusals = [refusal for model in models for refusal in model.refusals]
    if len(refusals) < len(models):
        refusals = []
    members = []
    for card in (model.card for model in models):
        same = {"mean": shape.mean, "std": shape.std, "ink": shape.ink}
        if card.classes != first.classes or card.preparation.model_copy(update=same) != shape:
            raise ModelError("models of other classes or pictures make no ensemble; train again")
        if isinstance(card.net, EnsembleSpec):
            raise ModelError("an ensemble is no member of another; name its members instead")
        members.append(
            MemberSpec(
                net=card.net,
                mean=card.preparation.mean,
                std=card.preparation.std,
                views=card.views,
                temperature=card.temperature,
                refusal=card.refusal if refusals else None,
            )
        )
    brightness = {
        name: tuple(np.mean([getattr(member, name) for member in members], axis=0).tolist())
        for name in ("mean", "std")
    }
    card = ModelCard(
        net=EnsembleSpec(members=tuple(members)),
        preparation=shape.model_copy(update=brightness),
        classes=first.classes,
        recipe=recipe,
        versions=first.versions,
    )
    return TorchModel(card, Ensemble([model.net for model in models], members), refusals)
