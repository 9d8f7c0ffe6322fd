"""The check with a backbone: what it takes for the same, and what does not belong to its class.

N images, D features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from eyespot.data.checkup import Checked
from eyespot.data.selection import selected
from eyespot.line.featuring import featured, on_backbone, spec_of
from eyespot.line.likeness import unit
from eyespot.line.progress import Progress
from eyespot.training.recipefile import read_recipe
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue

ALIKE = 0.92  # cosine of two pictures of the same, see docs/pretrained.md
ODD = 4.5  # deviations
_NEAREST = 5
_LEAST = 20  # images of a class; of fewer nothing is usual
_AT_ONCE = 1024


def with_backbone(checked: Checked, backbone: str | None, tell: Progress) -> Checked:
    """The check with what a backbone, if given, takes for the same, and what is unlike its class.

    Beyond what pixels tell: cropped, turned and relit copies, and what does not belong. backbone:
    as in a recipe. Raises ModelError.
    """
    if backbone is None:
        return checked
    recipe = on_backbone(read_recipe("features", {"backbone": backbone}))
    readable = np.flatnonzero(checked.facts.readable).tolist()
    loaded = featured(selected(checked.dataset, readable), recipe, tell)
    features = unit(loaded.images[:, -spec_of(recipe).depths[-1] :])
    known = loaded.duplicates.ties(len(loaded.dataset))
    found = (*alike(loaded.dataset, features, known), *odd_ones(loaded.dataset, features))
    return replace(checked, issues=(*checked.issues, *found))


def alike(dataset: Dataset, features: Array, known: Sequence[int]) -> Iterator[Issue]:
    """An issue for each picture with an earlier one that is the same to the backbone; those that
    are known to be the same by their pixels are told already."""
    names, labels = dataset.names, dataset.labels
    for start in range(0, len(features), _AT_ONCE):
        block = features[start : start + _AT_ONCE]
        cosines = block @ features[: start + len(block)].T
        rows, places = np.nonzero(cosines > ALIKE)
        told: set[int] = set()
        for row, place in zip((rows + start).tolist(), places.tolist(), strict=True):
            if place >= row or row in told or known[row] == known[place]:
                continue
            told.add(row)
            other = "" if labels[row] == labels[place] else ", which has another label"
            cosine = float(cosines[row - start, place])
            detail = f"like {names[place]} to the backbone (cosine {cosine:.3f}){other}"
            yield Issue(kind="alike", name=names[row], detail=detail, score=cosine)


def odd_ones(dataset: Dataset, features: Array) -> Iterator[Issue]:
    """Pictures that are further from those of their class than nearly all others are.

    By the mean distance to the five nearest of the class, in deviations of its middle half.
    """
    for label, name in enumerate(dataset.classes):
        places = np.flatnonzero(dataset.labels == label)
        if len(places) < _LEAST:
            continue
        own = features[places]
        nearest = np.concatenate(
            [
                np.partition(1 - own[at : at + _AT_ONCE] @ own.T, _NEAREST, axis=1)[
                    :, : _NEAREST + 1
                ].sum(axis=1)
                / _NEAREST
                for at in range(0, len(own), _AT_ONCE)
            ]
        )
        low, middle, high = np.quantile(nearest, (0.25, 0.5, 0.75)).tolist()
        spread = max((high - low) / 1.35, 1e-6)
        for place, distance in zip(places.tolist(), nearest.tolist(), strict=True):
            deviations = (distance - middle) / spread
            if deviations > ODD:
                yield Issue(
                    kind="odd-one-out",
                    name=dataset.names[place],
                    detail=f"unlike the others of {name} to the backbone "
                    f"({deviations:.1f} deviations further than usual)",
                    score=min(1.0, deviations / 10),
                )
