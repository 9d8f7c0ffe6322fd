"""Teaching a trained model when to say "I don't know"."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.evaluation.refusal import class_thresholds, find_subspace, usual_range
from eyespot.models.predict import batch_size
from eyespot.values.arrays import Array

if TYPE_CHECKING:
    from torch import Tensor

    from eyespot.models.torch_model import TorchModel

# Fewer validation images say too little of what is usual: with 10 about 4 % of good pictures are
# refused where 2 % are meant, with 5 about 7 %, with 2 about 15 %.
LEAST_JUDGING = 10
# Of MNIST's digits 2,000 do as well as 20,000; many classes want more.
_LEAST_IMAGES, _OF_EACH_CLASS, _MOST_IMAGES = 2000, 50, 10_000
_MOST_NUMBERS = 2**24  # of all features together, 64 MiB, of which there are some copies


def refusing(
    model: "TorchModel", loaded: Loaded, parts: Split, logits: Array, *, share: float
) -> "TorchModel":
    """The model that refuses this share of good pictures, and as much as it can of all others.

    It looks at training images, 2,000 to 10,000, to know what is usual, and at validation images
    for its thresholds; none of another kind is needed. logits: (N, K), of the validation part.
    """
    import torch

    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.refusal import Refusal, energy
    from eyespot.nets.spec import RefusalSpec

    num_classes = len(model.classes)
    labels = loaded.dataset.labels
    num_features = sum(one.shape[1] for one in _features(model, loaded, [0]))
    room = max(_MOST_NUMBERS // num_features, 2)
    wanted = min(max(_LEAST_IMAGES, _OF_EACH_CLASS * num_classes), _MOST_IMAGES)
    known = _some(parts.indices("train"), min(wanted, room))
    subspaces = [
        find_subspace(of_depth.numpy(), labels[known], num_classes)
        for of_depth in _features(model, loaded, known)
    ]
    spec = RefusalSpec(
        depths=tuple(subspace.directions.shape for subspace in subspaces),
        num_neighbours=len(subspaces[0].neighbours),
        share=share,
    )
    refusal = Refusal(spec, num_classes)
    rows = _some(range(len(logits)), min(_MOST_IMAGES, room))
    features = _features(model, loaded, np.asarray(parts.indices("valid"))[rows])
    judging = torch.from_numpy(logits[rows])
    for depth, subspace, of_depth in zip(refusal.each_depth, subspaces, features, strict=True):
        for name, value in vars(subspace).items():
            getattr(depth, name).copy_(torch.as_tensor(value))
        distance, nearest = depth.distances(of_depth, judging.argmax(dim=1))
        depth.distance_range.copy_(_usual(distance, share))
        depth.nearest_range.copy_(_usual(nearest, share))
    refusal.energy_range.copy_(_usual(energy(judging), share))
    excess, said = refusal.excess(features, judging).numpy(), judging.argmax(dim=1).numpy()
    refusal.thresholds.copy_(torch.from_numpy(class_thresholds(excess, said, num_classes, share)))
    card = model.card.model_copy(update={"refusal": spec})
    return TorchModel(card, model.net, [refusal])


def batches_of(loaded: Loaded, indices: Sequence[int] | Array) -> Iterator[Array]:
    """The images at these places, a few at a time: all at once would be a copy of a part."""
    chosen = np.asarray(indices, dtype=np.int64)
    # What a backbone gave is small, whatever its pictures were.
    step = batch_size(loaded.images.shape[1]) if loaded.images.ndim == 4 else 1024
    for start in range(0, len(chosen), step):
        yield loaded.images[chosen[start : start + step]]


def _features(
    model: "TorchModel", loaded: Loaded, indices: Sequence[int] | Array
) -> "list[Tensor]":
    """float32 (N, D) of each depth of the net, for the images at these places."""
    import torch

    from eyespot.nets.features import features

    found: list[list[Tensor]] = []
    with torch.inference_mode():
        for images in batches_of(loaded, indices):
            found += [features(model.net, x)[1] for x in model.batches(images)]
        return [torch.cat(of_depth).cpu() for of_depth in zip(*found, strict=True)]


def _usual(scores: "Tensor", share: float) -> "Tensor":
    import torch

    return torch.tensor(usual_range(scores.numpy(), share))


def _some(indices: Sequence[int], most: int) -> Array:
    """All of them, or so many drawn blindly; the same for the same number of images."""
    chosen = np.asarray(indices, dtype=np.int64)
    if len(chosen) <= most:
        return chosen
    return np.sort(np.random.default_rng(0).permutation(chosen)[:most])
