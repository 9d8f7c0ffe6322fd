"""What could make the number on top of a report untrue, each in a sentence."""

from collections import Counter
from collections.abc import Iterator

from eyespot.errors import count
from eyespot.reports.facts import Facts, commonest
from eyespot.reports.words import listed, percent, short
from eyespot.values.dataset import PARTS, Issue
from eyespot.values.evaluation import Evaluation

# Below this many test images the interval of a class's recall is wider than 30 points.
FEW_IMAGES = 20
WIDE_INTERVAL = 0.05


def doubts(facts: Facts, score: Evaluation) -> list[str]:
    """All doubts, the gravest first: leaks, then luck, then what was not judged."""
    found = [*_leaks(facts), *_answers(score), *_luck(facts, score)]
    if facts.left_out:
        kinds = Counter(issue.kind for issue in facts.left_out)
        words = [f"{short(kind)} ({number:,})" for kind, number in kinds.most_common()]
        found.append(
            f"{count(len(facts.left_out), 'file or row was', 'files or rows were')} left out, "
            f"neither learnt nor judged: {listed(words)}."
        )
    return found


def _leaks(facts: Facts) -> Iterator[str]:
    """How the model may have seen what it is judged by."""
    if (crossed := facts.crossed) and crossed.ensemble and crossed.ensemble_score is None:
        yield (
            "The ensemble itself was not tested: every image was in the training part of some of "
            "its members. The number is that of the folds' models, each alone."
        )
    into = Counter((issue.kind, _part_of(issue)) for issue in facts.remarks)
    if num := into["leak", "test"]:
        yield (
            f"{count(num, 'image')} outside the test part {'equals' if num == 1 else 'equal'} "
            "one inside it: what was learnt by heart counts as right."
        )
    if num := into["near-leak", "test"]:
        yield (
            f"{count(num, 'image')} outside the test part {'has' if num == 1 else 'have'} a near "
            "twin inside it, the same picture resized or compressed again: what was learnt by "
            "heart counts as right."
        )
    if num := into["leak", "valid"] + into["near-leak", "valid"]:
        yield (
            f"{count(num, 'training image')} {'is' if num == 1 else 'are'} the same, or nearly, as "
            "one of the validation part: the epoch was chosen by what was learnt by heart."
        )
    kinds = Counter(issue.kind for issue in facts.remarks)
    if num := kinds["torn-group"]:
        yield (
            f"{count(num, 'group has', 'groups have')} images in more than one part, although "
            "what belongs to one group may be known by more than its class."
        )
    if num := kinds["near-chain"]:
        yield (
            f"{count(num, 'class is', 'classes are')} mostly images that look alike one to the "
            "next, such as frames of a film: the split may have parted neighbours."
        )
    if num := kinds["contradicting-label"]:
        yield (
            f"{count(num, 'image')} also {'occurs' if num == 1 else 'occur'} under another label: "
            "no answer can be right for both."
        )


def _part_of(issue: Issue) -> str | None:
    """The part that a leak leads into; its detail ends with it, see data/duplicates.py."""
    return next((part for part in PARTS if issue.detail.endswith(f"of the {part} part")), None)


def _answers(score: Evaluation) -> Iterator[str]:
    """What the answers themselves give away."""
    name, share = commonest(score)
    if score.accuracy.low <= share:
        yield (
            f"Always answering “{short(name)}” would be right in {percent(share, 1)}: "
            "the model is not proven to be better than that."
        )
    said = {answer for _, answer, _ in score.confusion}
    unsaid = [one.name for k, one in enumerate(score.per_class) if k not in said]
    if unsaid:
        names = listed([f"“{short(name)}”" for name in unsaid])
        yield f"The model never answered {names} on the test images."


def _luck(facts: Facts, score: Evaluation) -> Iterator[str]:
    """What other images might have given."""
    accuracy = score.accuracy
    width = accuracy.high - accuracy.low
    if width > WIDE_INTERVAL:
        yield (
            f"The interval is {100 * width:.1f} points wide: {count(score.num, 'test image')} "
            "cannot tell apart models that differ by less."
        )
    if facts.valid is not None and facts.valid.accuracy.low > accuracy.high:
        yield (
            f"Validation accuracy, {percent(facts.valid.accuracy.value, 1)}, lies above "
            "test accuracy by more than chance: the test images differ from the others."
        )
    rare = sorted(
        (one for one in score.per_class if one.support < FEW_IMAGES), key=lambda one: one.support
    )
    if rare:
        yield (
            f"{count(len(rare), 'class has', 'classes have')} fewer than {FEW_IMAGES} test images, "
            "too few to judge by themselves: "
            f"{listed([f'“{short(one.name)}” ({one.support})' for one in rare])}."
        )
    untaught = [
        one.name
        for one, num in zip(score.per_class, facts.origin.dataset.counts["train"], strict=True)
        if one.support and not num
    ]
    if untaught:
        names = listed([f"“{short(name)}”" for name in untaught])
        yield f"There was no training image of {names}: the model cannot know what to answer."
