"""The page of a check: what was found in a set, with the pictures that it is about."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from eyespot.data.checkup import Checked, Spread
from eyespot.files.atomic import write_bytes, write_text
from eyespot.files.tables import write_issues
from eyespot.reports import charts, drawing
from eyespot.reports.findings import (
    DUPLICATES,
    READING,
    WORST_FIRST,
    Group,
    first_steps,
    groups,
    meaning,
    members,
    suspects,
)
from eyespot.reports.rendering import rendered
from eyespot.reports.thumbnails import thumbnails
from eyespot.values.dataset import PARTS, Dataset, Issue

NUM_IMAGES = 24  # of each kind
NUM_ROWS = 20  # of each kind that has no picture
NUM_LINES = 6  # of these that are open; the others are folded away
NUM_GROUPS = 24
NUM_MEMBERS = 8
NUM_OPEN = 12  # classes in the table that is open; the others are folded away
NUM_CLASSES = 30  # more classes than this get a compact sheet
NUM_SAMPLE = 8  # of each class, where there is a row for each
NUM_COMPACT = 240  # pictures of a compact sheet
MOST_BYTES = 3_000_000  # of all pictures; the whole page stays below 4 MB


class Image(NamedTuple):
    """One picture on the page. detail: what is said of it."""

    place: int
    name: str
    detail: str


class Kind(NamedTuple):
    """All issues of one kind. images: those shown as pictures; rows: those shown as words."""

    kind: str
    meaning: str
    num: int
    images: list[Image]
    rows: list[Issue]


class Family(NamedTuple):
    """A group of duplicates. images: those shown, of num."""

    words: str
    wrong: bool
    num: int
    images: list[Image]


class Sample(NamedTuple):
    """Some images of one class."""

    name: str
    num: int
    images: list[Image]


def write(checked: Checked, folder: Path) -> Path:
    """Writes check.html, issues.csv and class_distribution.png; returns the page."""
    write_issues(folder / "issues.csv", checked.issues)
    with drawing.style():
        chart = charts.class_distribution(checked.dataset.classes, _counts(checked))
        drawn = Markup(drawing.svg(chart, "class_distribution"))
        write_bytes(folder / "class_distribution.png", drawing.png(chart))
    page = folder / "check.html"
    write_text(page, render(checked, drawn))
    return page


def render(checked: Checked, chart: Markup) -> str:
    """The page as HTML. Every name in it is escaped; the chart is trusted."""
    dataset = checked.dataset
    said = list(_kinds(dataset, dataset.issues, pictures=False))
    seen = list(_kinds(dataset, checked.issues[len(dataset.issues) :], pictures=True))
    families, num_groups = _families(checked)
    samples = list(_samples(checked))
    shown = [image for kind in seen for image in kind.images]
    shown += [image for family in families for image in family.images]
    shown += [image for sample in samples for image in sample.images]
    places = [image.place for image in shown]
    rows = checked.facts.rows
    order = np.argsort(-np.array(checked.counts), kind="stable").tolist()
    return rendered(
        "check.html.j2",
        checked=checked,
        dataset=dataset,
        num_suspects=len(suspects(checked)),
        num_left_out=sum(issue.left_out for issue in dataset.issues),
        steps=first_steps(checked),
        said=said,
        seen=seen,
        families=families,
        num_groups=num_groups,
        chart=chart,
        counts=[(dataset.classes[label], checked.counts[label]) for label in order],
        num_lines=NUM_LINES,
        num_rows=NUM_OPEN,
        spreads=_spreads(checked),
        samples=samples,
        compact=len(dataset.classes) > NUM_CLASSES,
        pictures=thumbnails(dataset.images, places, most_bytes=MOST_BYTES),
        coarse={p for p in places if max(rows["width"][p], rows["height"][p]) < 64},
    )


def _counts(checked: Checked) -> Mapping[str, Sequence[int]]:
    """Images of each class: of each part, where the set has parts."""
    dataset, num = checked.dataset, len(checked.dataset.classes)
    if dataset.parts is None:
        return {"images": checked.counts}
    parts = np.array([part or "free" for part in dataset.parts])
    return {
        part: np.bincount(dataset.labels[parts == part], minlength=num).tolist()
        for part in (*PARTS, "free")
        if (parts == part).any()
    }


def _kinds(dataset: Dataset, issues: Sequence[Issue], *, pictures: bool) -> Iterator[Kind]:
    """The issues kind by kind, the worst first; groups of duplicates are shown elsewhere."""
    by_kind: dict[str, list[Issue]] = {}
    for issue in issues:
        by_kind.setdefault(issue.kind, []).append(issue)
    places = {name: place for place, name in enumerate(dataset.names)} if pictures else {}
    for kind in (*WORST_FIRST, *sorted(by_kind.keys() - set(WORST_FIRST))):
        found = by_kind.get(kind, [])
        if not found or (pictures and kind in DUPLICATES):
            continue
        seen = [] if found[0].left_out else [one for one in found if one.name in places]
        images = [Image(places[one.name], one.name, one.detail) for one in seen[:NUM_IMAGES]]
        yield Kind(
            kind=kind,
            meaning=meaning(kind) if pictures else READING.get(kind, ""),
            num=len(found),
            images=images,
            rows=[] if images else found[:NUM_ROWS],
        )


def _families(checked: Checked) -> tuple[list[Family], int]:
    """The groups that are shown, and how many there are."""
    dataset, found = checked.dataset, groups(checked)
    parts = dataset.parts or (None,) * len(dataset)
    shown = [
        Family(
            words=_relation(group),
            wrong=group.contradicting or group.leaking,
            num=len(group.places),
            images=[
                Image(
                    place,
                    dataset.names[place],
                    ", ".join(filter(None, (dataset.classes[dataset.labels[place]], parts[place]))),
                )
                for place in members(dataset, group, NUM_MEMBERS)
            ],
        )
        for group in found[:NUM_GROUPS]
    ]
    return shown, len(found)


def _relation(group: Group) -> str:
    alike = "look the same" if group.near else "the same pixels"
    marks = [("two labels", group.contradicting), ("two parts", group.leaking)]
    return ", ".join([alike, *(words for words, true in marks if true)])


def _samples(checked: Checked) -> Iterator[Sample]:
    """Images of each class, spread evenly over it."""
    dataset, readable = checked.dataset, checked.facts.readable
    num_classes = len(dataset.classes)
    most = NUM_SAMPLE
    if num_classes > NUM_CLASSES:
        most = min(4, max(1, NUM_COMPACT // num_classes))
    order = np.argsort(dataset.labels, kind="stable")
    starts = np.searchsorted(dataset.labels[order], np.arange(num_classes + 1))
    for label in range(min(num_classes, NUM_COMPACT)):
        own = order[starts[label] : starts[label + 1]]
        own = own[readable[own]]
        spread = np.unique(np.linspace(0, max(len(own) - 1, 0), most).astype(int))
        places = own[spread].tolist() if len(own) else []
        images = [Image(place, dataset.names[place], "") for place in places]
        yield Sample(dataset.classes[label], checked.counts[label], images)


def _spreads(checked: Checked) -> list[tuple[str, list[str]]]:
    """What is measured, and its five numbers as words."""
    rows = {
        "width": ("width, pixels", "{:,.0f}"),
        "height": ("height, pixels", "{:,.0f}"),
        "aspect": ("width / height", "{:.2f}"),
        "brightness": ("brightness", "{:.0%}"),
        "contrast": ("contrast", "{:.0%}"),
        "sharpness": ("sharpness", "{:.2f}"),
        "saturation": ("colour", "{:.0%}"),
        "num_bytes": ("file size, kB", "{:,.1f}"),
    }
    found = []
    for name, (words, form) in rows.items():
        if name == "num_bytes" and isinstance(checked.dataset.images, np.ndarray):
            continue
        unit = 1000 if name == "num_bytes" else 1
        values = [form.format(value / unit) for value in _five(checked.spreads[name])]
        found.append((words, [value.replace("%", "\u00a0%") for value in values]))
    return found


def _five(spread: Spread) -> tuple[float, ...]:
    return (spread.smallest, spread.low, spread.median, spread.high, spread.largest)
