"""Writing the report: facts in, one HTML page, its charts as PNG files and a text table out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure

from eyespot.evaluation import confusion, mistakes, sample
from eyespot.evaluation.examples import NUM_MISTAKES, NUM_SAMPLE
from eyespot.files import Run, write_bytes, write_text
from eyespot.reports import charts, drawing
from eyespot.reports.facts import Facts, commonest, doubts, read_facts
from eyespot.reports.rendering import rendered
from eyespot.reports.thumbnails import png_uri
from eyespot.reports.words import percent, short
from eyespot.values import PARTS, Array, ClassScore, Evaluation

NUM_CONFUSIONS = 20
NUM_ROWS = 30  # classes in the table that is open; the others are folded away
NUM_ISSUES = 50  # files named on the page; the others are in quarantine.csv


class Shown(NamedTuple):
    """One test image on the page. picture: a data URI."""

    name: str
    picture: str
    truth: str
    said: str
    probability: float
    wrong: bool


def write(run: Run) -> Path:
    """Writes the page, the PNG files and classification_report.txt into the run folder."""
    facts = read_facts(run)
    drawings = {}
    with drawing.style():
        for name, figure in _figures(facts).items():
            drawings[name] = Markup(drawing.svg(figure, name))
            if name != "rate":
                write_bytes(run.path / f"{name}.png", drawing.png(figure))
        if facts.score:
            write_bytes(run.path / "predictions.png", drawing.png(_contact_sheet(facts)))
            text = classification_report(facts.score)
            write_text(run.path / "classification_report.txt", text)
    write_text(run.report, render(run, facts, drawings))
    return run.report


def render(run: Run, facts: Facts, drawings: dict[str, Markup]) -> str:
    """The page as HTML. Every name in it is escaped; drawings are trusted."""
    return rendered(
        "report.html.j2",
        run=run,
        facts=facts,
        score=facts.score,
        digits=digits(facts.score) if facts.score else 1,
        commonest=commonest(facts.score) if facts.score else None,
        doubts=doubts(facts, facts.score) if facts.score else [],
        drawings=drawings,
        parts=_parts(facts),
        left_out=Counter(issue.kind for issue in facts.left_out).most_common(),
        remarks=Counter(issue.kind for issue in facts.remarks).most_common(),
        num_issues_shown=NUM_ISSUES,
        num_wrong=int((facts.test.predicted != facts.test.labels).sum()),
        large_map=12 < len(facts.test.classes) <= charts.NUM_LABELS,
        confusions=_confusions(facts.score) if facts.score else [],
        classes=_classes(facts.score, facts.origin.dataset.counts["train"]) if facts.score else [],
        num_rows=NUM_ROWS,
        mistakes=_shown(facts, mistakes(facts.test), NUM_MISTAKES),
        coarse=any(max(picture.shape) < 64 for picture in facts.pictures.values()),
        sample=_shown(facts, sample(facts.test), NUM_SAMPLE),
    )


def classification_report(score: Evaluation) -> str:
    """Precision, recall, F1 and number of images per class as aligned text."""
    names = [short(one.name, 40) for one in score.per_class]
    width = max(12, *map(len, names))
    lines = [f"{'':{width}}  precision  recall      f1  images"]
    lines += [
        f"{name:>{width}}  {one.precision:9.4f}  {one.recall:6.4f}  {one.f1:6.4f}  {one.support:6d}"
        for name, one in zip(names, score.per_class, strict=True)
    ]
    accuracy = score.accuracy
    lines += [
        "",
        f"{'accuracy':>{width}}  {accuracy.value:.4f}, "
        f"95 % interval {accuracy.low:.4f} to {accuracy.high:.4f}, of {score.num} images",
        f"{'macro f1':>{width}}  {score.macro_f1:.4f}",
        f"{'log loss':>{width}}  {score.log_loss:.4f}",
    ]
    return "\n".join(lines) + "\n"


def digits(score: Evaluation) -> int:
    """Decimals of a percentage that the interval's width justifies."""
    return 2 if score.accuracy.high - score.accuracy.low < 0.01 else 1


def _figures(facts: Facts) -> dict[str, Figure]:
    classes, origin = facts.test.classes, facts.origin
    counts: Mapping[Any, Sequence[int]] = origin.dataset.counts
    if facts.crossed:  # an image is in each of the parts in some fold
        held = {"test": counts["test"]} if any(counts["test"]) else {}
        counts = {"images": counts["train"], **held}
    figures = {"class_distribution": charts.class_distribution(classes, counts)}
    if origin.best_epoch is not None:
        figures["accuracy"] = charts.accuracy(facts.epochs, origin.best_epoch)
        figures["loss"] = charts.loss(facts.epochs, origin.best_epoch)
        figures["rate"] = charts.rate(facts.epochs)
    if facts.score:
        figures["confusion_matrix"] = charts.confusion_matrix(classes, confusion(facts.test))
    return figures


def _contact_sheet(facts: Facts) -> Figure:
    test, pictures, captions = facts.test, [], []
    for index in _with_picture(facts, sample(facts.test))[:NUM_SAMPLE]:
        said, truth = test.predicted[index], test.labels[index]
        caption = f"{short(test.classes[said], 12)} {percent(test.probs[index, said])}"
        if said != truth:
            caption += f"\nis {short(test.classes[truth], 12)}"
        pictures.append(facts.pictures[test.names[index]])
        captions.append((caption, bool(said != truth)))
    return charts.contact_sheet(pictures, captions)


def _with_picture(facts: Facts, indices: Array) -> list[int]:
    return [index for index in indices.tolist() if facts.test.names[index] in facts.pictures]


def _shown(facts: Facts, indices: Array, most: int) -> list[Shown]:
    test, predicted = facts.test, facts.test.predicted
    return [
        Shown(
            name=test.names[index],
            picture=png_uri(facts.pictures[test.names[index]]),
            truth=test.classes[test.labels[index]],
            said=test.classes[predicted[index]],
            probability=float(test.probs[index, predicted[index]]),
            wrong=bool(predicted[index] != test.labels[index]),
        )
        for index in _with_picture(facts, indices)[:most]
    ]


def _parts(facts: Facts) -> list[tuple[str, int, float]]:
    """Each part's name, number of images and share of all."""
    totals = [sum(facts.origin.dataset.counts[part]) for part in PARTS]
    names = ["training", "validation", "test"]
    if facts.crossed:
        names, totals = ["in the folds", "kept out of them"], [totals[0], totals[2]]
    return [
        (name, total, total / max(sum(totals), 1))
        for name, total in zip(names, totals, strict=True)
    ]


def _confusions(score: Evaluation) -> list[tuple[str, str, int, float]]:
    """The most frequent mistakes, where the map shows no numbers.

    Each is truth, prediction, images, share of the truth's images.
    """
    if len(score.per_class) <= charts.NUM_CELLS:
        return []
    wrong = [cell for cell in score.confusion if cell[0] != cell[1]]
    classes = score.per_class
    return [
        (classes[truth].name, classes[said].name, num, num / classes[truth].support)
        for truth, said, num in sorted(wrong, key=lambda cell: -cell[2])[:NUM_CONFUSIONS]
    ]


def _classes(score: Evaluation, trained: Sequence[int]) -> list[tuple[ClassScore, int]]:
    """Each class's score and number of training images; where there are many, the worst first."""
    rows = list(zip(score.per_class, trained, strict=True))
    if len(rows) > NUM_ROWS:
        rows.sort(key=lambda row: row[0].f1)
    return rows
