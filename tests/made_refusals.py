"""Refusals with made-up numbers, for nets that have learnt nothing."""

import torch
from torch import nn

from eyespot.models.torch_model import TorchModel
from eyespot.nets.features import features
from eyespot.nets.refusal import Refusal
from eyespot.nets.spec import RefusalSpec
from eyespot.values.preparation import Preparation


def made_refusal(
    net: nn.Module, shape: Preparation, num_classes: int, *, seed: int = 0
) -> tuple[RefusalSpec, Refusal]:
    """One that suits the net, of rank 3, with numbers of the usual size."""
    with torch.inference_mode():
        _, found = features(net.eval(), torch.zeros(1, shape.channels, shape.size, shape.size))
    spec = RefusalSpec(
        depths=tuple((one.shape[1], min(3, one.shape[1])) for one in found),
        num_neighbours=7,
        share=0.02,
    )
    refusal = Refusal(spec, num_classes)
    random = torch.Generator().manual_seed(seed)
    for name, tensor in refusal.state_dict().items():
        tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.2)
        if name.endswith("directions"):
            tensor.copy_(torch.linalg.qr(tensor)[0])
        elif name == "energy_range":
            tensor[0] -= 4  # logits near 0 have the energy -log(K), which is to be unusual
    return spec, refusal


def refusing(model: TorchModel, *, seed: int = 0, num_scores: int = 0) -> TorchModel:
    """The model, able to refuse; with so many scores for sets of classes, if any."""
    spec, refusal = made_refusal(model.net, model.preparation, len(model.classes), seed=seed)
    card = model.card.model_copy(update={"refusal": spec, "num_scores": num_scores})
    scores = torch.linspace(0, 1, num_scores).numpy() if num_scores else None
    return TorchModel(card, model.net, [refusal], scores)
