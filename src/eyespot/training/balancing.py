"""Classes of unequal size: which images an epoch shows, and what each of them counts.

N images, B batch, K classes.
"""

import torch
from torch import Tensor

from eyespot.training.randomness import stream
from eyespot.training.recipe import Recipe


def epoch_order(labels_N: Tensor, recipe: Recipe, epoch: int) -> Tensor:
    """The images of this epoch, N of them, in their order: a function of the seed and the epoch.

    Each once; with `sampling` equally many of every class that occurs, to the image: an image of a
    class of n comes up m / n times, rounded up or down, where m is the class's share.
    """
    order = torch.randperm(len(labels_N), generator=stream(recipe.seed, "order", epoch))
    if recipe.balance != "sampling":
        return order
    generator = stream(recipe.seed, "classes", epoch)
    labels_N = labels_N.cpu()
    occurring = torch.unique(labels_N)
    share, extra = divmod(len(labels_N), len(occurring))
    # Which classes get one image more changes with the epoch.
    bonus = torch.randperm(len(occurring), generator=generator) < extra
    chosen = []
    for label, more in zip(occurring, bonus, strict=True):
        members = (labels_N == label).nonzero().flatten()
        num = share + int(more)
        repeated, rest = divmod(num, len(members))
        some = torch.randperm(len(members), generator=generator)[:rest]
        chosen += [members.repeat(repeated), members[some]]
    return torch.cat(chosen)[order]


def class_weights(labels_N: Tensor, recipe: Recipe) -> Tensor | None:
    """What an image of each class counts with `weights`, (K,), so that all classes count the same.

    None where every image counts 1. Their mean over all images is 1: the rate keeps its meaning.
    """
    if recipe.balance != "weights":
        return None
    counts_K = torch.bincount(labels_N)
    num_occurring = int((counts_K > 0).sum())
    return len(labels_N) / (num_occurring * counts_K.clamp(min=1)).float()
