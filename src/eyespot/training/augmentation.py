"""Augmentation of whole batches: every image gets its own random view, in a few tensor operations.

B batch, C channels, H height, W width. Images are float, in 0..255.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from eyespot.training.recipe import Recipe


def augment(x_BCHW: Tensor, recipe: Recipe, *, generator: torch.Generator) -> Tensor:
    """A random view of each image: turned, shifted, zoomed, flipped, brighter, flatter."""
    if recipe.rotate or recipe.shift or recipe.zoom or recipe.flip:
        x_BCHW = move(x_BCHW, recipe, generator=generator)
    if recipe.brightness or recipe.contrast:
        x_BCHW = relight(x_BCHW, recipe.brightness or 0, recipe.contrast or 0, generator=generator)
    return x_BCHW


def move(x_BCHW: Tensor, recipe: Recipe, *, generator: torch.Generator) -> Tensor:
    """Each image turned, shifted, zoomed and mirrored; its border is continued outwards."""
    num = len(x_BCHW)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(num, generator=generator) * 2 - 1) * limit

    angle = uniform(math.radians(recipe.rotate))
    scale = torch.exp(uniform(math.log1p(recipe.zoom)))
    mirror = torch.ones(num)
    if recipe.flip:
        mirror = torch.where(torch.rand(num, generator=generator) < 0.5, -1.0, 1.0)
    theta_B23 = torch.zeros(num, 2, 3)
    theta_B23[:, 0, 0] = angle.cos() * scale * mirror
    theta_B23[:, 0, 1] = -angle.sin() * scale
    theta_B23[:, 1, 0] = angle.sin() * scale * mirror
    theta_B23[:, 1, 1] = angle.cos() * scale
    # affine_grid measures in half sides, the recipe in sides.
    theta_B23[:, 0, 2] = uniform(2 * recipe.shift)
    theta_B23[:, 1, 2] = uniform(2 * recipe.shift)
    grid = F.affine_grid(theta_B23.to(x_BCHW.device), list(x_BCHW.shape), align_corners=False)
    return F.grid_sample(x_BCHW, grid, padding_mode="border", align_corners=False)


def relight(
    x_BCHW: Tensor, brightness: float, contrast: float, *, generator: torch.Generator
) -> Tensor:
    """Each image times a brightness, its differences from its own mean times a contrast."""
    num = len(x_BCHW)

    def factor(limit: float) -> Tensor:
        spread = (torch.rand(num, 1, 1, 1, generator=generator) * 2 - 1) * limit
        return (1 + spread).to(x_BCHW.device)

    mean_B111 = x_BCHW.mean(dim=(1, 2, 3), keepdim=True)
    flatter = torch.lerp(mean_B111, x_BCHW, factor(contrast))
    return (flatter * factor(brightness)).clamp_(0, 255)
