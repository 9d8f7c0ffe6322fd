"""What a set's images are like, from a small sample: size, colour, ink or photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eyespot.errors import DataError, ImageError, count
from eyespot.images.decode import open_raster
from eyespot.images.parallel import in_order
from eyespot.images.pixels import Raster, raster_shape
from eyespot.images.preparation import prepare
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, ImageInput

SAMPLE = 64


@dataclass(frozen=True, kw_only=True)
class Survey:
    """side: median of the longer sides, in pixels. kind: ink on a plain ground, or photos."""

    side: int
    coloured: bool
    kind: Literal["ink", "photo"]

    @property
    def colour(self) -> str:
        return "colour" if self.coloured else "grey"


def survey(dataset: Dataset) -> Survey:
    """Looks at up to 64 images spread evenly over the set.

    Coloured: more than a tenth of them. Ink: at least half of them show one tone on a plain ground.
    Raises DataError when not one of them can be decoded.
    """
    if not len(dataset):
        raise DataError(f"{dataset.name} holds no image")
    places = np.unique(np.linspace(0, len(dataset) - 1, SAMPLE).astype(int)).tolist()
    looks = list(in_order(_look, [dataset.images[place] for place in places]))
    sample = [look for look in looks if not isinstance(look, ImageError)]
    if not sample:
        raise DataError(
            f"{dataset.name}: none of {count(len(looks), 'image')} looked at can be read; "
            f"the first is {dataset.names[places[0]]}, which {looks[0]}"
        )
    sides, coloured, ink = zip(*sample, strict=True)
    return Survey(
        side=int(np.median(sides)),
        coloured=_mean(coloured) > 0.1,
        kind="ink" if _mean(ink) >= 0.5 else "photo",
    )


def _look(source: ImageInput) -> tuple[int, bool, bool] | ImageError:
    """Longer side, whether it is coloured, whether its ground is plain; the pixels are let go."""
    try:
        raster = open_raster(source)
    except ImageError as error:
        return error
    height, width, channels = raster_shape(raster)
    ink = _plain_ground(raster) and not (channels == 3 and _many_coloured(raster))
    return max(height, width), channels == 3 and _coloured(raster), ink


def _coloured(raster: Raster) -> bool:
    """Whether the channels differ by more than the noise of a compressed grey picture."""
    small = prepare(raster, size=32, channels=3, fit="stretch").astype(np.int16)
    return bool((small.max(axis=2) - small.min(axis=2)).mean() > 6)


def _plain_ground(raster: Raster) -> bool:
    """Whether the median of its border is, within an eighth, the brightness of half of the picture
    and of 70 % of the border itself.

    So are 86 % of sklearn's digits and all of MNIST, but 22 % of photos of cats and dogs; half of
    the picture alone takes 40 % of the photos.
    """
    side = min(64, max(raster_shape(raster)[:2]))
    grey = prepare(raster, size=side, channels=1, fit="stretch")[:, :, 0].astype(np.int16)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = np.median(border)
    return _near(grey, ground) >= 0.5 and _near(border, ground) >= 0.7


def _many_coloured(raster: Raster) -> bool:
    """Whether a seventh of the picture has another hue than its ground, as goods on a table do.

    Strokes of a coloured pen cover less.
    """
    small = prepare(raster, size=32, channels=3, fit="stretch").astype(np.int16)
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    apart = small - np.median(border, axis=0)
    return _mean(apart.max(axis=2) - apart.min(axis=2) > 24) > 1 / 7


def _near(grey: Array, ground: float) -> float:
    return _mean(abs(grey - ground) <= 32)


def _mean(values: Sequence[bool] | Array) -> float:
    return float(np.mean(values))
