"""The pictures that an export is judged by: the user's own, that the model has not learnt from.

N images, S side, C channels, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from eyespot.data import pictures, read
from eyespot.data.keeping import judged_parts, read_split
from eyespot.data.loading import load_digests
from eyespot.data.measurement import pixel_digest
from eyespot.data.renumbering import renumbered
from eyespot.errors import DataError, EyespotError, ImageError
from eyespot.exports.madeup import made_up
from eyespot.files.run import Run
from eyespot.files.tables import read_table
from eyespot.images.decode import open_image
from eyespot.images.parallel import in_order
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset
from eyespot.values.preparation import Preparation

MOST = 5_000  # images that judge: half a second to a minute of work
_MOST_BYTES = 2**28  # of them, prepared
NUM_CALIBRATING = 400
NUM_MADE_UP = 400

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Pictures and, where it is known, what is on them.

    sources: not decoded. images: the same, prepared, uint8 (N, S, S, C). labels: int64 (N,) in
    0..K-1, or None. how: which pictures they are, in words. calibrating: others, uint8 (M, S, S,
    C), which nothing is judged by.
    """

    sources: Sequence[Any] | Array
    images: Array
    labels: Array | None
    how: str
    calibrating: Array

    def __len__(self) -> int:
        return len(self.images)


def held_out(
    classes: tuple[str, ...],
    shape: Preparation,
    run: Run | None,
    data: str | Path | None,
    *,
    say: Callable[[str], None] = lambda sentence: None,
) -> HeldOut:
    """Up to 5,000 pictures to judge an export by, spread evenly over what there is.

    Of `data` those that the run's model has not learnt from; without it the run's test part, as its
    folder remembers it, or its validation part; where nothing can be read again, pictures that are
    made up, and `say` is told why. run: the folder of the model, if it has one.
    Raises DataError for data that cannot be read, or of which no picture is left.
    """
    if data is not None:
        return _of_data(classes, shape, run, data, say)
    try:
        if run is None or not (run.split.exists() and run.origin.exists()):
            raise DataError("the model lies in no run folder that remembers its pictures")
        return _of_run(classes, shape, run)
    except EyespotError as error:
        say(f"judged by made-up pictures: {error}; --data DATA names your own")
    return HeldOut(
        sources=(images := made_up(shape, NUM_MADE_UP)),
        images=images,
        labels=None,
        how="made-up pictures",
        calibrating=made_up(shape, NUM_CALIBRATING, seed=1),
    )


def _of_run(classes: tuple[str, ...], shape: Preparation, run: Run) -> HeldOut:
    """The run's own test part, each picture known again by its pixels."""
    words = run.read_json(run.origin).get("source")
    if not words:
        raise DataError("the run was trained on pictures in memory")
    given = dict(zip(words[1::2], words[2::2], strict=False))
    pairs = (pair.partition("=") for pair in given.get("--columns", "").split(",") if pair)
    dataset = read(words[0], columns={role: name for role, _, name in pairs} or None)
    rows = read_table(run.split)
    part = "test" if any(row["part"] == "test" for row in rows) else "valid"
    judging = [row for row in rows if row["part"] == part]
    others = [row for row in rows if row["part"] == "valid" and part != "valid"]
    others = others or [row for row in rows if row["part"] == "train"]
    sources, images, labels = _known(dataset, shape, classes, spread(judging, _most(shape)))
    if not sources:
        raise DataError(f"no image of the run's {part} part is left in {words[0]}")
    _, calibrating, _ = _known(dataset, shape, classes, spread(others, NUM_CALIBRATING))
    return HeldOut(
        sources=sources,
        images=np.stack(images),
        labels=np.array(labels, np.int64),
        how=f"the run's {part} part",
        calibrating=np.stack(calibrating or images),
    )


def _known(
    dataset: Dataset, shape: Preparation, classes: tuple[str, ...], rows: Sequence[dict[str, str]]
) -> tuple[list[Any], list[Array], list[int]]:
    """The pictures of these rows of a split.csv that are still there and still the same."""
    places = {name: place for place, name in enumerate(dataset.names)}
    known = [row for row in rows if row["name"] in places and row["label"] in classes]
    sources = [dataset.images[places[row["name"]]] for row in known]

    def load(pair: tuple[Any, dict[str, str]]) -> Array | None:
        source, row = pair
        try:
            pixels = open_image(source).pixels
            same = pixel_digest(pixels).hex() == row["digest"]
            return prepared(pixels, shape) if same else None
        except ImageError:
            return None

    found = list(in_order(load, zip(sources, known, strict=True), batch=16))
    kept = [place for place, image in enumerate(found) if image is not None]
    images = [image for image in found if image is not None]
    labels = [classes.index(known[place]["label"]) for place in kept]
    return [sources[place] for place in kept], images, labels


def _of_data(
    classes: tuple[str, ...],
    shape: Preparation,
    run: Run | None,
    data: str | Path,
    say: Callable[[str], None],
) -> HeldOut:
    """What the user names: labelled, or pictures alone. Every eleventh of them calibrates."""
    sources, labels, how = _labelled(classes, run, data, say) or _unlabelled(data)
    chosen = spread(range(len(sources)), _most(shape) + NUM_CALIBRATING)

    def load(place: int) -> Array | None:
        try:
            return prepared(sources[place], shape)
        except ImageError:
            return None

    loaded = zip(chosen, in_order(load, chosen), strict=True)
    found = [(place, image) for place, image in loaded if image is not None]
    calibrating = [image for _, image in found[::11]]
    judging = [pair for number, pair in enumerate(found) if number % 11] or found
    if not judging:
        raise DataError(f"{data}: no picture is left to judge by ({how})")
    return HeldOut(
        sources=[sources[place] for place, _ in judging],
        images=np.stack([image for _, image in judging]),
        labels=None if labels is None else labels[[place for place, _ in judging]],
        how=how,
        calibrating=np.stack(calibrating),
    )


def _labelled(
    classes: tuple[str, ...], run: Run | None, data: str | Path, say: Callable[[str], None]
) -> tuple[Sequence[Any] | Array, Array | None, str] | None:
    """The labelled pictures that may judge, or None where there are no labels of the model's."""
    try:
        dataset = renumbered(read(data), classes)
    except DataError as error:
        say(f"judged without labels: {error}")
        return None
    loaded = load_digests(dataset)
    parts, how = judged_parts(loaded, read_split(run) if run else None, None)
    places = [place for place, part in enumerate(parts) if part == "test"]
    images = [loaded.dataset.images[place] for place in places]
    return images, loaded.dataset.labels[places], f"{dataset.name}: {how}"


def _unlabelled(data: str | Path) -> tuple[Sequence[Any] | Array, None, str]:
    found = pictures([data])
    return found.images, None, f"pictures of {data}, without labels"


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)
    return [items[place] for place in places]


def _most(shape: Preparation) -> int:
    return min(MOST, _MOST_BYTES // (shape.size**2 * shape.channels))
