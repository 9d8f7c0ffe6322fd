"""How good models are as text: classification_report.txt, and what two verbs print."""

from collections.abc import Iterator, Sequence

from eyespot.evaluation.conformal import SetScore
from eyespot.reports.standings import Standing
from eyespot.reports.words import short
from eyespot.values.evaluation import Averages, Evaluation, Interval

_CLASSES = ("class", "precision", "recall", "its 95 % interval", "F1", "images")
_HEADLINES = ("", "value", "95 % interval", "")
_STANDINGS = ("run", "accuracy", "95 % interval", "difference", "95 % interval", "p")
_RELIABILITY = ("confidence", "right", "95 % interval", "images")


def classification_report(score: Evaluation) -> str:
    """Each class's precision, recall with its interval, F1 and number of images; then the headline
    numbers with theirs, and how often answers of each confidence are right."""
    blocks = [
        _aligned([_CLASSES, *_classes(score)], "<>>>>>"),
        _aligned([_HEADLINES, *_headlines(score)], "<>><"),
        _aligned([_RELIABILITY, *_reliability(score)], "<>>>"),
    ]
    return "\n\n".join(blocks) + "\n"


def set_report(score: SetScore) -> str:
    """How often the sets of classes hold the truth, and how large they are."""
    asked = f"{100 * score.asked:g} %"
    if not score.enough:
        return f"too few validation images for {asked}: every set holds all classes\n"
    rows = [
        (f"sets for {asked}", "value", "95 % interval", ""),
        ("hold the truth", *_numbers(score.observed), f"of {score.num:,} images"),
        ("have one class", *_numbers(score.single), ""),
        ("classes in a set", *_numbers(score.size), ""),
    ]
    return _aligned(rows, "<>><") + "\n"


def comparison_report(found: Sequence[Standing]) -> str:
    """How several runs stand beside the first: two in words, more as a table and a line each."""
    if len(found) > 2:
        table = _aligned([_STANDINGS, *map(_standing, found)], "<>>>>>")
        return "\n".join([table, "", *(f"{one.name}: {one.verdict}" for one in found[1:])]) + "\n"
    second = found[1]
    rows, told = [(one.name, str(one.accuracy)) for one in found], [second.verdict]
    if pair := second.against:
        gain = pair.difference
        interval = f"{gain.value:+.4f} (95 % interval {gain.low:+.4f} to {gain.high:+.4f})"
        rows.append(("difference", interval))
        told.insert(
            0,
            f"of {pair.num:,} images only the first got {pair.lost:,} right, only the second "
            f"{pair.gained:,}; McNemar's exact test: p = {pair.p:.2g}",
        )
    return "\n".join([_aligned(rows, "<<"), *told]) + "\n"


def _standing(one: Standing) -> tuple[str, ...]:
    if not one.against:
        return one.name, *_numbers(one.accuracy), "", "", ""
    gain = one.against.difference
    interval = f"{gain.low:+.4f} to {gain.high:+.4f}"
    return one.name, *_numbers(one.accuracy), f"{gain.value:+.4f}", interval, f"{one.p:.2g}"


def _classes(score: Evaluation) -> Iterator[tuple[str, ...]]:
    for one in score.per_class:
        precision, f1 = f"{one.precision.value:.4f}", f"{one.f1.value:.4f}"
        yield short(one.name, 40), precision, *_numbers(one.recall), f1, f"{one.support:,}"
    for name, mean in (("macro mean", score.macro), ("weighted mean", score.weighted)):
        yield _mean(name, mean, score.num)


def _mean(name: str, mean: Averages, num: int) -> tuple[str, ...]:
    return name, f"{mean.precision:.4f}", f"{mean.recall:.4f}", "", f"{mean.f1:.4f}", f"{num:,}"


def _headlines(score: Evaluation) -> Iterator[tuple[str, ...]]:
    yield "accuracy", *_numbers(score.accuracy), f"of {score.num:,} images"
    yield "balanced accuracy", *_numbers(score.balanced_accuracy), "mean recall of the classes"
    for k, share in score.top_k:
        yield f"top-{k} accuracy", *_numbers(share), f"truth among the {k} likeliest"
    yield "macro F1", *_numbers(score.macro_f1), ""
    if both := score.binary:
        positive = f"of '{short(both.positive, 40)}'"
        yield "ROC AUC", *_numbers(both.roc_auc), positive
        yield "average precision", *_numbers(both.average_precision), positive
    yield "log loss", *_numbers(score.log_loss), "nats, less is better"
    yield "calibration error", *_numbers(score.calibration_error), "less is better"
    if refusal := score.refusal:
        yield "refused", *_numbers(refusal.share), "called unknown"
        if accepted := refusal.accuracy_of_accepted:
            yield "accuracy without them", *_numbers(accepted), ""


def _reliability(score: Evaluation) -> Iterator[tuple[str, ...]]:
    for one in score.reliability:
        if one.accuracy:
            yield f"{one.confidence:.4f}", *_numbers(one.accuracy), f"{one.num:,}"


def _numbers(one: Interval) -> tuple[str, str]:
    return f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}"


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> str:
    """Rows of cells in columns; sides: < or > for each column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    )
