"""A model that runs on torch. N images, S side, C channels, K classes."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from eyespot.errors import DataError, ModelError
from eyespot.models.card import ModelCard
from eyespot.models.file import (
    REFUSAL,
    SCORES,
    Form,
    read_card,
    read_forms,
    read_model,
    write_model,
)
from eyespot.models.surface import in_batches, predict_pictures, tempered
from eyespot.nets.backbone import BackboneNet
from eyespot.nets.build import build_net
from eyespot.nets.ensemble import Ensemble
from eyespot.nets.features import features
from eyespot.nets.refusal import Refusal, answered
from eyespot.nets.spec import EnsembleSpec
from eyespot.nets.standing import complete, kept_tensors
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

_MOST_PASSED = 256  # pixels a side: one picture takes 0.5 GB at most within a net

_TYPES = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}


class TorchModel:
    """A trained net with all that predicting needs: `model.predict(["cat.jpg"])`."""

    def __init__(
        self,
        card: ModelCard,
        net: nn.Module,
        refusals: Sequence[Refusal] = (),
        scores: Array | None = None,
    ) -> None:
        """refusals: one for the net or, of an ensemble, for each member; none for a net that takes
        whatever it is given. scores: float32 (M,), for sets of classes; see models/conformal.py."""
        self.card = card
        self.net = net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        device = next(self.net.parameters()).device
        self.refusals = tuple(refusal.eval().to(device) for refusal in refusals)
        self.scores = scores

    predict = predict_pictures

    @property
    def classes(self) -> tuple[str, ...]:
        return self.card.classes

    @property
    def preparation(self) -> Preparation:
        return self.card.preparation

    def logits(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C).

        The mean over the card's views of each picture. In float32 whatever the net was trained in,
        so that every machine gives one answer.
        Raises DataError for images of another type or shape.
        """
        return self._answered(images)[0]

    def probabilities(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C); rows sum to 1."""
        return tempered(self.logits(images), self.card.temperature)

    def examine(self, images: Array) -> tuple[Array, Array | None]:
        """The probabilities, and float32 (N,): how unlike what the net knows each image is.

        Above 1 it is to be refused. None for a model that cannot say.
        """
        logits, refusal = self._answered(images, refusing=True)
        return tempered(logits, self.card.temperature), refusal

    @torch.inference_mode()
    def _answered(self, images: Array, *, refusing: bool = False) -> tuple[Array, Array | None]:
        """Logits and, if they are wanted and known, refusals."""
        refusing = refusing and len(self.refusals) > 0
        logits, refusals = [], []
        for x_BCHW in self.batches(images):
            of_batch, refusal = self._answered_batch(x_BCHW, refusing)
            logits.append(of_batch.cpu())
            refusals += [] if refusal is None else [refusal.cpu()]
        if not logits:
            nothing = np.empty(0, np.float32)
            return nothing.reshape(0, len(self.classes)), nothing if refusing else None
        return torch.cat(logits).numpy(), torch.cat(refusals).numpy() if refusals else None

    def _answered_batch(self, x_BCHW: Tensor, refusing: bool) -> tuple[Tensor, Tensor | None]:
        if isinstance(self.net, Ensemble):
            none = [None] * len(self.net.specs)
            return self.net.answered(x_BCHW, list(self.refusals) if refusing else none)
        refusal = self.refusals[0] if refusing else None
        return answered(self.net, x_BCHW, self.card.views, refusal)

    def batches(self, images: Array) -> Iterator[Tensor]:
        """float32 (B, C, S, S) of prepared images, where the net is. Raises DataError.

        Of a net with a backbone also (B, F) of rows that it gave before; see BackboneNet.row.
        """
        if images.ndim == 2 and images.dtype == np.float16:
            yield from self._rows(images)
            return
        device = next(self.net.parameters()).device
        for batch in in_batches(images, self.preparation):
            # A copy, because torch takes no array that is read-only or runs backwards.
            yield torch.from_numpy(batch.copy()).to(device).permute(0, 3, 1, 2).float()

    def _rows(self, rows: Array) -> Iterator[Tensor]:
        nets = self.net.members if isinstance(self.net, Ensemble) else [self.net]
        for body in (list(net.children())[-1] for net in nets):
            if not isinstance(body, BackboneNet) or rows.shape[1] != body.width:
                raise DataError(
                    "these features are not of the model's backbone; compute them again"
                )
        device = next(self.net.parameters()).device
        for start in range(0, len(rows), 1024):
            yield torch.from_numpy(rows[start : start + 1024]).to(device).float()

    def save(self, path: Path) -> None:
        """Writes the model file."""
        weights = weights_of(_tensors(self.net, self.refusals))
        if self.scores is not None:
            weights[SCORES] = self.scores
        write_model(path, self.card, weights)


def load_torch_model(path: Path) -> TorchModel:
    """The model in a file. Raises ModelError unless every tensor is there, once, in its form."""
    card = read_card(path)
    found, expected = read_forms(path), _expected_forms(card)
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            raise ModelError(
                f"{path} does not fit its own net: '{name}' is {_words(found.get(name))} where "
                f"{_words(expected.get(name))} is due; train again"
            )
    card, weights = read_model(path)
    net = build_net(card.net, card.preparation, len(card.classes))
    refusals = _refusals(card)
    for name, tensor in _tensors(net, refusals).items():
        tensor.copy_(torch.from_numpy(weights[name]))
    complete(net)
    if not all(refusal.sound() for refusal in refusals):
        raise ModelError(f"{path}: what it refuses by is no range of numbers; train again")
    model = TorchModel(card, net, refusals, weights.get(SCORES))
    _check_passage(path, model)
    return model


def _refusals(card: ModelCard) -> "list[Refusal]":
    """As the card describes them, their numbers still to be filled in."""
    specs = [one.refusal for one in card.net.members] if isinstance(card.net, EnsembleSpec) else []
    specs = specs or [card.refusal]
    return [Refusal(spec, len(card.classes)) for spec in specs if spec]


def _tensors(net: nn.Module, refusals: Iterable[Refusal]) -> dict[str, Tensor]:
    """All that the model file holds, by the names that it has there."""
    tensors = kept_tensors(net)
    for number, refusal in enumerate(refusals):
        tensors |= {f"{REFUSAL}{number}.{name}": t for name, t in refusal.state_dict().items()}
    return tensors


def _expected_forms(card: ModelCard) -> dict[str, Form]:
    """What the card's net is made of.

    On the meta device: a header may claim a net that no memory would hold. Nothing is worked out
    there, for which torch would import its compiler, a second and a half of work.
    """
    with torch.device("meta"), torch.inference_mode():
        net = build_net(card.net, card.preparation, len(card.classes))
        tensors = _tensors(net, _refusals(card))
    forms: dict[str, Form] = {n: (tuple(t.shape), _TYPES[t.dtype]) for n, t in tensors.items()}
    return forms | ({SCORES: ((card.num_scores,), "F32")} if card.num_scores else {})


@torch.inference_mode()
def _check_passage(path: Path, model: TorchModel) -> None:
    """Raises ModelError unless a picture of the card's size passes through the net, and every
    refusal gets as many features as it wants."""
    card, net = model.card, model.net
    size, channels = card.preparation.size, card.preparation.channels
    device = "cpu" if size <= _MOST_PASSED else "meta"  # a large one may be more than memory holds
    picture = torch.zeros(1, channels, size, size, device=device)
    if isinstance(card.net, EnsembleSpec) and isinstance(net, Ensemble):
        pairs = list(zip(net.members, (one.refusal for one in card.net.members), strict=True))
    else:
        pairs = [(net, card.refusal)]
    for one, spec in pairs:
        one = one if device == "cpu" else copy.deepcopy(one).to("meta")
        try:
            found = features(one, picture)[1] if spec else [one(picture)]
        except RuntimeError as error:
            raise ModelError(
                f"{path}: images of {size}x{size} are too small for its own net; train again"
            ) from error
        own = [one.shape[1] for one in found]
        if spec and own != (wanted := [depth[0] for depth in spec.depths]):
            raise ModelError(
                f"{path}: its net has {own} features where its refusal wants {wanted}; train again"
            )


def _words(form: Form | None) -> str:
    return f"{form[1]} {form[0]}" if form else "nothing"


def weights_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    """A copy of a net's state_dict, as arrays that the model file takes."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous().numpy()
        for name, tensor in tensors.items()
    }
