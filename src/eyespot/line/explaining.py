"""Where a model looked: kept with a run for its report, or written as pictures for a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Literal

import numpy as np

from eyespot.errors import ImageError, UsageError
from eyespot.evaluation import mistakes, sample
from eyespot.evaluation.heat import as_bytes, side_by_side
from eyespot.files.atomic import write_bytes
from eyespot.files.tables import write_table
from eyespot.images.encode import encoded
from eyespot.images.parallel import in_order
from eyespot.line.drawings import png_names, tame
from eyespot.models.predict import batch_size, prepared
from eyespot.models.tables import Result
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageInput, Pictures
from eyespot.values.model import Model
from eyespot.values.predictions import Prediction, Predictions

NUM_MISTAKES = 48  # the worst, whose heats are kept
TABLE = "heats.csv"

HeatBy = Literal["net", "occlusion"]


def heats_of(model: Model, said: Predictions, pictures: Mapping[str, Array]) -> dict[str, Array]:
    """Where the model saw what it says of the worst mistakes and of the sample, by name.

    uint8 (S, S), 255 most. pictures: prepared images by name; what is not there is left out.
    """
    from eyespot.evaluation.gradcam import has_gradients

    if not has_gradients(model):
        return {}
    chosen = dict.fromkeys([*mistakes(said)[:NUM_MISTAKES].tolist(), *sample(said).tolist()])
    rows = [row for row in chosen if said.names[row] in pictures]
    if not rows:
        return {}
    names = [said.names[row] for row in rows]
    images = np.stack([pictures[name] for name in names])
    return dict(zip(names, _heats(model, images, said.predicted[rows], by="net"), strict=True))


def write_heats(
    model: Model,
    pictures: Pictures,
    results: Sequence[Result],
    folder: Path,
    *,
    by: HeatBy = "net",
) -> int:
    """Writes a PNG for each picture, and a table of them; returns how many.

    On the left what the model saw, on the right where in it it saw what it answered. results: what
    `answers` gave for the pictures. folder: an empty one. by: the net's gradients, or how much less
    sure the model gets where the picture is covered. Raises UsageError for gradients of a model
    that has none; see `check_heat`.
    """
    good = [row for row, result in enumerate(results) if isinstance(result, Prediction)]
    said = [result for result in results if isinstance(result, Prediction)]
    names = file_names((one.name, "unknown" if one.unknown else one.label) for one in said)
    images = _prepared(model, [(pictures.names[row], pictures.images[row]) for row in good])
    waiting = zip(said, names, images, strict=True)
    while batch := list(islice(waiting, batch_size(model.preparation.size))):
        seen = np.stack([image for _, _, image in batch])
        classes = np.array([model.classes.index(one.label) for one, _, _ in batch])
        for (_, name, image), heat in zip(batch, _heats(model, seen, classes, by=by), strict=True):
            write_bytes(folder / name, encoded(side_by_side(image, heat), ".png"))
    rows = [
        (one.name, name, one.label, f"{one.probability:.6f}", "yes" if one.unknown else "no")
        for one, name in zip(said, names, strict=True)
    ]
    write_table(folder / TABLE, ("name", "file", "label", "probability", "unknown"), rows)
    return len(rows)


def file_names(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A name for a PNG of each picture and its answer: `seven-is-7.png`, a second `-2`.

    Safe for every file system, whatever pictures and classes are called: no two are alike, not even
    without case.
    """
    return png_names(
        f"{tame(PurePath(picture).stem, 'picture')}-is-{tame(answer, 'class')}"
        for picture, answer in pairs
    )


def check_heat(model: Model, by: HeatBy) -> None:
    """Raises UsageError for gradients of an exported model, before anything takes time."""
    if by == "net" and not hasattr(model, "net"):
        raise UsageError(
            "an exported model keeps no gradients to say where it looked; add --heat-by occlusion, "
            "or name the run's model.safetensors"
        )


def _heats(model: Model, images: Array, classes: Array, *, by: HeatBy) -> Array:
    if by == "occlusion":
        from eyespot.evaluation.occlusion import occlusion_maps

        return as_bytes(occlusion_maps(model, images, classes))
    from eyespot.evaluation.gradcam import heat_maps
    from eyespot.models.torch_model import TorchModel

    check_heat(model, by)
    assert isinstance(model, TorchModel)
    return as_bytes(heat_maps(model, images, classes))


def _prepared(model: Model, named: Sequence[tuple[str, ImageInput]]) -> Iterator[Array]:
    """What the model sees, in order. Raises ImageError for a picture that is gone meanwhile."""

    def load(one: tuple[str, ImageInput]) -> Array:
        name, source = one
        try:
            return prepared(source, model.preparation)
        except ImageError as error:
            raise ImageError(f"{name} {error}") from error

    return in_order(load, named)
