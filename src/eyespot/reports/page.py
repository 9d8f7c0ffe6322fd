"""Writing the report: facts in, one HTML page, its charts as PNG files and a text table out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from eyespot.evaluation import confusion, mistakes, sample
from eyespot.evaluation.examples import NUM_FIRST, NUM_MISTAKES, NUM_SAMPLE, first
from eyespot.evaluation.ranking import precision_recall_curve, roc_curve
from eyespot.files.atomic import write_bytes, write_text
from eyespot.files.run import Run
from eyespot.reports import certainty, charts, curves, drawing
from eyespot.reports.doubts import doubts
from eyespot.reports.facts import Facts, commonest, read_facts
from eyespot.reports.gallery import Class, Gallery, anchor
from eyespot.reports.plaintext import classification_report
from eyespot.reports.rendering import rendered
from eyespot.reports.words import percent, short
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS
from eyespot.values.evaluation import ClassScore, Evaluation, Interval

NUM_CONFUSIONS = 20
NUM_ROWS = 30  # classes in the table that is open; the others are folded away
NUM_ISSUES = 50  # files named on the page; the others are in quarantine.csv


# What is drawn for the page and is not a file of its own.
_PAGE_ONLY = ("rate", "roc", "precision_recall")


def write(run: Run) -> Path:
    """Writes the page, the PNG files and classification_report.txt into the run folder."""
    facts = read_facts(run)
    gallery = Gallery(facts)
    by_class = gallery.by_class()
    drawings = {}
    with drawing.style():
        for name, figure in _figures(facts, by_class).items():
            drawings[name] = Markup(drawing.svg(figure, name))
            if name not in _PAGE_ONLY:
                write_bytes(run.path / f"{name}.png", drawing.png(figure))
        if facts.score:
            write_bytes(run.path / "predictions.png", drawing.png(_contact_sheet(facts)))
            text = classification_report(facts.score)
            write_text(run.path / "classification_report.txt", text)
    write_text(run.report, render(run, facts, drawings, gallery, by_class))
    return run.report


def render(
    run: Run,
    facts: Facts,
    drawings: dict[str, Markup],
    gallery: Gallery,
    by_class: Sequence[Class],
) -> str:
    """The page as HTML. Every name in it is escaped; drawings are trusted."""
    test, score = facts.test, facts.score
    wrong = test.predicted != test.labels
    return rendered(
        "report.html.j2",
        run=run,
        facts=facts,
        score=score,
        digits=digits(score) if score else 1,
        commonest=commonest(score) if score else None,
        doubts=doubts(facts, score) if score else [],
        drawings=drawings,
        parts=_parts(facts),
        left_out=Counter(issue.kind for issue in facts.left_out).most_common(),
        remarks=Counter(issue.kind for issue in facts.remarks).most_common(),
        num_issues_shown=NUM_ISSUES,
        num_wrong=int(wrong.sum()),
        num_refused_wrong=_num_refused_wrong(facts),
        small_map=len(test.classes) <= 4,
        large_map=12 < len(test.classes) <= charts.NUM_LABELS,
        linked_map=len(test.classes) <= charts.NUM_CELLS,
        confusions=_confusions(score, by_class) if score else [],
        numbers=_numbers(score) if score else [],
        classes=_classes(score, facts.origin.dataset.counts["train"]) if score else [],
        num_rows=NUM_ROWS,
        mistakes=gallery.shown(mistakes(test), NUM_MISTAKES, heats=True),
        by_class=by_class,
        num_pictures=sum(len(cell.images) for one in by_class for cell in one.cells),
        suspicious=gallery.suspicious(),
        num_sure=sum(one.sure for one in facts.suspects),
        num_suspects=len(facts.suspects),
        coarse=any(max(picture.shape) < 64 for picture in facts.pictures.values()),
        first=gallery.shown(first(test), NUM_FIRST),
        sample=gallery.shown(sample(test), NUM_SAMPLE),
    )


def digits(score: Evaluation) -> int:
    """Decimals of a percentage that the interval's width justifies."""
    return 2 if score.accuracy.high - score.accuracy.low < 0.01 else 1


