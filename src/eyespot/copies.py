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

import os
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from eyespot.data.copying import copies_per_image, draw
from eyespot.data.loading import load_images
from eyespot.data.renumbering import renumbered
from eyespot.data.selection import selected
from eyespot.data.sources.tree import Paths, hidden, suffix
from eyespot.data.survey import survey
from eyespot.errors import DataError, ImageError, UsageError, count
from eyespot.evaluation.mirrors import Mirror, flipped, half_turned, mirrors
from eyespot.files import appearing, write_bytes, write_table
from eyespot.files import check_free as check_free
from eyespot.images.decode import in_order, open_image
from eyespot.images.encode import encoded
from eyespot.images.variation import Ranges, varied
from eyespot.line import Plan, Progress, Silence
from eyespot.training.fitting import fitted_to_images
from eyespot.values import Array, Dataset, ImageInput, Model, Part

ORIGINALS = "Data"
_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_RESERVED = ("image", "label", "source", "part", "group")
_LONGEST = 200  # bytes of one file name; 255 is the most that file systems take
_LOOKED_AT = 40  # training images of each class that the model is asked about


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
    def sizes(self) -> dict[str, Mapping[Part, Sequence[int]]]:
        """Both by their name."""
        return {"before": self.before, "after": self.after}


class _Copy(NamedTuple):
    """One copy to make: of which image, the how manyth of it, and under which name."""

    place: int
    number: int
    name: str


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
    ranges = _safe_ranges(planned, copies, model, tell)
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
    names = _Names()
    originals = [
        names.new(f"{ORIGINALS}/{name}", _kind(image))
        for name, image in zip(dataset.names, dataset.images, strict=True)
    ]
    plan = list(_plan(dataset, originals, numbers, copies.folder, names))
    with appearing(out) as folder:
        write_table(folder / copies.table, *_table(planned, originals, plan))
        _draw(folder, dataset.classes, {"before": before, "after": after}, tell)
        _write_originals(folder, dataset, originals)
        _write_copies(folder, planned, ranges, plan, tell)
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


# Label safety


def _safe_ranges(planned: Plan, copies: Copies, model: Model | None, tell: Progress) -> Ranges:
    """The ranges with the flip decided, and a sentence for what endangers the labels."""
    dataset = planned.loaded.dataset
    recipe = fitted_to_images(planned.recipe, survey(dataset))
    flip = copies.flip
    if flip is None:
        flip = bool(recipe.flip)
        if flip and model is None:
            tell.say("these look like photos, so that half of the copies are mirrored (--no-flip)")
    elif flip and model is None and recipe.kind == "ink":
        tell.say(
            "these look like characters, and a mirrored b is a d; --flip was asked for and is kept"
        )
    if model is not None:
        images = _training_images(planned, model)
        if copies.flip is not False and (found := mirrors(model, images, flipped(images))):
            said = f"mirrored left to right, {_such(found)}"
            if copies.flip:
                tell.say(f"{said}; --flip was asked for and is kept")
            elif flip:
                tell.say(f"{said}; so copies are not mirrored (--flip to do it all the same)")
                flip = False
            else:
                tell.say(f"{said}; copies are not mirrored")
        if copies.ranges.rotate > 90 and (found := mirrors(model, images, half_turned(images))):
            angle = f"--rotate {copies.ranges.rotate:g}"
            tell.say(f"turned upside down, {_such(found)}; {angle} was asked for and is kept")
    return replace(copies.ranges, flip=flip)


def _such(found: Sequence[Mirror]) -> str:
    """`b becomes d (92 %), 6 becomes 9 (80 %) and 3 more, to this model`."""
    words = [f"'{one.of}' becomes '{one.into}' ({one.share:.0%})" for one in found[:4]]
    more = f" and {len(found) - 4:,} more" if len(found) > 4 else ""
    return f"to this model {', '.join(words)}{more}"


def _training_images(planned: Plan, model: Model) -> Array:
    """Some training images of each class as the model sees them, uint8 (N, H, W, C)."""
    dataset = renumbered(planned.loaded.dataset, model.classes)
    taken: Counter[int] = Counter()
    some = []
    for index in planned.split.indices("train"):
        label = int(dataset.labels[index])
        if taken[label] < _LOOKED_AT:
            taken[label] += 1
            some.append(index)
    shape = model.preparation
    return load_images(
        selected(dataset, some), size=shape.size, channels=shape.channels, fit=shape.fit
    ).images


# Names and the table


