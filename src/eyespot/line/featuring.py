"""Standing on a backbone: its recipe, the features of a set, the head that is fitted to them."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from eyespot.data.faintness import FAINT, faint_images
from eyespot.data.loading import Loaded, load_images
from eyespot.data.remembering import Memory
from eyespot.data.rows import Maker, load_rows
from eyespot.data.selection import selected
from eyespot.errors import ModelError
from eyespot.files.cache import cache_folder
from eyespot.line.progress import Progress
from eyespot.models.predict import prepared
from eyespot.nets.finding import find_backbone
from eyespot.nets.pretrained import Backbone
from eyespot.nets.spec import BackboneSpec
from eyespot.training.recipe import Recipe
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Issue
from eyespot.values.model import Views
from eyespot.values.preparation import Preparation

if TYPE_CHECKING:
    from eyespot.training.extraction import Extractor
    from eyespot.training.world import World


def anchored(wish: Recipe) -> Recipe:
    """The recipe with a whole path for its backbone, so that other folders find it, too."""
    if wish.backbone is None or not os.path.exists(wish.backbone):
        return wish
    return wish.model_copy(update={"backbone": os.path.abspath(wish.backbone)})


def on_backbone(wish: Recipe) -> Recipe:
    """The recipe with what its backbone says: size, colour and its own SHA-256.

    A recipe without a backbone is returned as it is. Raises ModelError where the backbone is not
    there, or is another one than the recipe was fitted to.
    """
    if wish.net != "backbone":
        return wish
    found = backbone_of(wish)
    return wish.model_copy(
        update={
            "backbone": wish.backbone or str(found.path),
            "digest_of_backbone": found.digest,
            "size": wish.size or found.size,
            "channels": 3,
            "ink": False,
            "optimizer": "adamw" if wish.optimizer == "auto" else wish.optimizer,
            "test_views": "one" if wish.test_views == "auto" else wish.test_views,
        }
    )


def backbone_of(recipe: Recipe) -> Backbone:
    """The backbone that the recipe names. Raises ModelError."""
    found = find_backbone(recipe.backbone)
    if recipe.digest_of_backbone not in (None, found.digest):
        raise ModelError(
            f"backbone {found.path} is another one than the recipe's: its SHA-256 is "
            f"{found.digest[:12]}..., not {recipe.digest_of_backbone[:12]}...; get that one again"
        )
    return found


def spec_of(recipe: Recipe) -> BackboneSpec:
    """The description of a net on the recipe's backbone."""
    from eyespot.nets.standing import spec_on

    assert recipe.size, "the recipe is not fitted"
    return spec_on(backbone_of(recipe), size=recipe.size)


def featured(dataset: Dataset, recipe: Recipe, tell: Progress) -> Loaded:
    """The readable images of a set with what the backbone gives for them: float16 (N, F).

    What is known from another time is not computed again.
    """
    from eyespot.nets.standing import prepared_as

    assert recipe.size and recipe.test_views != "auto", "the recipe is not fitted"
    backbone = backbone_of(recipe)
    shape = prepared_as(backbone, size=recipe.size, fit=recipe.fit)
    width = spec_of(recipe).width
    key = rows_key(backbone.digest, shape, recipe.test_views)
    return load_features(
        dataset, shape, lambda world: _extractor(backbone, recipe, world), width, key, tell
    )


def load_features(
    dataset: Dataset,
    shape: Preparation,
    build: "Callable[[World], Extractor]",
    width: int,
    key: str,
    tell: Progress,
) -> Loaded:
    """What an extractor gives for the readable images of a set: float16 (N, F), F the width.

    build: makes the extractor, if one is needed. key: says all that a row depends on besides.
    """
    import torch

    from eyespot.training.extraction import BATCH
    from eyespot.training.world import find_world

    maker = Maker(
        prepare=lambda pixels: prepared(pixels, shape),
        width=width,
        batch=BATCH,
        make=_Making(build, find_world()),
    )
    memory = Memory(cache_folder() / "features", key, width)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # each of our own threads has a net and pictures to itself
    try:
        return load_rows(
            dataset, maker, memory, on_image=lambda done: tell.image(done, len(dataset))
        )
    finally:
        torch.set_num_threads(threads)


def faint_of(loaded: Loaded, recipe: Recipe) -> list[Issue]:
    """As `faint_images`, for a set whose pixels are gone: the few in question are decoded again."""
    if loaded.images.ndim == 4:
        return faint_images(loaded.dataset, loaded.images)
    contrast = loaded.thumbs.reshape(len(loaded.thumbs), -1).std(axis=1) / 255
    again = selected(loaded.dataset, np.flatnonzero(contrast < FAINT).tolist())
    if not len(again):
        return []
    shown = pixels_of(again, recipe)
    return faint_images(shown.dataset, shown.images)


def pixels_of(dataset: Dataset, recipe: Recipe) -> Loaded:
    """The images as the net sees them, decoded."""
    assert recipe.size and recipe.channels, "the recipe is not fitted"
    return load_images(dataset, size=recipe.size, channels=recipe.channels, fit=recipe.fit)


class _Making:
    """Makes rows; what does it is built and measured when the first one is wanted."""

    def __init__(self, build: "Callable[[World], Extractor]", world: "World") -> None:
        self._build, self._world = build, world
        self._lock = threading.Lock()
        self._extractor: Extractor | None = None

    def __call__(self, images: Array) -> Array:
        with self._lock:  # while it measures, nobody else computes
            if self._extractor is None:
                self._extractor = self._build(self._world)
        return self._extractor(images)


def _extractor(backbone: Backbone, recipe: Recipe, world: "World") -> "Extractor":
    from eyespot.nets.standing import net_on, prepared_as
    from eyespot.training.extraction import fastest

    assert recipe.size and recipe.test_views != "auto", "the recipe is not fitted"
    shape = prepared_as(backbone, size=recipe.size, fit=recipe.fit)
    net = net_on(backbone, spec_of(recipe), shape, num_classes=2)
    return fastest(net, recipe.test_views, world, size=recipe.size)


def rows_key(digest: str, shape: Preparation, views: Views) -> str:
    """A name for what a row depends on besides the image; precisions agree well enough.

    digest: of the backbone, or of a whole model.
    """
    words = [digest, shape.model_dump_json(), views]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:24]
