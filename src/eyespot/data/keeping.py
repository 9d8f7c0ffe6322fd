"""split.csv: the part that each image of a run was in, for ever.

A run knows its images again by their pixels, whatever they are called and wherever they lie; a
split that is read back for another training goes by names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eyespot.data.loading import Loaded
from eyespot.data.sources.assembly import part_of
from eyespot.data.splits import Split, checked_split, sizes_of
from eyespot.errors import DataError, count
from eyespot.files.run import Run
from eyespot.files.tables import read_table, write_table
from eyespot.values.dataset import PARTS, Issue, Part


def write_split(
    path: Path, loaded: Loaded, parts: Sequence[Part], folds: Sequence[int | None] | None = None
) -> None:
    """Writes the name, label, part and pixel hash of each image, and its fold if there are any."""
    dataset = loaded.dataset
    labels = (dataset.classes[label] for label in dataset.labels)
    digests = (digest.hex() for digest in loaded.digests)
    columns = [dataset.names, labels, parts, digests, *([folds] if folds else [])]
    header = ("name", "label", "part", "digest", "fold")
    write_table(path, header[: len(columns)], zip(*columns, strict=True))


def named_split(path: Path, loaded: Loaded) -> Split:
    """The split that a table says: name and part of each image, in any order.

    A row without its image, and a label that has changed, become one issue each with their number.
    Raises DataError for an image without a row, a row without a part, or a name with two.
    """
    dataset = loaded.dataset
    rows: dict[str, dict[str, str]] = {}
    for row in read_table(path):
        if not {"name", "part"} <= row.keys():
            raise DataError(f"{path} has {', '.join(row)}; a split has the columns name and part")
        if part_of(row["part"]) is None:
            raise DataError(
                f"{path} says '{row['part']}' of {row['name']}; a part is train, valid or test"
            )
        if rows.setdefault(row["name"], row)["part"] != row["part"]:
            raise DataError(f"{path} puts {row['name']} into two parts; leave one row")
    missing = [name for name in dataset.names if name not in rows]
    unknown = sorted(rows.keys() - set(dataset.names))
    if missing:
        raise DataError(
            f"{path} knows {len(dataset) - len(missing):,} of {count(len(dataset), 'image')} of "
            f"{dataset.name}: {such(missing)} not in it"
            + (f", and {such(unknown)} not in the set" if unknown else "")
            + "; add the rows, or make the split anew with eyespot split"
        )
    issues = []
    if unknown:
        detail = f"{such(unknown)} in {path.name} and not in the set, or left out"
        issues.append(Issue(kind="split-unknown", name=unknown[0], detail=detail, score=0.0))
    pairs = zip(dataset.names, dataset.labels, strict=True)
    changed = [n for n, c in pairs if rows[n].get("label") not in (None, dataset.classes[c])]
    if changed:
        detail = f"{such(changed)} of another class in {path.name}; the set's own label counts"
        issues.append(Issue(kind="split-label", name=changed[0], detail=detail, score=0.5))
    parts = [part_of(rows[name]["part"]) or "train" for name in dataset.names]
    how = f"{sizes_of(parts)} (as {path.name} says)"
    found = checked_split(dataset, parts, how=how, duplicates=loaded.duplicates)
    return replace(found, issues=(*issues, *found.issues))


def such(names: Sequence[str]) -> str:
    """`12 images, for instance a.png, are`: the subject of a sentence."""
    verb = "is" if len(names) == 1 else "are"
    return f"{count(len(names), 'image')}, for instance {names[0]}, {verb}"


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


def changes(path: Path, loaded: Loaded) -> list[str]:
    """What is different about the images since this split.csv was written, in words.

    Raises DataError when the table is torn.
    """
    try:
        rows = {row["name"]: (row["label"], row["digest"]) for row in read_table(path)}
    except KeyError as error:
        raise DataError(f"{path} was changed (it has no column {error}); train again") from error
    dataset = loaded.dataset
    labels = (dataset.classes[label] for label in dataset.labels)
    digests = (digest.hex() for digest in loaded.digests)
    now = dict(zip(dataset.names, zip(labels, digests, strict=True), strict=True))
    both = [name for name in now if name in rows]
    kinds = {
        "new": [name for name in now if name not in rows],
        "gone": [name for name in rows if name not in now],
        "of another class": [name for name in both if now[name][0] != rows[name][0]],
        "another picture": [name for name in both if now[name][1] != rows[name][1]],
    }
    told = [f"{such(names)} {what}" for what, names in kinds.items() if names]
    if not told and list(rows) != list(now):
        told.append("the images come in another order")
    return told


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
