"""What a set's images are like, from a small sample: size, colour, ink or photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from eyespot.errors import DataError, ImageError
from eyespot.images.decode import open_images
from eyespot.images.preparation import prepare
from eyespot.values import Array, Dataset

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

    Coloured: more than a tenth of them. Ink: on at least half of them, half of the picture has the
    brightness of its border. Raises DataError when not one of them can be decoded.
    """
    wanted = np.unique(np.linspace(0, len(dataset) - 1, SAMPLE).astype(int))
    opened = list(open_images([dataset.images[i] for i in wanted]))
    sample: list[Array] = [o.pixels for o in opened if not isinstance(o, ImageError)]
    if not sample:
        first = next(o for o in opened if isinstance(o, ImageError))
        raise DataError(
            f"{dataset.name}: none of {len(opened)} images looked at can be read; "
            f"{dataset.names[wanted[0]]}: {first}"
        )
    return Survey(
        side=int(np.median([max(pixels.shape[:2]) for pixels in sample])),
        coloured=_mean([_coloured(pixels) for pixels in sample]) > 0.1,
        kind="ink" if _mean([_plain_ground(pixels) for pixels in sample]) >= 0.5 else "photo",
    )


def _coloured(pixels: Array) -> bool:
    """Whether the channels differ by more than the noise of a compressed grey picture."""
    if pixels.shape[2] == 1:
        return False
    small = prepare(pixels, size=32, channels=3, fit="stretch").astype(np.int16)
    return bool((small.max(axis=2) - small.min(axis=2)).mean() > 6)


def _plain_ground(pixels: Array) -> bool:
    """Whether half of the picture is as bright as the median of its border, within an eighth."""
    side = min(64, max(pixels.shape[:2]))
    grey = prepare(pixels, size=side, channels=1, fit="stretch")[:, :, 0].astype(np.int16)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return bool((abs(grey - np.median(border)) <= 32).mean() >= 0.5)


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values))
