"""When to say "I don't know": what is fitted on good pictures. numpy alone.

Shapes: N images, D features of one depth of a net, K classes, R rank, M neighbours.
"""

import math
from dataclasses import dataclass

import numpy as np

from eyespot.values.arrays import Array

MOST_RANK = 16
NUM_PSEUDO = 100  # what all classes together count for, in images, in the threshold of each
_ROUNDS = 6
_SPARE = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Subspace:
    """The main directions of features, and where each class lies in them. float32.

    location, scale: (D,), that give each feature mean 0 and deviation 1. directions: (D, R),
    orthonormal. whitening: (R, R), after which the deviation within the classes is 1 to all sides.
    centres: (K, R), whitened, and neighbours: (M, R), some of the images. outside: the weight of
    the square of what lies outside.
    """

    location: Array
    scale: Array
    directions: Array
    whitening: Array
    centres: Array
    neighbours: Array
    outside: float


def find_subspace(features_ND: Array, labels: Array, num_classes: int) -> Subspace:
    """The subspace of the features of training images; a class without an image is at their mean.

    The rank is at most 16, and a quarter of the images, so that every deviation is known well.
    """
    num, num_features = features_ND.shape
    location = features_ND.mean(axis=0, dtype=np.float64)
    deviation = features_ND.std(axis=0, dtype=np.float64)
    # A feature that is always the same in training says most of all where it is not, but not
    # infinitely much.
    scale = 1 / (deviation + 1e-3 * deviation.mean() + 1e-9)
    scaled_ND = ((features_ND - location) * scale).astype(np.float32)
    rank = max(1, min(MOST_RANK, num // 4, num_features))
    directions = _main_directions(scaled_ND, rank)
    inside_NR = (scaled_ND @ directions).astype(np.float64)
    sums_KR = np.zeros((num_classes, rank))
    np.add.at(sums_KR, labels, inside_NR)
    counts = np.bincount(labels, minlength=num_classes)
    centres = sums_KR / np.maximum(counts, 1)[:, None]
    within = inside_NR - centres[labels]
    covariance = within.T @ within / num
    # Shrunk towards a ball; the fewer images there are for each direction, the more.
    share = max(1e-3, rank / num)
    covariance += share * np.trace(covariance) / rank * np.eye(rank) + 1e-9 * np.eye(rank)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    outside = float(np.square(scaled_ND, dtype=np.float64).sum() - np.square(inside_NR).sum()) / num
    rest = num_features - rank
    most = min(max(1000, 16 * num_classes), 4096)
    drawn = np.sort(np.random.default_rng(0).permutation(num)[:most])
    return Subspace(
        location=location.astype(np.float32),
        scale=scale.astype(np.float32),
        directions=directions,
        whitening=whitening.astype(np.float32),
        centres=(centres @ whitening).astype(np.float32),
        neighbours=(inside_NR[drawn] @ whitening).astype(np.float32),
        outside=rest / outside if rest and outside > 1e-6 * rest else 0.0,
    )


def usual_range(scores: Array, share: float) -> tuple[float, float]:
    """The middle of the scores of good pictures, and from there to what `share` of them exceed."""
    middle = float(np.median(scores))
    return middle, max(upper_quantile(scores, share) - middle, 1e-6)


def class_thresholds(excess: Array, said: Array, num_classes: int, share: float) -> Array:
    """float32 (K,): what `share` of the good pictures of which a class is said exceed.

    excess: (N,), at least 0. said: (N,), the classes. In each threshold all pictures together count
    as a hundred, so that classes with few of them lean on the others.
    """
    order = np.argsort(excess, kind="stable")
    excess, said = excess[order].astype(np.float64), said[order]
    of_all = max(upper_quantile(excess, share), 1e-3)
    thresholds = np.full(num_classes, of_all)
    if len(excess) >= 1 / share:
        pooled = np.full(len(excess), NUM_PSEUDO / len(excess))
        for k in np.unique(said):
            weights = np.cumsum(pooled + (said == k))
            # As if there were one picture more, so that it holds for new ones.
            place = np.searchsorted(weights, (1 - share) * (weights[-1] + 1))
            thresholds[k] = excess[min(place, len(excess) - 1)]
    # A class that happens to have no excess at all must not refuse whatever has a little.
    lowest: Array = np.maximum(thresholds, of_all / 10).astype(np.float32)
    return lowest


def upper_quantile(scores: Array, share: float) -> float:
    """What `share` of such scores exceed, which may lie beyond the largest of few ones.

    There the upper half is taken to fall off exponentially. Its rate is known only roughly, from U
    scores: a new one is above x times their mean with the probability (1 + x / U) ** -U, which is
    exp(-x) for many.
    """
    ordered = np.sort(scores.astype(np.float64))
    place = math.ceil((1 - share) * (len(ordered) + 1)) - 1
    if place < len(ordered):
        return float(ordered[place])
    middle = float(np.median(ordered))
    upper = ordered[ordered > middle] - middle
    if not len(upper):
        return middle
    return middle + float(upper.sum()) * (math.pow(0.5 / share, 1 / len(upper)) - 1)


def _main_directions(scaled_ND: Array, rank: int) -> Array:
    """float32 (D, R), orthonormal: the leading eigenvectors of the covariance, nearly.

    By subspace iteration, a fraction of the time of all eigenvectors. Source: Halko et al. 2011,
    SIAM Review 53, algorithm 4.4.
    """
    num_features = scaled_ND.shape[1]
    width = min(rank + _SPARE, num_features)
    basis = np.random.default_rng(0).standard_normal((num_features, width)).astype(np.float32)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(scaled_ND.T @ (scaled_ND @ basis))[0]
    _, _, rows = np.linalg.svd(np.linalg.qr(scaled_ND @ basis)[1])
    directions: Array = np.ascontiguousarray((basis @ rows.T)[:, :rank])
    return directions
