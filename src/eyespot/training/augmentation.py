"""Augmentation of whole batches: every image gets its own random view, in a few tensor operations.

B batch, C channels, H height, W width. Images are float, in 0..255.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from eyespot.training.recipe import Recipe


def augment(x_BCHW: Tensor, recipe: Recipe, *, generator: torch.Generator) -> Tensor:
    """A random view of each image: turned, shifted, zoomed, flipped, brighter, flatter, erased.

    What the recipe leaves out draws nothing: adding to it leaves the other draws as they were.
    """
    if recipe.rotate or recipe.shift or recipe.zoom or recipe.flip:
        x_BCHW = move(x_BCHW, recipe, generator=generator)
    if recipe.brightness or recipe.contrast:
        x_BCHW = relight(x_BCHW, recipe.brightness or 0, recipe.contrast or 0, generator=generator)
    if recipe.erase:
        x_BCHW = erase(x_BCHW, recipe.erase, generator=generator)
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
    across, down = angle.cos() * scale, angle.sin() * scale
    # The grid measures in half sides, the recipe in sides.
    right, below = uniform(2 * recipe.shift), uniform(2 * recipe.shift)
    height, width = x_BCHW.shape[2:]
    xs_W, ys_H = _middles(width), _middles(height)
    grid_BHW2 = torch.empty(num, height, width, 2)
    for axis, (by_x, by_y, moved) in enumerate(
        ((across * mirror, -down, right), (down * mirror, across, below))
    ):
        along_BW = by_x[:, None] * xs_W + moved[:, None]
        upright_BH = by_y[:, None] * ys_H
        # By broadcasting: affine_grid's batched product takes three times as long.
        torch.add(along_BW[:, None, :], upright_BH[:, :, None], out=grid_BHW2[..., axis])
    grid = grid_BHW2.to(x_BCHW.device)
    return F.grid_sample(x_BCHW, grid, padding_mode="border", align_corners=False)


def _middles(num: int) -> Tensor:
    """Of the pixels of a side, from -1 to 1."""
    return (torch.arange(num) * 2 + 1) / num - 1


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


def erase(x_BCHW: Tensor, probability: float, *, generator: torch.Generator) -> Tensor:
    """Some images with a rectangle of 2 to 33 % of their area in their own mean colour.

    Its middle lies anywhere; what of it lies outside is not there. Source: Zhong et al. 2017, arXiv
    1708.04896.
    """
    num = len(x_BCHW)
    chosen_B = torch.rand(num, generator=generator) < probability
    areas_B = 0.02 + 0.31 * torch.rand(num, generator=generator)
    stretch_B = torch.exp((torch.rand(num, generator=generator) * 2 - 1) * math.log(3.3) / 2)
    places_B2 = torch.rand(num, 2, generator=generator)
    sides_B = torch.where(chosen_B, areas_B, 0).sqrt()
    inside_B1HW = rectangles(sides_B * stretch_B, sides_B / stretch_B, places_B2, x_BCHW)
    return torch.where(inside_B1HW, x_BCHW.mean(dim=(2, 3), keepdim=True), x_BCHW)


def rectangles(heights_B: Tensor, widths_B: Tensor, places_B2: Tensor, x_BCHW: Tensor) -> Tensor:
    """Which pixels of each image lie in its rectangle, bool (B, 1, H, W) beside the images.

    Sides and middles are shares of the image's sides.
    """
    sides = []
    for lengths_B, middles_B, num in zip(
        (heights_B, widths_B), places_B2.unbind(1), x_BCHW.shape[2:], strict=True
    ):
        pixels = (torch.arange(num) + 0.5) / num
        sides.append((pixels - middles_B[:, None]).abs() < lengths_B[:, None] / 2)
    rows_BH, columns_BW = (side.to(x_BCHW.device) for side in sides)
    return (rows_BH[:, :, None] & columns_BW[:, None, :])[:, None]
