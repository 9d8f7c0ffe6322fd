"""Several views of one picture, whose answers are averaged.

B batch, C channels, H height, W width.
"""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F

from eyespot.values.model import Views


def views_of(x_BCHW: Tensor, views: Views) -> Iterator[Tensor]:
    """The pictures as they are, and what a person would take for the same.

    shifts: moved by a pixel up, down, left and right, the border continued. mirrors: left is right.
    all: both, and both at once.
    """
    for x in (x_BCHW, x_BCHW.flip(3)) if views in ("mirrors", "all") else (x_BCHW,):
        yield x
        if views in ("shifts", "all"):
            height, width = x.shape[2:]
            wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
            for top, left in ((0, 1), (2, 1), (1, 0), (1, 2)):
                yield wide[:, :, top : top + height, left : left + width]
