"""The optimizers that a recipe may name."""

from typing import Any, assert_never

import torch
from torch import nn

from eyespot.nets.standing import body_of
from eyespot.training.muon import Muon, hidden_and_others
from eyespot.training.recipe import Recipe

# Of the rate of the stage above it: what the first stages know is of use for all pictures.
STAGE_SHARE = 0.8


def layer_groups(net: nn.Module) -> list[dict[str, Any]]:
    """Those weights of a net on a backbone that learn, in groups of one rate: the head first, then
    stage by stage backwards. `share`: of the rate."""
    body = body_of(net)
    parts: list[list[nn.Module]] = [[body.head], *body.stages()]
    groups = []
    for depth, part in enumerate(parts):
        weights = [w for module in part for w in module.parameters() if w.requires_grad]
        if weights:
            groups.append({"params": weights, "share": STAGE_SHARE**depth})
    return groups


def build_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer for all weights of the net. recipe: fitted.

    Whoever sets the rate sets it in every one of its groups; its state_dict holds all of its state.
    """
    assert recipe.rate and recipe.optimizer != "auto", "the recipe is not fitted"
    weights: list[Any] = list(net.parameters())
    if recipe.unfrozen:
        weights = layer_groups(net)
    rate, decay = recipe.rate, recipe.weight_decay
    momentum = recipe.momentum
    match recipe.optimizer:
        case "adamw":
            return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)
        case "adam":
            return torch.optim.Adam(weights, lr=rate, weight_decay=decay, fused=True)
        case "rmsprop":  # 0.9 as in Keras, where it is mostly met; torch's own is 0.99
            return torch.optim.RMSprop(
                weights, lr=rate, alpha=0.9, weight_decay=decay, momentum=momentum
            )
        case "sgd":
            ahead = momentum > 0  # Nesterov's
            return torch.optim.SGD(
                weights, lr=rate, weight_decay=decay, momentum=momentum, nesterov=ahead, fused=True
            )
        case "muon":
            hidden, others = hidden_and_others(net)
            return Muon(hidden, others, rate=rate, weight_decay=decay, momentum=momentum)
        case _:
            assert_never(recipe.optimizer)
