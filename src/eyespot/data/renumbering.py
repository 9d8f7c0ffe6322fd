"""Labels in somebody else's numbers."""

from dataclasses import replace

import numpy as np

from eyespot.errors import DataError, did_you_mean
from eyespot.values.dataset import Dataset


def renumbered(dataset: Dataset, classes: tuple[str, ...]) -> Dataset:
    """The same images with the numbers that their classes have in this list.

    Raises DataError for a class that is not in it.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    for name in dataset.classes:
        if name not in numbers:
            known = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
            raise DataError(
                f"{dataset.name}: class '{name}' is not one of the model's {known}"
                f"{did_you_mean(name, classes)}"
            )
    table = np.array([numbers[name] for name in dataset.classes], dtype=np.int64)
    return replace(dataset, labels=table[dataset.labels], classes=classes)
