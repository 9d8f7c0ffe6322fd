"""Which pictures are like another one, by what a net or a backbone sees in them.

N images, D features.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eyespot.data.loading import Loaded
from eyespot.data.reading import read
from eyespot.data.selection import selected
from eyespot.data.sources.unlabelled import pictures
from eyespot.errors import DataError, ImageError, ModelError, UsageError
from eyespot.files.atomic import write_bytes
from eyespot.images.decode import open_raster
from eyespot.images.preparation import prepare
from eyespot.line.featuring import load_features, rows_key
from eyespot.line.progress import Progress, Silence
from eyespot.models.file import checksum
from eyespot.models.loading import load
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, ImageInput
from eyespot.values.model import Model

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


_SIDE = 160  # of a picture on the sheet, in pixels


@dataclass(frozen=True, kw_only=True)
class Near:
    """A picture that is like another one. distance: 0 for the same features, 1 for unrelated ones.

    label: where the set has labels. place: in the set.
    """

    name: str
    distance: float
    label: str | None
    place: int

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "distance": round(self.distance, 6), "label": self.label}


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What is nearest to a picture, the nearest first. dataset: all that was searched."""

    near: tuple[Near, ...]
    dataset: Dataset


def find(
    model: str | Path | Model,
    image: ImageInput,
    source: str | Path | Dataset,
    *,
    top: int = 12,
    progress: Progress | None = None,
) -> Found:
    """The pictures of a set that look most like one, by what the model's head gets of them.

    source: labelled or not. What was computed for a picture once is remembered. Raises ModelError
    for a model that shows no features, DataError where nothing can be read.
    """
    if top < 1:
        raise UsageError(f"top = {top}; give 1 or more")
    known = _torch_model(model)
    try:
        query = prepared(image, known.preparation)
    except ImageError as error:
        raise DataError(
            f"{image if isinstance(image, str | Path) else 'the image'} {error}"
        ) from error
    dataset = source if isinstance(source, Dataset) else _dataset(source)
    loaded = _loaded(known, dataset, progress or Silence())
    if not len(loaded.dataset):
        raise DataError(f"{dataset.name} holds no picture that can be read")
    own = unit(_extracted(known, query[np.newaxis])[:, -_num_features(known) :])
    distances = 1 - unit(loaded.images[:, -_num_features(known) :]) @ own[0]
    order = np.argsort(distances, kind="stable")[:top].tolist()
    labels = loaded.dataset.labels
    names = loaded.dataset.classes if len(loaded.dataset.classes) > 1 else None
    near = tuple(
        Near(
            name=loaded.dataset.names[place],
            distance=max(0.0, float(distances[place])),
            label=names[labels[place]] if names else None,
            place=place,
        )
        for place in order
    )
    return Found(near=near, dataset=loaded.dataset)


def unit(features: Array) -> Array:
    """float32 (N, D): of length 1."""
    plain = features.astype(np.float32)
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    scaled: Array = plain / np.maximum(lengths, 1e-9)
    return scaled


def write_sheet(path: Path, found: Found, image: ImageInput) -> None:
    """A PNG of the picture that was asked for and, over label and distance, what is near it."""
    from eyespot.reports.charts import contact_sheet
    from eyespot.reports.drawing import png, style

    near = selected(found.dataset, [one.place for one in found.near])
    captions = [("asked for", False)]
    for one in found.near:
        captions.append((f"{one.label + '  ' if one.label else ''}{one.distance:.3f}", False))
    sheet = [
        prepare(open_raster(source), size=_SIDE, channels=3, fit="pad")
        for source in (image, *near.images)
    ]
    with style():
        write_bytes(path, png(contact_sheet(sheet, captions)))


def _dataset(source: str | Path) -> Dataset:
    """Labelled where it can be read so; else all pictures in it as one class."""
    try:
        return read(source)
    except DataError:
        found = pictures([source])
        return Dataset(
            name=str(source),
            form="pictures",
            images=found.images,
            names=found.names,
            labels=np.zeros(len(found), np.int64),
            classes=("picture",),
        )


def _torch_model(model: str | Path | Model) -> "TorchModel":
    from eyespot.models.torch_model import TorchModel
    from eyespot.nets.ensemble import Ensemble

    loaded = load(model) if isinstance(model, str | Path) else model
    if not isinstance(loaded, TorchModel):
        raise ModelError("an exported model shows no features; name the run's model.safetensors")
    if isinstance(loaded.net, Ensemble):
        raise ModelError("an ensemble has several kinds of features; name one of its folds")
    return loaded


def _loaded(model: "TorchModel", dataset: Dataset, tell: Progress) -> Loaded:
    """With rows, of which the last features count."""
    from eyespot.models.torch_model import weights_of
    from eyespot.nets.spec import BackboneSpec
    from eyespot.training.extraction import fastest

    card = model.card
    if isinstance(card.net, BackboneSpec) and not card.net.tuned:  # known from the training
        digest = card.net.digest
    else:
        digest = checksum(card.model_dump(), weights_of(model.net.state_dict()))
    shape = card.preparation
    return load_features(
        dataset,
        shape,
        lambda world: fastest(
            model.net, card.views, world, size=shape.size, channels=shape.channels
        ),
        _extracted(model, np.zeros((1, shape.size, shape.size, shape.channels), np.uint8)).shape[1],
        rows_key(digest, shape, card.views),
        tell,
    )


def _extracted(model: "TorchModel", images: Array) -> Array:
    """float16 (B, F), in float32 as the model answers."""
    import torch

    from eyespot.training.extraction import Extractor

    device = next(model.net.parameters()).device
    return Extractor(net=model.net, views=model.card.views, device=device, precision=torch.float32)(
        images
    )


def _num_features(model: "TorchModel") -> int:
    """Of what the head gets, which a row ends with."""
    import torch

    from eyespot.nets.features import features

    shape = model.preparation
    with torch.inference_mode():
        x_BCHW = torch.zeros(1, shape.channels, shape.size, shape.size)
        return features(model.net, x_BCHW)[1][-1].shape[1]
