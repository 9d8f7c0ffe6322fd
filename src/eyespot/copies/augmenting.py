"""Varied copies of the training part on disk, in a folder that is a data set of its own.

Split first, then copy: whoever has an image of the validation or test part to copy cannot write it.

    FOLDER/
      updated_Labels.csv      image,label,source,part: originals and copies
      Data/                   the originals
      new_Data/               the copies
      classes-before.png classes-after.png

The originals are copied, not linked and not named by absolute paths: a table reader that follows
paths out of its folder could be made to read any file, and two hard links are one file, so that
whoever edits the new folder would change the old one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from eyespot.copies.flips import safe_ranges
from eyespot.copies.names import ORIGINALS, names_of
from eyespot.copies.table import tabulated
from eyespot.copies.writing import draw_classes, write_copies, write_originals
from eyespot.data.copying import copies_per_image
from eyespot.data.sources.tree import Paths, hidden, suffix
from eyespot.errors import UsageError, count
from eyespot.files.folders import appearing, check_free
from eyespot.files.tables import write_table
from eyespot.images.variation import Ranges
from eyespot.line import Plan, Progress, Silence
from eyespot.values.dataset import Dataset, Part
from eyespot.values.model import Model


@dataclass(frozen=True, kw_only=True)
class Copies:
    """What is wished for. per_image: so many copies of each training image; per_class: as many as
    bring each class up to this number of training images, 0 for that of the largest class.

    flip: None leaves it to the images and the model. folder, table: names inside the new folder.
    """

    per_image: int | None = None
    per_class: int | None = None
    ranges: Ranges = field(default_factory=Ranges)
    flip: bool | None = None
    folder: str = "new_Data"
    table: str = "updated_Labels.csv"

    def __post_init__(self) -> None:
        for name in (self.folder, self.table):
            if not name.strip() or PurePosixPath(name.replace("\\", "/")).name != name:
                raise UsageError(f"'{name}' is no plain name for something in the new folder")
            if hidden(name):
                raise UsageError(f"'{name}' would be hidden; name it otherwise")
        if self.folder.casefold() == ORIGINALS.casefold():
            raise UsageError(f"'{self.folder}' is where the originals go; name another folder")
        if suffix(self.table) != ".csv":
            raise UsageError(f"'{self.table}' is no table's name; let it end with .csv")


@dataclass(frozen=True, kw_only=True, eq=False)
class Augmented:
    """What was written. before, after: images of each class, part by part."""

    path: Path
    table: Path
    classes: tuple[str, ...]
    num_copies: int
    ranges: Ranges
    before: Mapping[Part, Sequence[int]]
    after: Mapping[Part, Sequence[int]]

    @property
    def num_training(self) -> int:
        """Training images afterwards, copies and originals."""
        return sum(self.after["train"])

    @property
    def sizes(self) -> dict[str, Mapping[Part, Sequence[int]]]:
        """Both by their name."""
        return {"before": self.before, "after": self.after}


def augment(
    planned: Plan,
    out: str | Path,
    copies: Copies,
    *,
    model: Model | None = None,
    progress: Progress | None = None,
) -> Augmented:
    """Writes varied copies of the training part, and all originals, as a new set in `out`.

    planned: the split, as `plan` makes it. model: one that knows these classes; a flip that makes
    one class into another for it is left out, unless `copies.flip` is true. The same plan and
    wishes give the same files. `out` appears when it is complete, or not at all.
    Raises UsageError when `out` holds something or lies in the data's own folder, DataError for an
    image that has gone, ResourceError when there is no room.
    """
    tell, out = progress or Silence(), Path(out)
    dataset, parts = planned.loaded.dataset, planned.split.parts
    check_free(out)
    _check_apart(out, dataset)
    numbers = copies_per_image(
        dataset,
        parts,
        seed=planned.recipe.seed,
        per_image=copies.per_image,
        per_class=copies.per_class,
    )
    ranges = safe_ranges(planned, copies.ranges, copies.flip, model, tell)
    before = planned.counts
    larger = sum(num > copies.per_class for num in before["train"]) if copies.per_class else 0
    if larger:
        tell.say(
            f"{count(larger, 'class has', 'classes have')} more than {copies.per_class:,} training "
            "images and keep them all"
        )
    made = np.bincount(dataset.labels, weights=numbers, minlength=len(dataset.classes))
    after = {
        **before,
        "train": [num + int(new) for num, new in zip(before["train"], made, strict=True)],
    }
    originals, plan = names_of(dataset, numbers, copies.folder)
    with appearing(out) as folder:
        write_table(folder / copies.table, *tabulated(planned, originals, plan))
        draw_classes(folder, dataset.classes, {"before": before, "after": after}, tell)
        write_originals(folder, dataset, originals)
        write_copies(folder, planned, ranges, plan, tell)
    return Augmented(
        path=out,
        table=out / copies.table,
        classes=dataset.classes,
        num_copies=len(plan),
        ranges=ranges,
        before=before,
        after=after,
    )


def _check_apart(out: Path, dataset: Dataset) -> None:
    """The next reading of the data would find the copies among them."""
    images = dataset.images
    if isinstance(images, Paths) and out.resolve().is_relative_to(images.root.resolve()):
        raise UsageError(f"{out} lies in the data's own folder, {images.root}; name one outside")
