"""The page of several runs side by side, from their folders alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from eyespot.errors import UsageError, count
from eyespot.files.atomic import write_text
from eyespot.files.run import Run
from eyespot.reports import certainty, curves, drawing
from eyespot.reports.facts import Facts, read_facts
from eyespot.reports.rendering import rendered
from eyespot.reports.standings import standings
from eyespot.reports.thumbnails import picture_uri
from eyespot.reports.words import duration, short
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS
from eyespot.values.evaluation import Evaluation, Interval

NUM_DISPUTED = 24  # of each kind and run
NUM_ROWS = 30  # classes in the table that is open; the others are folded away
_SIGN = b'<meta name="generator" content="eyespot">'


class Row(NamedTuple):
    """One line of a table: a word, and a cell for each run. differs: from the first run's."""

    name: str
    cells: list[str]
    differs: list[bool]


class Disputed(NamedTuple):
    """An image that one run got right and another wrong. picture: a data URI.

    first, second: what each said, its probability, and whether it is right.
    """

    name: str
    picture: str
    truth: str
    first: tuple[str, float, bool]
    second: tuple[str, float, bool]


class Dispute(NamedTuple):
    """The images that only one of two runs got right. images: those shown of num."""

    words: str
    num: int
    images: list[Disputed]


def write(runs: Sequence[Run], page: Path) -> Path:
    """Writes the page; raises UsageError when another file than such a page is in its place."""
    if page.is_dir():
        raise UsageError(f"{page} is a folder; name a file for the page, such as compare.html")
    if page.exists() and _SIGN not in page.read_bytes()[:2000]:
        raise UsageError(f"{page} is there and no page of eyespot; name another file by --out")
    names = [str(run.path) for run in runs]
    facts = [read_facts(run) for run in runs]
    found = standings(names, [one.test for one in facts])
    scores = [one.score for one in facts if one.score]
    with drawing.style():
        drawings = {
            name: Markup(drawing.svg(figure, name))
            for name, figure in {
                "accuracies": curves.intervals([(one.name, one.accuracy) for one in found]),
                "reliability": certainty.reliability(
                    [(name, score.reliability) for name, score in zip(names, scores, strict=True)]
                ),
                **_training(names, facts),
            }.items()
        }
    classes = _classes(scores)
    text = rendered(
        "compare.html.j2",
        names=names,
        found=found,
        num_compared=sum(one.against is not None for one in found),
        digits=2 if min(_width(one.accuracy) for one in found) < 0.01 else 1,
        drawings=drawings,
        numbers=_numbers(scores),
        about=list(_about(runs, facts)),
        recipe=list(_recipe(facts)),
        classes=classes,
        num_rows=NUM_ROWS,
        disputes=[
            (
                number,
                found[number],
                list(_disputes((names[0], names[number]), facts[0], facts[number])),
            )
            for number in range(1, len(runs))
            if found[number].against
        ],
        coarse=any(max(p.shape) < 64 for one in facts for p in one.pictures.values()),
    )
    write_text(page, text)
    return page


def _width(interval: Interval) -> float:
    return interval.high - interval.low


def _training(names: Sequence[str], facts: Sequence[Facts]) -> dict[str, Figure]:
    """The curves of the runs that have any: a run of folds, or of one epoch, has not."""
    trained = [
        (name, one.epochs if one.valid else ()) for name, one in zip(names, facts, strict=True)
    ]
    if not any(len(epochs) > 1 for _, epochs in trained):
        return {}
    return {
        "accuracy": curves.side_by_side(trained),
        "loss": curves.side_by_side(trained, losses=True),
    }


def _row(name: str, cells: list[str]) -> Row:
    return Row(name, cells, [cell != cells[0] for cell in cells])


def _numbers(scores: Sequence[Evaluation]) -> list[tuple[str, list[Interval | None]]]:
    return [
        ("balanced accuracy", [one.balanced_accuracy for one in scores]),
        ("macro F1", [one.macro_f1 for one in scores]),
        ("log loss, in nats", [one.log_loss for one in scores]),
        ("calibration error", [one.calibration_error for one in scores]),
        ("called unknown", [one.refusal.share if one.refusal else None for one in scores]),
        (
            "accuracy of the others",
            [one.refusal.accuracy_of_accepted if one.refusal else None for one in scores],
        ),
    ]


