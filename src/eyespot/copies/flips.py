"""Whether copies may be mirrored: not where that makes one class into another.

A mirrored b is a d, and no label would say so.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from eyespot.data.loading import load_images
from eyespot.data.renumbering import renumbered
from eyespot.data.selection import selected
from eyespot.data.survey import survey
from eyespot.evaluation.mirrors import Mirror, flipped, half_turned, mirrors
from eyespot.images.variation import Ranges
from eyespot.line import Plan, Progress
from eyespot.training.fitting import fitted_to_images
from eyespot.values.arrays import Array
from eyespot.values.model import Model

_LOOKED_AT = 40  # training images of each class that the model is asked about


def safe_ranges(
    planned: Plan, ranges: Ranges, wished: bool | None, model: Model | None, tell: Progress
) -> Ranges:
    """The ranges with the flip decided, and a sentence for what endangers the labels.

    wished: the flip that was asked for; None leaves it to the images and the model.
    """
    dataset = planned.loaded.dataset
    recipe = fitted_to_images(planned.recipe, survey(dataset))
    flip = bool(recipe.flip) if wished is None else wished
    if wished is None:
        if flip and model is None:
            tell.say("these look like photos, so that half of the copies are mirrored (--no-flip)")
    elif flip and model is None and recipe.kind == "ink":
        tell.say(
            "these look like characters, and a mirrored b is a d; --flip was asked for and is kept"
        )
    if model is not None:
        images = _training_images(planned, model)
        if wished is not False and (found := mirrors(model, images, flipped(images))):
            said = f"mirrored left to right, {_such(found)}"
            if wished:
                tell.say(f"{said}; --flip was asked for and is kept")
            elif flip:
                tell.say(f"{said}; so copies are not mirrored (--flip to do it all the same)")
                flip = False
            else:
                tell.say(f"{said}; copies are not mirrored")
        if ranges.rotate > 90 and (found := mirrors(model, images, half_turned(images))):
            angle = f"--rotate {ranges.rotate:g}"
            tell.say(f"turned upside down, {_such(found)}; {angle} was asked for and is kept")
    return replace(ranges, flip=flip)


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
