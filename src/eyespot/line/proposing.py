"""Whether a training that nobody has named a recipe for should stand on a backbone."""

import tomllib

from eyespot.data.survey import Survey
from eyespot.errors import EyespotError
from eyespot.line.progress import Progress
from eyespot.nets.finding import at_hand, find_backbone
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe
from eyespot.values.dataset import Dataset

# Images of a class, from which on a net from scratch may be as good; of cats and dogs 11,000 of
# each were not enough for that.
ENOUGH = 2000
# What a person may wish for without having a net from scratch in mind.
_NEUTRAL = frozenset(
    "name seed valid test valid_per_class test_per_class split group folds refuse balance".split()
)


def proposed(wish: Recipe, dataset: Dataset, looks: Survey, tell: Progress) -> Recipe:
    """The recipe `features` where it is the better one; else the wish itself.

    That is for photos, fewer than 2,000 of a class, with a backbone at hand; nothing is downloaded.
    wish: of a person who has named no recipe.
    """
    fields = {n: v for n, v in tomllib.loads(wish.toml()).items() if n in wish.model_fields_set}
    plain = read_recipe("standard")
    changed = {n for n, v in fields.items() if v != getattr(plain, n)}
    few = len(dataset) < ENOUGH * len(dataset.classes)
    if looks.kind != "photo" or not few or changed - _NEUTRAL or not at_hand():
        return wish
    try:
        found = find_backbone(None)
    except EyespotError as error:  # nobody asked for it
        tell.say(f"from scratch, because {error}")
        return wish
    tell.say(
        f"photos, and few of a class: on the shoulders of {found.name} (recipe features); "
        "--recipe standard trains from scratch"
    )
    settings = {name: fields[name] for name in changed if name != "name"}
    return read_recipe("features", settings)
