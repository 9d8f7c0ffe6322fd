"""A data set in words and numbers: for a line of talk, and for origin.json."""

from collections.abc import Sequence

from eyespot.data.fingerprint import fingerprint
from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.data.survey import Survey
from eyespot.errors import count
from eyespot.values.dataset import Dataset, Issue
from eyespot.values.training import DataSummary


def described(dataset: Dataset, looks: Survey) -> str:
    """What was recognised: form, number of images, colour, number of classes."""
    images = count(len(dataset), f"{looks.colour} image")
    classes = count(len(dataset.classes), "class", "classes")
    return f"{dataset.name}: {dataset.form}, {images} of {classes}"


def summarised(loaded: Loaded, looks: Survey, parts: Split) -> DataSummary:
    """What a run was trained on."""
    dataset = loaded.dataset
    return DataSummary(
        name=dataset.name,
        form=dataset.form,
        fingerprint=fingerprint(dataset, loaded.digests),
        classes=dataset.classes,
        counts=parts.counts(dataset.labels, len(dataset.classes)),
        colour=looks.colour,
        split=parts.how,
    )


def sentences(issues: Sequence[Issue]) -> list[str]:
    """One for each kind of issue, with its number and its first case."""
    kinds: dict[str, list[Issue]] = {}
    for issue in issues:
        kinds.setdefault(issue.kind, []).append(issue)
    return [
        f"{len(found):,} x {kind}, for instance {found[0].name}: {found[0].detail}"
        for kind, found in kinds.items()
    ]
