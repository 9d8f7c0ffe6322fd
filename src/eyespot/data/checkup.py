"""The whole check of a set: one look at every image, and all that it says."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eyespot.data.checks import find_issues
from eyespot.data.duplicates import Duplicates, Groups, duplicate_issues, find_duplicates
from eyespot.data.inventory import Inventory
from eyespot.data.reading import read
from eyespot.data.scanning import scan_images
from eyespot.data.sources.recognition import Source
from eyespot.files.cache import cache_folder
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue

_GREY = 0.02  # saturation below which a picture counts as grey


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How a number is spread over the readable images; all 0 where there are none."""

    smallest: float
    low: float
    median: float
    high: float
    largest: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """What a check found: all that its page and its table need.

    facts: of each image, in the order of the set. issues: what reading said, then the images one
    by one, then duplicates. exact, near: groups of places in the set. counts: images of each class,
    in its order. spreads: of width, height, aspect, brightness, contrast, sharpness, saturation,
    and num_bytes; low and high are the bounds of the middle nine tenths. modes: images by how they
    are stored. num_coloured: images with more than traces of colour.
    """

    dataset: Dataset
    facts: Inventory
    issues: tuple[Issue, ...]
    exact: Groups
    near: Groups
    counts: tuple[int, ...]
    imbalance: float
    spreads: Mapping[str, Spread]
    modes: Mapping[str, int]
    num_coloured: int


def check(
    source: Source | Dataset,
    *,
    columns: Mapping[str, str] | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, num: None,
) -> Checked:
    """Looks at every image once and says what is wrong, odd or there twice; changes nothing.

    source, columns: as `read` takes them, or a Dataset. cache: the folder of what is known from
    earlier checks, a folder of eyespot's own if not given. progress: called with how many images
    are done, and of how many. Raises DataError when there is nothing to learn from.
    """
    dataset = source if isinstance(source, Dataset) else read(source, columns=columns)
    facts = scan_images(dataset, cache=cache or cache_folder() / "facts", progress=progress)
    return checked_of(dataset, facts, find_duplicates(dataset, facts.digests, facts.rows["thumb"]))


def checked_of(dataset: Dataset, facts: Inventory, duplicates: Duplicates) -> Checked:
    """What the facts of all images say of a set."""
    issues = (
        *dataset.issues,
        *find_issues(dataset, facts),
        *duplicate_issues(dataset, duplicates),
    )
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    rows, readable = facts.rows, facts.readable
    modes = Counter(mode.decode() for mode in rows["mode"][readable].tolist())
    return Checked(
        dataset=dataset,
        facts=facts,
        issues=issues,
        exact=duplicates.exact,
        near=duplicates.near,
        counts=tuple(counts),
        imbalance=max(counts) / min(filter(None, counts)) if any(counts) else 1.0,
        spreads=_spreads(rows, readable),
        modes=dict(modes.most_common()),
        num_coloured=int((rows["saturation"][readable] > _GREY).sum()),
    )


def _spreads(rows: Array, readable: Array) -> dict[str, Spread]:
    plain = ("width", "height", "brightness", "contrast", "sharpness", "saturation", "num_bytes")
    columns = {name: rows[name][readable] for name in plain}
    columns["aspect"] = columns["width"] / columns["height"]
    return {name: _spread(column) for name, column in columns.items()}


def _spread(column: Array) -> Spread:
    if not len(column):
        return Spread(smallest=0, low=0, median=0, high=0, largest=0)
    smallest, low, median, high, largest = np.quantile(column, (0, 0.05, 0.5, 0.95, 1)).tolist()
    return Spread(smallest=smallest, low=low, median=median, high=high, largest=largest)
