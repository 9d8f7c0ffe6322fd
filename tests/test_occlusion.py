"""Covering parts of a picture: what the answer hangs on, for any model."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from corner_digits import corner_digits, corner_model
from eyespot.evaluation.occlusion import occlusion_maps
from eyespot.values.preparation import Preparation


@dataclass
class Window:
    """Says "bright" with the mean brightness of a window, else "dark"; keeps what it was asked."""

    top: int = 4
    left: int = 10
    side: int = 5
    size: int = 20
    channels: int = 1
    mean: float = 0.0
    classes: tuple[str, ...] = ("dark", "bright")
    asked: list = field(default_factory=list)

    @property
    def preparation(self):
        own = (self.mean,) * self.channels
        return Preparation(
            size=self.size, channels=self.channels, fit="pad", mean=own, std=(0.3,) * self.channels
        )

    def probabilities(self, images):
        self.asked.append(len(images))
        rows = slice(self.top, self.top + self.side)
        window = images[:, rows, self.left : self.left + self.side]
        bright = window.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1).astype(np.float32)

    def white(self, num=1):
        return np.full((num, self.size, self.size, self.channels), 255, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_heat_lies_where_the_model_looks_and_nowhere_else(channels):
    model = Window(channels=channels)

    heats = occlusion_maps(model, model.white(2))

    assert heats.shape == (2, 20, 20)
    assert heats.dtype == np.float32
    assert np.array_equal(heats[0], heats[1])
    top, left = np.unravel_index(heats[0].argmax(), (20, 20))
    assert (abs(top - 6), abs(left - 12)) <= (1, 1)
    patch = 4
    far = np.ones((20, 20), bool)
    far[4 - patch + 1 : 9 + patch - 1, 10 - patch + 1 : 15 + patch - 1] = False
    assert not heats[0][far].any()


def test_it_is_the_mean_drop_of_all_patches_on_a_pixel():
    """Against the slow way."""
    model = Window()
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 20, 1), np.uint8)
    expected, covered = np.zeros((20, 20)), np.zeros((20, 20))
    before = model.probabilities(image)[0, 1]
    for top in range(-2, 20, 2):
        for left in range(-2, 20, 2):
            place = slice(max(top, 0), top + 4), slice(max(left, 0), left + 4)
            probe = image.copy()
            probe[(0, *place)] = 0
            expected[place] += max(before - model.probabilities(probe)[0, 1], 0)
            covered[place] += 1
    expected /= covered

    found = occlusion_maps(model, image, np.array([1]))

    assert np.allclose(found[0], expected / expected.max(), atol=1e-5)


def test_what_makes_the_class_likelier_does_not_count():
    model = Window()
    image = model.white()

    assert not occlusion_maps(model, image, np.array([0])).any()
    assert occlusion_maps(model, image, np.array([1])).any()
    assert np.array_equal(occlusion_maps(model, image), occlusion_maps(model, image, np.array([1])))


def test_a_cover_has_the_mean_colour():
    model = Window(mean=1.0)

    assert not occlusion_maps(model, model.white()).any()


@pytest.mark.parametrize("size", [4, 5, 8, 12, 13, 17, 28, 64, 128])
def test_a_picture_takes_at_most_169_probes(size):
    model = Window(top=0, left=0, side=2, size=size)

    occlusion_maps(model, model.white())

    assert sum(model.asked) <= 1 + 169


def test_no_picture_has_no_map():
    model = Window()

    assert occlusion_maps(model, model.white(0)).shape == (0, 20, 20)


def test_the_heat_lies_on_the_digit():
    pictures, _, boxes = (array[600:620] for array in corner_digits())

    heats = occlusion_maps(corner_model(), pictures)

    shares = (heats * boxes).sum(axis=(1, 2)) / heats.sum(axis=(1, 2))
    assert shares.mean() > 5 * boxes.mean()
    assert shares.min() > 3 * boxes.mean()