def _about(runs: Sequence[Run], facts: Sequence[Facts]) -> Iterator[Row]:
    """What was trained, on what and for how long."""
    origins = [one.origin for one in facts]
    yield _row("data", [one.dataset.name for one in origins])
    yield _row("data fingerprint", [one.dataset.fingerprint for one in origins])
    for part in PARTS:
        yield _row(f"{part} images", [f"{sum(one.dataset.counts[part]):,}" for one in origins])
    yield _row("left out", [f"{len(one.left_out):,}" for one in facts])
    yield _row("parameters", [f"{one.num_parameters:,}" for one in origins])
    yield _row("model file", [_size(run.model) for run in runs])
    yield _row("training", [duration(one.train_seconds) for one in origins])
    yield _row("whole run", [duration(one.seconds) for one in origins])
    epochs = [
        f"{one.origin.best_epoch} of {len(one.epochs)}"
        if one.origin.best_epoch
        else count(len(one.crossed.folds) if one.crossed else 0, "fold")
        for one in facts
    ]
    yield _row("chosen epoch", epochs)
    yield _row("processor", [f"{one.processor}, {one.device}" for one in origins])
    yield _row("eyespot", [one.eyespot for one in origins])
    yield _row("command", [one.command for one in origins])


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size / 1e6:.1f} MB"
    except OSError:  # a run of folds has none, and the report needs none
        return "none"


def _recipe(facts: Sequence[Facts]) -> Iterator[Row]:
    """The fields that are not the same in all recipes."""
    for field in dict.fromkeys(field for one in facts for field in one.recipe):
        row = _row(field, [str(one.recipe.get(field, "–")) for one in facts])
        if any(row.differs):
            yield row


def _classes(scores: Sequence[Evaluation]) -> list[tuple[str, int, list[float | None]]]:
    """Each class of the first run, its images and its recall in every run; of many classes those
    first of which the runs think most differently."""
    by_name = [{one.name: one for one in score.per_class} for score in scores]
    rows = []
    for one in scores[0].per_class:
        own = [known.get(one.name) for known in by_name]
        recalls = [one.recall.value if one and one.support else None for one in own]
        rows.append((one.name, one.support, recalls))
    if len(rows) > NUM_ROWS:
        rows.sort(key=lambda row: -_spread(row[2]))
    return rows


def _spread(recalls: Sequence[float | None]) -> float:
    known = [one for one in recalls if one is not None]
    return max(known) - min(known) if known else 0.0


def _disputes(names: tuple[str, str], first: Facts, second: Facts) -> Iterator[Dispute]:
    """What only the second run got right, then what only the first did, the clearest first."""
    places = {name: row for row, name in enumerate(second.test.names)}
    rows = np.array([places[name] for name in first.test.names])
    right = first.test.predicted == first.test.labels
    other = (second.test.predicted == second.test.labels)[rows]
    gap = _truth(second)[rows] - _truth(first)
    pictures = {**second.pictures, **first.pictures}
    for words, chosen, sign in (
        (f"Only {short(names[1], 40)} is right", other & ~right, -1),
        (f"Only {short(names[0], 40)} is right", right & ~other, 1),
    ):
        members = np.flatnonzero(chosen)
        members = members[np.argsort(sign * gap[members], kind="stable")]
        kept = [index for index in members.tolist() if first.test.names[index] in pictures]
        images = [
            Disputed(
                name=first.test.names[index],
                picture=picture_uri(pictures[first.test.names[index]]),
                truth=first.test.classes[first.test.labels[index]],
                first=_said(first, index),
                second=_said(second, int(rows[index])),
            )
            for index in kept[:NUM_DISPUTED]
        ]
        yield Dispute(words, len(members), images)


def _truth(facts: Facts) -> Array:
    """The probability that a run gives to the truth of each test image."""
    truth: Array = facts.test.probs[np.arange(len(facts.test)), facts.test.labels]
    return truth


def _said(facts: Facts, index: int) -> tuple[str, float, bool]:
    said = int(facts.test.predicted[index])
    right = said == int(facts.test.labels[index])
    return facts.test.classes[said], float(facts.test.probs[index, said]), right
