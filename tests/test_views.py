"""Several views of a picture, whose answers are averaged."""

import numpy as np
import pytest
import torch

from eyespot.data.survey import Survey
from eyespot.models.torch_model import TorchModel, load_torch_model
from eyespot.nets.views import views_of
from eyespot.training.fitting import fitted_to_images
from eyespot.training.recipe import Recipe
from test_models import tiny

NUMBERS = {"one": 1, "mirrors": 2, "shifts": 5, "all": 10}


def viewed(views):
    model = tiny()
    return TorchModel(model.card.model_copy(update={"views": views}), model.net)


@pytest.mark.parametrize("views", NUMBERS)
def test_every_view_is_another_picture_of_the_same_shape(views):
    x = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8)

    found = list(views_of(x, views))

    assert len(found) == NUMBERS[views] == len({tuple(v.flatten().tolist()) for v in found})
    assert torch.equal(found[0], x)
    assert all(view.shape == x.shape for view in found)


def test_a_shift_moves_by_one_pixel_and_continues_the_border():
    x = torch.rand(1, 1, 8, 8)

    _, down, up, right, left = views_of(x, "shifts")

    assert torch.equal(down[..., 1:, :], x[..., :-1, :]) and torch.equal(
        down[..., 0, :], x[..., 0, :]
    )
    assert torch.equal(up[..., :-1, :], x[..., 1:, :])
    assert torch.equal(right[..., :, 1:], x[..., :, :-1])
    assert torch.equal(left[..., :, :-1], x[..., :, 1:])


@pytest.mark.parametrize("views", NUMBERS)
def test_the_logits_are_the_mean_over_the_views(views):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    model = viewed(views)

    with torch.inference_mode():
        expected = torch.stack([model.net(view) for view in views_of(x, views)]).mean(dim=0)

    np.testing.assert_allclose(model.logits(images), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_the_model_file_keeps_the_views(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    viewed("all").save(tmp_path / "model.safetensors")

    loaded = load_torch_model(tmp_path / "model.safetensors")

    assert loaded.card.views == "all"
    assert np.array_equal(loaded.logits(images), viewed("all").logits(images))


@pytest.mark.parametrize(("flip", "views"), [(True, "all"), (False, "shifts")])
def test_what_training_does_not_mirror_is_not_mirrored_afterwards(flip, views):
    looks = Survey(kind="photo", side=32, coloured=True)

    fitted = fitted_to_images(Recipe(test_views="auto", flip=flip), looks)

    assert fitted.test_views == views