def _figures(facts: Facts, by_class: Sequence[Class]) -> dict[str, Figure]:
    classes, origin, test = facts.test.classes, facts.origin, facts.test
    counts: Mapping[Any, Sequence[int]] = origin.dataset.counts
    if facts.crossed:  # an image is in each of the parts in some fold
        held = {"test": counts["test"]} if any(counts["test"]) else {}
        counts = {"images": counts["train"], **held}
    figures = {"class_distribution": charts.class_distribution(classes, counts)}
    if origin.best_epoch is not None:
        figures["accuracy"] = curves.accuracy(facts.epochs, origin.best_epoch)
        figures["loss"] = curves.loss(facts.epochs, origin.best_epoch)
        if len(facts.epochs) > 1:
            figures["rate"] = curves.rate(facts.epochs)
    if facts.score:
        links = {cell.anchor for one in by_class for cell in one.cells}

        def link(truth: int, said: int) -> str | None:
            name = anchor(truth, said)
            return f"#{name}" if name in links else None

        figures["confusion_matrix"] = charts.confusion_matrix(classes, confusion(test), link)
        figures["reliability"] = certainty.reliability([("", facts.score.reliability)])
        if test.refusal is not None:
            right = test.predicted == test.labels
            figures["refusals"] = certainty.refusals(test.refusal, right)
        if (found := roc_curve(test)) and (precision := precision_recall_curve(test)):
            figures["roc"] = certainty.roc(found)
            share = float((test.labels == 1).mean())
            figures["precision_recall"] = certainty.precision_recall(precision, share)
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


def _num_refused_wrong(facts: Facts) -> int:
    test = facts.test
    if test.refusal is None:
        return 0
    return int(((test.predicted != test.labels) & (test.refusal > 1)).sum())


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


def _confusions(
    score: Evaluation, by_class: Sequence[Class]
) -> list[tuple[str, str, int, float, str | None]]:
    """The most frequent mistakes, where the map shows no numbers.

    Each is truth, prediction, images, share of the truth's images, and where these are shown.
    """
    if len(score.per_class) <= charts.NUM_CELLS:
        return []
    links = {cell.anchor for one in by_class for cell in one.cells}
    wrong = [cell for cell in score.confusion if cell[0] != cell[1]]
    # Of equally frequent ones, those that there is something to see of.
    wrong.sort(key=lambda cell: (-cell[2], anchor(cell[0], cell[1]) not in links))
    classes = score.per_class
    return [
        (
            classes[truth].name,
            classes[said].name,
            num,
            num / classes[truth].support,
            name if (name := anchor(truth, said)) in links else None,
        )
        for truth, said, num in wrong[:NUM_CONFUSIONS]
    ]


def _numbers(score: Evaluation) -> list[tuple[str, Interval, bool]]:
    """The headline numbers with their intervals, and whether each is a share."""
    top = [(f"truth among the likeliest {k}", share, True) for k, share in score.top_k]
    both = score.binary
    binary = (
        [
            (f"ROC AUC of “{short(both.positive, 24)}”", both.roc_auc, False),
            (f"average precision of “{short(both.positive, 24)}”", both.average_precision, False),
        ]
        if both
        else []
    )
    return [
        ("accuracy", score.accuracy, True),
        ("balanced accuracy", score.balanced_accuracy, True),
        *top,
        ("macro F1", score.macro_f1, False),
        *binary,
        ("log loss, in nats", score.log_loss, False),
        ("calibration error", score.calibration_error, False),
    ]


def _classes(score: Evaluation, trained: Sequence[int]) -> list[tuple[ClassScore, int]]:
    """Each class's score and number of training images; where there are many, the worst first."""
    rows = list(zip(score.per_class, trained, strict=True))
    if len(rows) > NUM_ROWS:
        rows.sort(key=lambda row: row[0].f1.value)
    return rows
