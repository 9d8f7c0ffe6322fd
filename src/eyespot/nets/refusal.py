"""How unlike the pictures of its training a net finds a picture.

B batch, D features of one depth, R rank, M neighbours, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eyespot.nets.features import features
from eyespot.nets.spec import RefusalSpec
from eyespot.nets.views import views_of
from eyespot.values.model import Views


class Depth(nn.Module):
    """How far features of one depth of a net lie from those of its training.

    Two distances: from the centre of the class that the net says, in deviations (Mahalanobis; Lee
    et al. 2018, arXiv 1807.03888), with what lies outside the main directions (Wang et al. 2022,
    arXiv 2203.10807); and from the nearest of some training images (Sun et al. 2022, arXiv
    2204.06507).
    """

    location: Tensor
    scale: Tensor
    directions: Tensor
    whitening: Tensor
    centres: Tensor
    neighbours: Tensor
    outside: Tensor
    distance_range: Tensor
    nearest_range: Tensor

    def __init__(
        self, num_features: int, rank: int, *, num_neighbours: int, num_classes: int
    ) -> None:
        super().__init__()
        shapes: dict[str, tuple[int, ...]] = {
            "location": (num_features,),
            "scale": (num_features,),
            "directions": (num_features, rank),
            "whitening": (rank, rank),
            "centres": (num_classes, rank),
            "neighbours": (num_neighbours, rank),
            "outside": (),  # the weight of what lies outside the directions
            "distance_range": (2,),  # the middle of good pictures, and from there to 1
            "nearest_range": (2,),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.ones(shape))

    def distances(self, features_BD: Tensor, said_B: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) each: from the centre of the class that is said, and from the nearest neighbour."""
        scaled_BD = (features_BD - self.location) * self.scale
        inside_BR = scaled_BD @ self.directions
        white_BR = inside_BR @ self.whitening
        from_centre = white_BR - self.centres[said_B]
        outside = (scaled_BD.square().sum(1) - inside_BR.square().sum(1)).clamp(min=0)
        distance = (from_centre.square().sum(1) + self.outside * outside).sqrt()
        squares_BM = (
            white_BR.square().sum(1, keepdim=True)
            - 2 * white_BR @ self.neighbours.T
            + self.neighbours.square().sum(1)
        )
        return distance, squares_BM.amin(dim=1).clamp(min=0).sqrt()

    def excesses(self, features_BD: Tensor, said_B: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) each: how far both distances go beyond the usual, 0 for half of good pictures."""
        distance, nearest = self.distances(features_BD, said_B)
        return _beyond(distance, self.distance_range), _beyond(nearest, self.nearest_range)


class Refusal(nn.Module):
    """One number for a picture; above 1 it is refused. Fitted by line/refusing.py.

    The mean of three excesses over what is usual for good pictures, as a share of the threshold of
    the class that the net says: of both distances at the depth where they are largest, and of the
    energy of the logits (Liu et al. 2020, arXiv 2010.03759).
    """

    energy_range: Tensor
    thresholds: Tensor

    def __init__(self, spec: RefusalSpec, num_classes: int) -> None:
        super().__init__()
        depths = [
            Depth(*shape, num_neighbours=spec.num_neighbours, num_classes=num_classes)
            for shape in spec.depths
        ]
        self.depths = nn.ModuleList(depths)
        self.register_buffer("energy_range", torch.ones(2))
        self.register_buffer("thresholds", torch.ones(num_classes))

    @property
    def each_depth(self) -> list[Depth]:
        return [depth for depth in self.depths if isinstance(depth, Depth)]

    def sound(self) -> bool:
        """Whether it can give a number for every picture; a damaged file's may not."""
        depths = self.each_depth
        ranges = [self.energy_range, *(depth.distance_range for depth in depths)]
        ranges += [depth.nearest_range for depth in depths]
        widths = torch.stack([*(usual[1] for usual in ranges), self.thresholds.min()])
        return bool((widths > 0).all()) and all(float(depth.outside) >= 0 for depth in depths)

    def forward(self, features: Sequence[Tensor], logits_BK: Tensor) -> Tensor:
        """float32 (B,). features: (B, D) of each depth."""
        return self.excess(features, logits_BK) / self.thresholds[logits_BK.argmax(dim=1)]

    def excess(self, features: Sequence[Tensor], logits_BK: Tensor) -> Tensor:
        """(B,): as the refusal, before the threshold of its class."""
        said_B = logits_BK.argmax(dim=1)
        pairs = [
            depth.excesses(features_BD, said_B)
            for depth, features_BD in zip(self.each_depth, features, strict=True)
        ]
        distance, nearest = (torch.stack(found).amax(dim=0) for found in zip(*pairs, strict=True))
        # An answer that is very sure does not make up for features that are far away: no part of
        # the sum is below 0.
        return (distance + nearest + _beyond(energy(logits_BK), self.energy_range)) / 3


def energy(logits_BK: Tensor) -> Tensor:
    """(B,): small where a class has a large logit."""
    return -logits_BK.logsumexp(dim=1)


def _beyond(values_B: Tensor, usual: Tensor) -> Tensor:
    return ((values_B - usual[0]) / usual[1]).clamp(min=0)


def answered(
    net: nn.Module, x_BCHW: Tensor, views: Views, refusal: Refusal | None
) -> tuple[Tensor, Tensor | None]:
    """The logits (B, K), their mean over the views, and the refusals (B,) of the first view.

    x_BCHW: pictures, or rows (B, F) of what a backbone gave for all views of them.
    """
    if x_BCHW.ndim == 2:
        logits, found = features(net, x_BCHW)
        return logits, None if refusal is None else refusal(found, logits)
    pictures = views_of(x_BCHW, views)
    if refusal is None:
        return torch.stack([net(x) for x in pictures]).mean(dim=0), None
    logits, found = features(net, next(pictures))
    logits = torch.stack([logits, *(net(x) for x in pictures)]).mean(dim=0)
    return logits, refusal(found, logits)
