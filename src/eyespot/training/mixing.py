"""Two images in one: mixup and cutmix on whole batches, with targets to match.

B batch, C channels, H height, W width, K classes.
"""

import numpy as np
import torch
from torch import Tensor

from eyespot.training.augmentation import rectangles
from eyespot.training.recipe import Recipe


def mixed(
    x_BCHW: Tensor, targets_BK: Tensor, recipe: Recipe, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Each image with a share of another of the batch, and the same share of its target.

    targets_BK: a probability for each class. Where the recipe has both mixup and cutmix a coin
    says which, for the whole batch; where it has neither nothing is drawn.
    """
    if not recipe.mixup and not recipe.cutmix:
        return x_BCHW, targets_BK
    blend = bool(recipe.mixup)
    if recipe.mixup and recipe.cutmix:
        blend = bool(torch.rand((), generator=generator) < 0.5)
    partners = torch.randperm(len(x_BCHW), generator=generator).to(x_BCHW.device)
    shares_B = beta(recipe.mixup if blend else recipe.cutmix, len(x_BCHW), generator=generator)
    if blend:
        return mixup(x_BCHW, targets_BK, partners, shares_B.to(x_BCHW.device))
    places_B2 = torch.rand(len(x_BCHW), 2, generator=generator)
    return cutmix(x_BCHW, targets_BK, partners, shares_B, places_B2)


def mixup(
    x_BCHW: Tensor, targets_BK: Tensor, partners: Tensor, shares_B: Tensor
) -> tuple[Tensor, Tensor]:
    """Each image blended with its partner's share. Source: Zhang et al. 2017, arXiv 1710.09412."""
    x = torch.lerp(x_BCHW, x_BCHW[partners], shares_B.view(-1, 1, 1, 1))
    return x, torch.lerp(targets_BK, targets_BK[partners], shares_B.view(-1, 1))


def cutmix(
    x_BCHW: Tensor, targets_BK: Tensor, partners: Tensor, shares_B: Tensor, places_B2: Tensor
) -> tuple[Tensor, Tensor]:
    """Each image with a rectangle of its partner, of about this share of the area, in its place.

    places_B2: the rectangle's middle, in [0, 1); what of it lies outside is not there. Source: Yun
    et al. 2019, arXiv 1905.04899.
    """
    inside_B1HW = rectangles(shares_B.sqrt(), shares_B.sqrt(), places_B2, x_BCHW)
    areas_B1 = inside_B1HW.float().mean(dim=(2, 3))
    x = torch.where(inside_B1HW, x_BCHW[partners], x_BCHW)
    return x, torch.lerp(targets_BK, targets_BK[partners], areas_B1)


def beta(alpha: float, num: int, *, generator: torch.Generator) -> Tensor:
    """Numbers in [0, 1] from Beta(alpha, alpha), float32 (num,)."""
    # torch's own takes no generator.
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, num)).float()
