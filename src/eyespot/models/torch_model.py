"""A model that runs on torch. N images, S side, C channels, K classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from eyespot.errors import DataError, ImageError, ModelError, UsageError
from eyespot.models.file import Form, ModelCard, read_card, read_forms, read_model, write_model
from eyespot.models.predict import answers, batch_size
from eyespot.nets.build import build_net
from eyespot.nets.views import views_of
from eyespot.values import Array, ImageInput, Prediction, Preparation

_TYPES = {torch.float32: "F32", torch.int64: "I64"}


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

        The mean over the card's views of each picture. In float32 whatever the net was trained in,
        so that every machine gives one answer.
        Raises DataError for images of another type or shape.
        """
        shape = self.preparation
        wanted = (shape.size, shape.size, shape.channels)
        if images.dtype != np.uint8 or images.shape[1:] != wanted:
            raise DataError(
                f"the model wants uint8 images of {' x '.join(map(str, wanted))}, got "
                f"{images.dtype} of {' x '.join(map(str, images.shape[1:]))}; prepare them first"
            )
        device = next(self.net.parameters()).device
        num = batch_size(shape.size)
        logits = []
        for start in range(0, len(images), num):
            # A copy, because torch takes no array that is read-only or runs backwards.
            batch_BHWC = torch.from_numpy(images[start : start + num].copy()).to(device)
            x_BCHW = batch_BHWC.permute(0, 3, 1, 2).float()
            of_views = [self.net(x) for x in views_of(x_BCHW, self.card.views)]
            logits.append(torch.stack(of_views).mean(dim=0).cpu())
        if not logits:
            return np.empty((0, len(self.classes)), np.float32)
        return torch.cat(logits).numpy()

    def probabilities(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C); rows sum to 1."""
        logits_NK = torch.from_numpy(self.logits(images)).double() / self.card.temperature
        return logits_NK.softmax(dim=1).float().numpy()

    def predict(self, images: Sequence[ImageInput] | Array, *, top: int = 3) -> list[Prediction]:
        """One Prediction for each path, PIL image, array or encoded bytes, in order.

        images: a list of pictures, or an array of them, (N, H, W) or (N, H, W, C).
        Raises UsageError for a single picture, which would be taken for a list of its letters or
        rows; ImageError, naming the picture, for the first that cannot be decoded.
        """
        if _is_single(images):
            raise UsageError("predict wants a list of pictures; write predict([picture])")
        images = images if isinstance(images, np.ndarray) else list(images)
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
        write_model(path, self.card, weights_of(self.net.state_dict()))


def load_torch_model(path: Path) -> TorchModel:
    """The model in a file. Raises ModelError unless every tensor is there, once, in its form."""
    card = read_card(path)
    found, expected = read_forms(path), _expected_forms(path, card)
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            raise ModelError(
                f"{path} does not fit its own net: '{name}' is {_words(found.get(name))} where "
                f"{_words(expected.get(name))} is due; train again"
            )
    card, weights = read_model(path)
    net = build_net(card.net, card.preparation, len(card.classes))
    net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return TorchModel(card, net)


def _expected_forms(path: Path, card: ModelCard) -> dict[str, Form]:
    """What the card's net is made of, and that a picture of its size passes through it.

    On the meta device: a header may claim a net that no memory would hold.
    """
    size, channels = card.preparation.size, card.preparation.channels
    with torch.device("meta"), torch.inference_mode():
        net = build_net(card.net, card.preparation, len(card.classes)).eval()
        try:
            net(torch.empty(1, channels, size, size))
        except RuntimeError as error:
            raise ModelError(
                f"{path}: images of {size}x{size} are too small for its own net; train again"
            ) from error
    return {name: (tuple(t.shape), _TYPES[t.dtype]) for name, t in net.state_dict().items()}


def _words(form: Form | None) -> str:
    return f"{form[1]} {form[0]}" if form else "nothing"


def _is_single(images: object) -> bool:
    """Whether this is one picture where a list of them is wanted."""
    if isinstance(images, np.ndarray):
        return images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))
    return isinstance(images, str | bytes | Path | Image.Image)


def weights_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    """A copy of a net's state_dict, as arrays that the model file takes."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous().numpy()
        for name, tensor in tensors.items()
    }
