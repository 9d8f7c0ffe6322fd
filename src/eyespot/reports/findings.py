"""What a check found, in the words and the order of its summary and its page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eyespot.data.checks import KINDS
from eyespot.data.checkup import Checked
from eyespot.data.quarantine import QUARANTINED, quarantine_rows
from eyespot.errors import count
from eyespot.reports.remembered import Told
from eyespot.values.dataset import Dataset, Issue

# What reading finds, before any image is looked at, and what each of them means.
READING = {
    "unreadable": "folders that cannot be listed",
    "contradicting-label": "images that the table gives two labels; left out until one remains",
    "missing-file": "rows that name a file which is not there",
    "bad-row": "rows with too few cells, too many, or no name",
    "no-label": "rows or files without a label",
    "outside": "rows that name a file outside the table's folder",
    "ambiguous-file": "rows whose name fits several files",
    "refused-member": "members of the archive that were not unpacked",
    "unsupported": "pictures of a format that cannot be read",
    "not-a-file": "pipes, sockets and devices under the name of a picture",
    "link": "links that lead out of the folder, nowhere, or to what is in the set already",
    "no-row": "images that no row of the table names",
    "similar-class": "classes whose names differ by case, spaces or Unicode form alone",
    "empty-class": "folders of a class without an image",
    "repeated-row": "rows that say what an earlier row said",
    "quarantined": "images that a quarantine names: remove its row to bring one back",
    "other-quarantine": "what a quarantine beside this one leaves out for its own labels",
    "not-there": "rows of the quarantine whose image is not in the set",
    "other-files": "files that are neither pictures nor data",
}

DUPLICATES = (
    "contradicting-label",
    "leak",
    "near-contradicting-label",
    "near-leak",
    "duplicate",
    "near-duplicate",
)
LOOKS = ("too-dark", "too-bright", "blurred", "too-small", "huge", "odd-aspect-ratio")
_CERTAIN = ("empty-file", "unreadable", "contradicting-label", "leak")
_NOTES = ("repeated-row", "quarantined", "other-quarantine", "not-there", "other-files")

WORST_FIRST = tuple(
    dict.fromkeys([*_CERTAIN, *(kind for kind in READING if kind not in _NOTES), *KINDS, *READING])
)


class Group(NamedTuple):
    """Images that are the same picture. near: not pixel for pixel. places: all of them."""

    places: tuple[int, ...]
    near: bool
    contradicting: bool
    leaking: bool

    @property
    def rank(self) -> int:
        """Worst first."""
        kinds = (self.contradicting, self.leaking, self.near)
        return (0 if kinds[0] else 2 if kinds[1] else 4) + (kinds[2] == any(kinds[:2]))


def counted(issues: Sequence[Issue]) -> dict[str, int]:
    """How many issues there are of each kind, the worst kind first."""
    numbers = Counter(issue.kind for issue in issues)
    known = [kind for kind in WORST_FIRST if kind in numbers]
    return {kind: numbers[kind] for kind in [*known, *(numbers.keys() - set(known))]}


def meaning(kind: str) -> str:
    """What a kind of issue means, in a few words."""
    return KINDS.get(kind) or READING.get(kind, "")


def suspects(checked: Checked) -> set[str]:
    """The names of the images that a person should look at."""
    found = {issue.name for issue in checked.issues if issue.score > 0}
    return found.intersection(checked.dataset.names)


def groups(checked: Checked) -> list[Group]:
    """Every group of duplicates once, contradicting labels first, then leaks; large ones first."""
    inside = {place for group in checked.near for place in group}
    exact = [group for group in checked.exact if group[0] not in inside]
    found = [_group(checked.dataset, group, near=True) for group in checked.near]
    found += [_group(checked.dataset, group, near=False) for group in exact]
    return sorted(found, key=lambda group: (group.rank, -len(group.places), group.places))


def _group(dataset: Dataset, places: tuple[int, ...], *, near: bool) -> Group:
    parts = {dataset.parts[place] for place in places} if dataset.parts else set()
    return Group(
        places=places,
        near=near,
        contradicting=len({int(dataset.labels[place]) for place in places}) > 1,
        leaking=len(parts - {None}) > 1,
    )


def members(dataset: Dataset, group: Group, most: int) -> list[int]:
    """The places of a group that are shown: one of each label and part before a second one."""
    parts = dataset.parts or (None,) * len(dataset)
    first = {(int(dataset.labels[p]), parts[p]): p for p in reversed(group.places)}
    others = [place for place in group.places if place not in first.values()]
    return sorted([*sorted(first.values()), *others][:most])


class Step(NamedTuple):
    """One thing to do. command: what to type for it, if there is something."""

    words: str
    command: str = ""


def first_steps(checked: Checked) -> list[Step]:
    """What to do about what was found, the most urgent first; the last one is to train."""
    return [
        *_table(checked),
        *_images(checked),
        *_later(checked),
        Step("Then train:", "eyespot train DATA"),
    ]


def _table(checked: Checked) -> Iterator[Step]:
    """About rows, names and folders: what reading found."""
    said = Counter(issue.kind for issue in checked.dataset.issues)
    unnamed = count(said["no-row"], "image") if said["no-row"] else ""
    rows = sum(said[kind] for kind in ("missing-file", "outside", "ambiguous-file"))
    if rows:
        more = f", and no row names {unnamed}" if unnamed else ""
        verb = "names" if rows == 1 else "name"
        yield Step(f"{count(rows, 'row')} of the table {verb} no image{more}: mend the names.")
    elif unnamed:
        yield Step(f"No row of the table names {unnamed}: add rows to use them.")
    if num := said["contradicting-label"]:
        yield Step(f"The table gives {count(num, 'image')} two labels: leave the right one.")
    if num := said["bad-row"] + said["no-label"]:
        yield Step(f"{count(num, 'row or file', 'rows or files')} cannot be used: complete them.")
    if num := said["similar-class"]:
        classes = count(num, "class looks", "classes look")
        yield Step(f"{classes} like another one: give them one name if they are one.")


def _images(checked: Checked) -> Iterator[Step]:
    """About images that are wrong beyond doubt."""
    seen = _seen(checked)
    if num := seen["unreadable"] + seen["empty-file"]:
        yield Step(f"{count(num, 'image')} cannot be decoded: mend, replace or remove {_it(num)}.")
    if num := seen["contradicting-label"]:
        yield Step(
            f"{count(num, 'image')} lie under two labels, pixel for pixel: keep the right label."
        )
    if num := seen["leak"]:
        yield Step(
            f"{count(num, 'image')} {_are(num)} also in the part that judges: a test on what was "
            "learnt by heart says nothing."
        )
    if num := seen["blank"]:
        yield Step(
            f"{count(num, 'image')} {_are(num)} one colour all over: replace or remove {_it(num)}."
        )
    if num := sum(seen[kind] for kind in QUARANTINED):
        alone = "Or leave it out for now" if num == 1 else "Or leave all of these out for now"
        yield Step(
            f"{alone}; removing a row of quarantine.csv brings its image back:",
            "eyespot check DATA --quarantine",
        )


def _seen(checked: Checked) -> Counter[str]:
    """How many issues of each kind looking at the images gave."""
    return Counter(issue.kind for issue in checked.issues[len(checked.dataset.issues) :])


def _later(checked: Checked) -> Iterator[Step]:
    """About what a person has to decide."""
    seen = _seen(checked)
    near = seen["near-contradicting-label"] + seen["near-leak"]
    if near:
        yield Step(
            f"{count(near, 'image')} {'looks' if near == 1 else 'look'} the same as one of another "
            "label or part: decide by eye, below, which to keep."
        )
    if num := sum(seen[kind] for kind in (*LOOKS, "nearly-constant")):
        yield Step(
            f"{count(num, 'image')} {_are(num)} unlike the rest in light, sharpness or size: "
            "look through them; nothing is wrong for certain."
        )
    if num := seen["duplicate"]:
        yield Step(
            f"{count(num, 'image is a copy', 'images are copies')} of an earlier one: harmless, as "
            "training keeps equal pixels in one part, but less to learn from than it seems."
        )
    if num := seen["near-duplicate"]:
        looks = count(num, "image looks", "images look")
        yield Step(
            f"{looks} the same as an earlier one: harmless, as training keeps these in one part, "
            "but less to learn from than it seems."
        )
    if num := seen["alike"]:
        yield Step(
            f"{count(num, 'image')} {_are(num)} like an earlier one to the backbone, which "
            "training does not keep in one part: where it is a copy, keep one, or give both one "
            "group."
        )
    if num := seen["odd-one-out"]:
        yield Step(
            f"{count(num, 'image')} {_are(num)} unlike the others of the class to the backbone: "
            "look through them; nothing is wrong for certain."
        )
    if checked.imbalance > 3:
        yield Step(
            f"The largest class has {checked.imbalance:.1f} times the images of the smallest: "
            "training makes up for it; more images of the small classes are better."
        )


def _it(num: int) -> str:
    return "it" if num == 1 else "them"


def _are(num: int) -> str:
    return "is" if num == 1 else "are"


def num_certain(checked: Checked) -> int:
    """How many images `check --quarantine` sets aside."""
    return len(quarantine_rows(checked.dataset, checked.issues))


def summary(checked: Checked) -> list[str]:
    """The check in lines: a kind each, the worst first, then groups and classes."""
    dataset, numbers = checked.dataset, counted(checked.issues)
    num = len(suspects(checked))
    lines = [
        f"{dataset.name}: {dataset.form}, {count(len(dataset), 'image')} of "
        f"{count(len(dataset.classes), 'class', 'classes')}; {num:,} to look at"
    ]
    width = max(map(len, numbers), default=0)
    digits = max((len(f"{number:,}") for number in numbers.values()), default=0)
    lines += [
        f"{kind:<{width}}  {number:>{digits},}  {meaning(kind)}".rstrip()
        for kind, number in numbers.items()
    ]
    equal, alike = len(checked.exact), len(checked.near)
    lines += [
        f"{count(equal, 'group')} of equal images, {alike:,} of images that look the same",
        f"the largest class has {checked.imbalance:.1f} times the images of the smallest",
    ]
    return lines


def told_of(checked: Checked, folder: Path) -> Told:
    """What a check says at its end, with the files that its page wrote into the folder."""
    return Told(
        name=checked.dataset.name,
        summary=tuple(summary(checked)),
        facts=check_facts(checked),
        num_certain=num_certain(checked),
        files={path.name: path.read_bytes() for path in sorted(folder.iterdir())},
    )


def check_facts(checked: Checked) -> dict[str, Any]:
    """The check in one object, as `eyespot check --json` prints it."""
    dataset = checked.dataset
    return {
        "data": dataset.name,
        "form": dataset.form,
        "num_images": len(dataset),
        "classes": dict(zip(dataset.classes, checked.counts, strict=True)),
        "imbalance": checked.imbalance,
        "issues": counted(checked.issues),
        "num_exact_groups": len(checked.exact),
        "num_near_groups": len(checked.near),
    }
