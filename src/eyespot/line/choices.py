"""What was chosen to fit the images, and what a person should know about it, in words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from eyespot.errors import count
from eyespot.line.refusing import LEAST_JUDGING
from eyespot.training.fitting import MOST_IMBALANCE, imbalance
from eyespot.training.length import num_steps
from eyespot.training.recipe import Recipe
from eyespot.values.dataset import Part

# How the training varies its images <- the fields of the recipe that say how much.
_VARIED = {
    "turned": ("rotate",),
    "shifted": ("shift",),
    "zoomed": ("zoom",),
    "mirrored": ("flip",),
    "relit": ("brightness", "contrast"),
    "erased in part": ("erase",),
    "mixed": ("mixup", "cutmix"),
}


def choice(recipe: Recipe, num_train: int) -> str:
    """What was chosen to fit the images, in one line."""
    kind = "characters" if recipe.kind == "ink" else "photos"
    colour = "grey" if recipe.channels == 1 else "colour"
    if recipe.net == "backbone" and not recipe.unfrozen:
        mirrored = " and their mirror images" if recipe.test_views == "mirrors" else ""
        return (
            f"{kind}, {colour} {recipe.size}x{recipe.size}; a head on the features of "
            f"{PurePath(recipe.backbone or '').name}{mirrored}"
        )
    looks = [word for word, fields in _VARIED.items() if any(getattr(recipe, f) for f in fields)]
    how = ", others redrawn like them" if recipe.ink else ""
    if recipe.net == "backbone":
        blocks = count(recipe.unfrozen, "block")
        how += f"; the last {blocks} of {PurePath(recipe.backbone or '').name} learn, too"
    return (
        f"{kind}, {colour} {recipe.size}x{recipe.size}{how}, {', '.join(looks) or 'not varied'}, "
        f"{count(recipe.epochs or 0, 'epoch')} in batches of {recipe.batch} "
        f"({count(num_steps(recipe, num_train), 'step')})"
    )


def cautions(
    recipe: Recipe, counts: Mapping[Part, Sequence[int]], mirrored_on_purpose: bool | None
) -> Iterator[str]:
    """What a person should know about the choices. counts: images per class of each part."""
    how = {
        "none": "and nothing is done about it",
        "sampling": "so the training shows images of small classes more often",
        "weights": "so in training images of small classes count more",
    }
    ratio, num_valid = imbalance(counts["train"]), sum(counts["valid"])
    if ratio > MOST_IMBALANCE or (ratio > 1.05 and recipe.balance != "none"):
        yield (
            f"the largest class has {ratio:.1f} times the images of the smallest, "
            f"{how[recipe.balance]} (balance = {recipe.balance})"
        )
    if mirrored_on_purpose and recipe.kind == "ink":
        yield (
            "these look like characters, and flip = true mirrors them: a mirrored b is a d, and "
            "most others are no characters at all; leave it away unless you know better"
        )
    if recipe.refuse and num_valid < LEAST_JUDGING:
        yield (
            f"the model will never say unknown: it learns when from {LEAST_JUDGING} validation "
            f"images or more, and has {num_valid}"
        )
