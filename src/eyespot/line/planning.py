"""From a source to a split: what stands before the first step of a training.

`plan` stops there; `train` and `evaluate` go on from the same functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eyespot.data import read
from eyespot.data.folds import names_folds
from eyespot.data.grouping import arranged
from eyespot.data.keeping import named_split
from eyespot.data.loading import Loaded, load_digests, load_images
from eyespot.data.reading import without_quarantined
from eyespot.data.sources.recognition import Source as Readable
from eyespot.data.splits import Split, check_classes
from eyespot.data.splits import split as divide
from eyespot.line.progress import Progress, Silence
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe
from eyespot.values.dataset import Dataset, Issue, Part
from eyespot.values.preparation import Preparation

Source = Readable | Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Which image goes to which part. loaded: the readable images, without their pixels."""

    recipe: Recipe
    loaded: Loaded
    split: Split
    issues: tuple[Issue, ...]

    @property
    def counts(self) -> dict[Part, list[int]]:
        """The number of images of each class, part by part."""
        dataset = self.loaded.dataset
        return self.split.counts(dataset.labels, len(dataset.classes))


def plan(
    source: Source,
    *,
    recipe: str | Path | Recipe | None = None,
    settings: Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    quarantine: str | Path | None = None,
    split: str | Path | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The split that `train` with the same arguments makes, and nothing else of it.

    Raises UsageError or DataError as `train` does.
    """
    tell = progress or Silence()
    chosen = read_recipe(recipe or "standard", settings)
    if chosen.folds:
        tell.say(f"folds = {chosen.folds} is for train alone; this is one split without folds")
        chosen = chosen.model_copy(update={"folds": None})
    dataset = arranged_set(read_source(source, columns, quarantine, tell), chosen)
    loaded = load_digests(dataset, on_image=lambda done: tell.image(done, len(dataset)))
    parts = split_of(loaded, chosen, split)
    issues = (*dataset.issues, *loaded.issues, *parts.issues)
    return Plan(recipe=chosen, loaded=loaded, split=parts, issues=issues)


def read_source(
    source: Source,
    columns: Mapping[str, str] | None,
    quarantine: str | Path | None,
    tell: Progress,
) -> Dataset:
    if isinstance(source, Dataset):
        return without_quarantined(source, quarantine)
    return read(source, columns=columns, quarantine=quarantine, progress=tell.download)


def loaded_images(dataset: Dataset, shape: Recipe | Preparation, tell: Progress) -> Loaded:
    assert shape.size and shape.channels, "the recipe is not fitted"
    return load_images(
        dataset,
        size=shape.size,
        channels=shape.channels,
        fit=shape.fit,
        ink=shape.ink if isinstance(shape, Preparation) else None,
        on_image=lambda done: tell.image(done, len(dataset)),
        say=tell.say,
    )


def arranged_set(dataset: Dataset, recipe: Recipe) -> Dataset:
    """The set with the groups and parts that the recipe wishes for."""
    check_classes(dataset)
    # A column that says the folds says no parts; it is read when the folds are made.
    own = not (recipe.folds and names_folds(dataset, recipe.split))
    return arranged(dataset, group=recipe.group, split=recipe.split if own else "stratified")


def split_of(loaded: Loaded, recipe: Recipe, table: str | Path | None) -> Split:
    """The split that the table says, or else the recipe."""
    if table is not None:
        return named_split(Path(table), loaded)
    numbers: dict[Part, int | None] = {
        "valid": recipe.valid_per_class,
        "test": recipe.test_per_class,
    }
    return divide(
        loaded.dataset,
        seed=recipe.seed,
        valid=recipe.valid,
        test=recipe.test,
        per_class={part: num for part, num in numbers.items() if num},
        duplicates=loaded.duplicates,
    )
