"""Pictures that show a person what was given, found and seen, and what the model says of it."""

from collections.abc import Sequence
from pathlib import Path

from eyespot.errors import ImageError, count
from eyespot.files.atomic import write_bytes
from eyespot.images.encode import encoded
from eyespot.images.marking import strip
from eyespot.images.parallel import in_order
from eyespot.line.explaining import HeatBy, file_names, write_heats
from eyespot.models.showing import shown
from eyespot.models.tables import Result
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageInput, Pictures
from eyespot.values.model import Model
from eyespot.values.predictions import Prediction


def write_pictures(
    model: Model,
    pictures: Pictures,
    results: Sequence[Result],
    *,
    heats: Path | None,
    by: HeatBy,
    sights: Path | None,
) -> str:
    """Writes what is wanted into its folder, and says so: `write_heats` and `write_sights`."""
    told = []
    if heats:
        num = write_heats(model, pictures, results, heats, by=by)
        told.append(f"{count(num, 'heat map')}: {heats}")
    if sights:
        num = write_sights(model, pictures, results, sights)
        told.append(f"{count(num, 'picture')} of what was seen: {sights}")
    return "; ".join(told)


def write_sights(model: Model, pictures: Pictures, results: Sequence[Result], folder: Path) -> int:
    """Writes a PNG for each picture that was answered; returns how many.

    Side by side: what was given, what was found on it if it was redrawn, what the model saw, and
    its answer. results: what `answers` gave for the pictures. folder: an empty one.
    """
    pairs = [
        (result, image)
        for result, image in zip(results, pictures.images, strict=True)
        if isinstance(result, Prediction)
    ]
    names = file_names((one.name, "unknown" if one.unknown else one.label) for one, _ in pairs)

    def sight(pair: tuple[Prediction, ImageInput]) -> bytes:
        said, image = pair
        return encoded(_sight(model, said, image), ".png")

    for name, data in zip(names, in_order(sight, pairs), strict=True):
        write_bytes(folder / name, data)
    return len(names)


def _sight(model: Model, said: Prediction, image: ImageInput) -> Array:
    try:
        way = shown(image, model.preparation)
    except ImageError as error:  # gone, or changed, since it was answered
        raise ImageError(f"{said.name} {error}") from error
    images, words = [way.given], ["given"]
    if way.found is not None:
        images, words = [*images, way.found], [*words, "found"]
    return strip([*images, way.saw], [*words, "seen", _words(said)])


def _words(said: Prediction) -> str:
    first = f"unknown\n(nearest: {said.label})" if said.unknown else said.label
    rest = [f"{label:.12}  {probability:.3f}" for label, probability in said.ranked]
    return "\n".join([first, *rest])
