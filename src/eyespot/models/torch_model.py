"""A model that runs on torch. N images, S side, C channels, K classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from eyespot.errors import ImageError, ModelError
from eyespot.models.file import ModelCard, read_model, write_model
from eyespot.models.predict import answers
from eyespot.nets.build import NETS, build_net
from eyespot.values import Array, ImageInput, Prediction, Preparation


class TorchModel:
    """A trained net with all that predicting needs: `model.predict(["cat.jpg"])`."""

    def __init__(self, card: ModelCard, net: nn.Module) -> None:
        self.card = card
        self.net = net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.card.classes

    @property
    def preparation(self) -> Preparation:
        return self.card.preparation

    @torch.inference_mode()
    def logits(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C).

        In float32 whatever the net was trained in, so that every machine gives one answer.
        """
        device = next(self.net.parameters()).device
        batches = torch.split(torch.from_numpy(np.ascontiguousarray(images)), 256)
        logits = [self.net(b.to(device).permute(0, 3, 1, 2).float()).cpu() for b in batches]
        return torch.cat(logits).numpy() if logits else np.empty((0, len(self.classes)), np.float32)

    def probabilities(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C); rows sum to 1."""
        logits_NK = torch.from_numpy(self.logits(images)).double() / self.card.temperature
        return logits_NK.softmax(dim=1).float().numpy()

    def predict(self, images: Sequence[ImageInput], *, top: int = 3) -> list[Prediction]:
        """One Prediction for each path, PIL image, array or encoded bytes, in order.

        Raises ImageError, naming the picture, for the first that cannot be decoded.
        """
        names = [
            str(image) if isinstance(image, str | Path) else f"image {number}"
            for number, image in enumerate(images)
        ]
        found = []
        for result in answers(self, images, names, top=top):
            if not isinstance(result, Prediction):
                name, error = result
                raise ImageError(f"{name} {error}")
            found.append(result)
        return found

    def save(self, path: Path) -> None:
        """Writes the model file."""
        write_model(path, self.card, weights_of(self.net))


def load_torch_model(path: Path) -> TorchModel:
    """The model in a file. Raises ModelError unless every tensor is there, once, in its shape."""
    card, weights = read_model(path)
    if card.net.name not in NETS:
        raise ModelError(
            f"{path} needs the net '{card.net.name}', which this eyespot has not; upgrade eyespot"
        )
    # On the meta device first: a header may claim a net that no memory would hold.
    with torch.device("meta"):
        expected = build_net(card.net, card.preparation, len(card.classes)).state_dict()
    wrong = [
        f"'{name}' is {_shape(weights, name)} where {_shape(expected, name)} is due"
        for name in sorted({*weights, *expected})
        if _shape(weights, name) != _shape(expected, name)
    ]
    if wrong:
        raise ModelError(f"{path} does not fit its own net: {wrong[0]}; train again")
    net = build_net(card.net, card.preparation, len(card.classes))
    net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return TorchModel(card, net)


def weights_of(net: nn.Module) -> dict[str, Array]:
    """A copy of the net's weights and running statistics, by name."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous().numpy()
        for name, tensor in net.state_dict().items()
    }


def _shape(tensors: Mapping[str, object], name: str) -> object:
    return tuple(getattr(tensors[name], "shape", ())) if name in tensors else "missing"
