"""split.csv: the part that each image of a run was in, for ever.

Images are known again by their pixels, whatever they are called and wherever they lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eyespot.data.loading import Loaded
from eyespot.errors import DataError, count
from eyespot.files import Run, read_table, write_table
from eyespot.values import PARTS, Part


def write_split(run: Run, loaded: Loaded, parts: Sequence[Part]) -> None:
    """Writes the name, label, part and pixel hash of each image."""
    dataset = loaded.dataset
    labels = (dataset.classes[label] for label in dataset.labels)
    digests = (digest.hex() for digest in loaded.digests)
    rows = zip(dataset.names, labels, parts, digests, strict=True)
    write_table(run.split, ("name", "label", "part", "digest"), rows)


@dataclass(frozen=True, kw_only=True)
class KeptSplit:
    """What a run's split.csv says. parts: by name and pixels. learnt: pixels not to judge by."""

    parts: dict[tuple[str, bytes], Part]
    learnt: frozenset[bytes]

    def of(self, loaded: Loaded) -> tuple[Part, ...] | None:
        """The part of each image, if these are the very images of the run; else None."""
        keys = list(zip(loaded.dataset.names, loaded.digests, strict=True))
        known = [part for key in keys if (part := self.parts.get(key))]
        return tuple(known) if len(known) == len(keys) == len(self.parts) else None


def read_split(run: Run) -> KeptSplit:
    """The split of a run; empty where the folder holds none, as beside a lone model file.

    Raises DataError when the table is torn.
    """
    if not run.split.exists():
        return KeptSplit(parts={}, learnt=frozenset())
    parts: dict[tuple[str, bytes], Part] = {}
    try:
        for row in read_table(run.split):
            if row["part"] not in PARTS:
                raise ValueError(f"there is no part '{row['part']}'")
            parts[row["name"], bytes.fromhex(row["digest"])] = row["part"]
    except (KeyError, ValueError) as error:
        raise DataError(f"{run.split} is torn or was changed ({error}); train again") from error
    learnt = frozenset(digest for (_, digest), part in parts.items() if part != "test")
    return KeptSplit(parts=parts, learnt=learnt)


def judged_parts(
    loaded: Loaded, kept: KeptSplit | None, part: Part | None
) -> tuple[Sequence[Part | None], str]:
    """The part of each image, None for those not to judge by, and in words what is judged by.

    kept: the split of the run that trained the model, if it is known. part: the one to judge by.
    Raises DataError when the set has no such part.
    """
    if kept and (known := kept.of(loaded)):
        return known, f"the run's {part or 'test'} part"
    dataset, wanted = loaded.dataset, part or "test"
    own: list[Part | None] = list(dataset.parts or ())
    how = f"its own {wanted} part"
    if wanted not in own:
        if part:
            raise DataError(f"{dataset.name} has no {part} part; leave --part away")
        own, how = ["test"] * len(dataset), "all images"
    if kept is None:
        return own, how
    new = [None if d in kept.learnt else p for p, d in zip(own, loaded.digests, strict=True)]
    num = own.count(wanted) - new.count(wanted)
    return new, f"{how} without {count(num, 'image')} of the training" if num else how