class _Names:
    """Names that differ on every file system and that a table can hold."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, path: str, kind: str, mark: str = "") -> str:
        """The path with this suffix, and with `mark` before it; numbered if it is taken."""
        stem = path[: -len(suffix(path))] if suffix(path) else path
        # Half of a character is no UTF-8, and a backslash divides folders on Windows.
        pieces = [re.sub("[\ud800-\udfff\\\\]", "_", piece) for piece in stem.split("/")]
        pieces = [_cut(piece) for piece in pieces]
        for number in range(1, 10_000_000):
            again = f"~{number}" if number > 1 else ""
            name = "/".join([*pieces[:-1], f"{pieces[-1]}{again}{mark}{kind}"])
            key = _folded(name)
            if key not in self._taken:
                self._taken.add(key)
                return name
        raise DataError(f"{path} has no free name")  # pragma: no cover


def _cut(piece: str) -> str:
    data = piece.encode()
    return piece if len(data) <= _LONGEST else data[:_LONGEST].decode(errors="ignore")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _kind(image: ImageInput) -> str:
    """The suffix under which an original is kept: its file's own one; PNG for pixels and bytes."""
    return suffix(os.fspath(image)) if isinstance(image, str | Path) else ".png"


def _plan(
    dataset: Dataset, originals: Sequence[str], numbers: Array, folder: str, names: _Names
) -> Iterator[_Copy]:
    for index, original in enumerate(originals):
        kind = ".jpg" if suffix(original) in _JPEG else ".png"
        inner = original.removeprefix(f"{ORIGINALS}/")
        for number in range(1, int(numbers[index]) + 1):
            yield _Copy(index, number, names.new(f"{folder}/{inner}", kind, f"-{number}"))


def _table(
    planned: Plan, originals: Sequence[str], copies: Sequence[_Copy]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the originals, then the copies, which have their original's other cells.

    A group is written where the set has groups; else `source` ties a copy to its original.
    """
    dataset, parts = planned.loaded.dataset, planned.split.parts
    for name in dataset.classes:
        if re.search("[\ud800-\udfff]", name):
            raise DataError(f"the class {ascii(name)} is no Unicode; rename it")
    others = {
        name: cells for name, cells in dataset.columns.items() if name.lower() not in _RESERVED
    }
    header = ["image", "label", "source", "part"]
    if dataset.groups is not None:
        others = {"group": _writable(dataset.groups), **others}

    def row(image: str, source: str, index: int) -> list[str]:
        label = dataset.classes[dataset.labels[index]]
        return [image, label, source, parts[index], *(cells[index] for cells in others.values())]

    rows = [row(name, "", index) for index, name in enumerate(originals)]
    rows += [row(copy.name, originals[copy.place], copy.place) for copy in copies]
    return [*header, *others], rows


def _writable(groups: Sequence[str]) -> tuple[str, ...]:
    """The groups' words; a number for one that is no Unicode, as file names may be."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(groups))}
    return tuple(
        f"group {numbers[word]}" if re.search("[\ud800-\udfff]", word) else word for word in groups
    )


# Writing


def _write_originals(folder: Path, dataset: Dataset, names: Sequence[str]) -> None:
    def write(index: int) -> None:
        path, image = folder / names[index], dataset.images[index]
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, str | Path):
            try:
                shutil.copyfile(image, path)
            except FileNotFoundError as error:
                raise DataError(f"{dataset.names[index]} has gone while it was copied") from error
        else:
            path.write_bytes(encoded(open_image(image).pixels, ".png"))

    for _ in in_order(write, range(len(names)), batch=16):
        pass


def _write_copies(
    folder: Path, planned: Plan, ranges: Ranges, copies: Sequence[_Copy], tell: Progress
) -> None:
    dataset, seed = planned.loaded.dataset, planned.recipe.seed

    def write(copy: _Copy) -> None:
        name = dataset.names[copy.place]
        if planned.split.parts[copy.place] != "train":
            raise DataError(f"{name} is not of the training part and is not copied")
        try:
            pixels = open_image(dataset.images[copy.place]).pixels
        except ImageError as error:
            raise DataError(f"{name} {error}") from error
        path = folder / copy.name
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(draw(seed, name, copy.number))
        path.write_bytes(encoded(varied(pixels, ranges, generator), suffix(copy.name)))

    for done, _ in enumerate(in_order(write, copies, batch=4), start=1):
        tell.copy(done, len(copies))


def _draw(
    folder: Path,
    classes: Sequence[str],
    counts: Mapping[str, Mapping[Part, Sequence[int]]],
    tell: Progress,
) -> None:
    """classes-before.png and classes-after.png."""
    try:
        from eyespot.reports.charts import class_distribution
        from eyespot.reports.drawing import png, style
    except ModuleNotFoundError as error:
        tell.say(f"no pictures of the classes, because {error.name} is not installed")
        return
    with style():
        for when, sizes in counts.items():
            write_bytes(folder / f"classes-{when}.png", png(class_distribution(classes, sizes)))
