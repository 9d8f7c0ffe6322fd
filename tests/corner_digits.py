"""Digits that stand in one corner of an empty picture, and a net that was trained to read them."""

import functools

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from eyespot.models.card import ModelCard
from eyespot.models.torch_model import TorchModel
from eyespot.nets.build import build_net, fitted_net
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

SIDE = 24
DIGIT = 8


@functools.cache
def corner_digits() -> tuple[Array, Array, Array]:
    """Pictures uint8 (N, 24, 24, 1), labels (N,), and where the digit is, bool (N, 24, 24)."""
    digits = load_digits(n_class=4)
    num = len(digits.images)
    images = np.zeros((num, SIDE, SIDE, 1), np.uint8)
    boxes = np.zeros((num, SIDE, SIDE), np.bool_)
    corners = np.random.default_rng(0).integers(0, 2, (num, 2)) * (SIDE - DIGIT)
    for row, (top, left) in enumerate(corners):
        box = slice(top, top + DIGIT), slice(left, left + DIGIT)
        images[(row, *box)] = digits.images[row][..., np.newaxis] * 255 / 16
        boxes[(row, *box)] = True
    return images, digits.target, boxes


def fresh_model(*, seed: int) -> TorchModel:
    """A model of the right shape that has learnt nothing."""
    images = corner_digits()[0]
    preparation = Preparation(
        size=SIDE,
        channels=1,
        fit="pad",
        mean=(float(images.mean() / 255),),
        std=(float(images.std() / 255),),
    )
    card = ModelCard(
        net=fitted_net("convnet", width=16, size=SIDE),
        preparation=preparation,
        classes=tuple("0123"),
        recipe="ab12",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TorchModel(card, build_net(card.net, preparation, 4))


@functools.cache
def corner_model() -> TorchModel:
    """A model that has learnt the first 600 corner digits."""
    images, labels, _ = corner_digits()
    model = fresh_model(seed=0)
    net = model.net.train()
    steps = torch.optim.Adam(net.parameters(), lr=0.005)
    order = np.random.default_rng(0).permutation(600)
    for start in [*range(0, 600, 50)] * 10:
        rows = order[start : start + 50]
        x_BCHW = torch.from_numpy(images[rows]).permute(0, 3, 1, 2).float()
        loss = F.cross_entropy(net(x_BCHW), torch.from_numpy(labels[rows]))
        steps.zero_grad()
        loss.backward()
        steps.step()
    steps.zero_grad()
    net.eval()
    return model


def correlation(first: Array, second: Array) -> float:
    """The mean correlation of two sets of maps, (N, S, S); that of a flat one is 0."""
    first, second = (maps - maps.mean(axis=(1, 2), keepdims=True) for maps in (first, second))
    covariances = (first * second).sum(axis=(1, 2))
    norms = np.sqrt((first**2).sum(axis=(1, 2)) * (second**2).sum(axis=(1, 2)))
    return float(np.mean(covariances / np.maximum(norms, 1e-9)))
