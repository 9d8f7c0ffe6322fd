"""Mixing two images into one, and what is cut out of one: shares of pixels, shares of targets."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from eyespot.training.augmentation import augment, erase, rectangles
from eyespot.training.mixing import beta, cutmix, mixed, mixup
from eyespot.training.randomness import stream
from eyespot.training.recipe import Recipe

STILL = Recipe(rotate=0, shift=0, zoom=0, flip=False, brightness=0, contrast=0)
MOVED = Recipe(rotate=9, shift=0.1, zoom=0.1, flip=True, brightness=0.2, contrast=0.2)


def plain(num: int, *, size: int = 8, channels: int = 3) -> Tensor:
    """Images of one brightness each: 0, 1, 2, ..."""
    return torch.arange(num).float().view(-1, 1, 1, 1).expand(num, channels, size, size).clone()


def one_hot(num: int) -> Tensor:
    """Every image its own class: a target tells where its image came from."""
    return torch.eye(num)


def of(**fields: Any) -> Recipe:
    return STILL.model_copy(update=fields)


# --- mixing


def test_neither_draws_nothing_and_copies_nothing() -> None:
    x, targets, generator = plain(4), one_hot(4), stream(0)
    before = generator.get_state()

    same, same_targets = mixed(x, targets, of(), generator=generator)

    assert same is x
    assert same_targets is targets
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("size", [1, 8, 9])
@pytest.mark.parametrize(
    "fields", [{"mixup": 0.2}, {"cutmix": 1.0}, {"mixup": 1.0, "cutmix": 1.0}], ids=str
)
def test_a_target_has_the_share_that_its_image_has_of_the_pixels(
    fields: dict[str, float], size: int
) -> None:
    x = plain(16, size=size)

    for seed in range(8):
        views, targets = mixed(x, one_hot(16), of(**fields), generator=stream(seed))

        assert targets.sum(dim=1).numpy() == pytest.approx(np.ones(16), abs=1e-6)
        assert int((targets > 0).sum(dim=1).max()) <= 2
        # As brightness is the class, the mean brightness is the mean class.
        expected = (targets * torch.arange(16)).sum(dim=1)
        assert views.mean(dim=(1, 2, 3)).numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_both_take_turns() -> None:
    blended = []
    for seed in range(40):
        views, _ = mixed(plain(8), one_hot(8), of(mixup=1.0, cutmix=1.0), generator=stream(seed))
        blended.append(bool((views != views.round()).any()))

    assert 8 < sum(blended) < 32


def test_mixup_is_the_sum_of_its_definition() -> None:
    x = torch.rand(3, 1, 2, 2, generator=stream(0))
    targets, partners = one_hot(3), torch.tensor([1, 2, 0])
    shares = torch.tensor([0.0, 0.25, 1.0])

    views, mixed_targets = mixup(x, targets, partners, shares)

    for i, (partner, share) in enumerate([(1, 0.0), (2, 0.25), (0, 1.0)]):
        assert torch.allclose(views[i], (1 - share) * x[i] + share * x[partner])
        assert torch.allclose(mixed_targets[i], (1 - share) * targets[i] + share * targets[partner])


def test_cutmix_is_the_rectangle_of_its_definition() -> None:
    x, partners = plain(3, channels=1), torch.tensor([1, 2, 0])
    shares = torch.tensor([0.25, 0.25, 0.0])
    places = torch.tensor([[0.5, 0.5], [0.0, 0.25], [0.3, 0.3]])

    views, targets = cutmix(x, one_hot(3), partners, shares, places)

    expected = plain(3, channels=1)
    expected[0, :, 2:6, 2:6] = 1  # a quarter of the area, in the middle
    expected[1, :, :2, :4] = 2  # its upper half lies outside, and is not there
    assert torch.equal(views, expected)
    assert torch.equal(
        targets, torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.875, 0.125], [0.0, 0.0, 1.0]])
    )


def test_mixing_changes_neither_the_images_nor_the_targets_it_was_given() -> None:
    for fields in ({"mixup": 1.0}, {"cutmix": 1.0}):
        x, targets = plain(8), one_hot(8)

        mixed(x, targets, of(**fields), generator=stream(0))

        assert torch.equal(x, plain(8))
        assert torch.equal(targets, one_hot(8))


def test_one_place_mixes_alike_and_another_otherwise() -> None:
    def views(*place: int) -> Tensor:
        recipe = of(mixup=1.0, cutmix=1.0)
        return mixed(plain(8), one_hot(8), recipe, generator=stream(*place))[0]

    assert torch.equal(views(1, 2), views(1, 2))
    assert not torch.equal(views(1, 2), views(1, 3))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_are_drawn_from_beta(alpha: float) -> None:
    found = beta(alpha, 20_000, generator=stream(0))

    assert found.dtype == torch.float32
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(found.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)


# --- erasing


def test_erasing_puts_the_mean_colour_into_a_rectangle() -> None:
    x = torch.rand(64, 3, 16, 16, generator=stream(0)) * 255

    views = erase(x, 1.0, generator=stream(1))

    means = x.mean(dim=(2, 3))
    for view, image, mean in zip(views, x, means, strict=True):
        inside = (view != image).all(dim=0)
        assert torch.equal((view != image).any(dim=0), inside)
        assert torch.equal(view[:, inside], mean[:, None].expand(3, int(inside.sum())))
        assert torch.equal(inside, inside.any(1)[:, None] & inside.any(0)[None])
        assert inside.float().mean() <= 0.4  # 33 % and what rounding to pixels adds


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_as_many_images_are_erased_as_asked_for(probability: float) -> None:
    x = torch.rand(2000, 1, 16, 16, generator=stream(0))

    changed = (erase(x, probability, generator=stream(1)) != x).any(dim=3).any(dim=2).float()

    assert float(changed.mean()) == pytest.approx(probability, abs=0.03)


def test_erasing_leaves_the_other_draws_as_they_were() -> None:
    x = torch.rand(16, 3, 16, 16, generator=stream(0)) * 255
    erasing = MOVED.model_copy(update={"erase": 1.0})
    generator = stream(5)

    views = augment(x, erasing, generator=generator)

    again = stream(5)
    moved = augment(x, MOVED, generator=again)
    assert torch.equal(views, erase(moved, 1.0, generator=again))
    assert not torch.equal(views, moved)


def test_a_rectangle_holds_the_pixels_whose_middles_it_covers() -> None:
    found = rectangles(
        torch.tensor([0.5]), torch.tensor([0.25]), torch.tensor([[0.5, 0.0]]), plain(1, size=8)
    )

    expected = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    expected[0, 0, 2:6, :1] = True
    assert torch.equal(found, expected)
