"""Several runs beside the first of them, in words: which is better, or that it may be chance."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from eyespot.errors import DataError
from eyespot.evaluation.comparison import SIGNIFICANT, Comparison, compare, holm
from eyespot.evaluation.intervals import wilson
from eyespot.values.evaluation import Interval
from eyespot.values.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One run. against: how it compares with the first run; None for the first itself, and where
    they were judged by other images: verdict then says so.

    p: of McNemar's test, by Holm's rule where there are several.
    """

    name: str
    num: int
    accuracy: Interval
    against: Comparison | None
    p: float | None
    verdict: str

    @property
    def significant(self) -> bool:
        """Whether this run or the first is better, beyond what may be chance."""
        return self.p is not None and self.p < SIGNIFICANT

    def as_json(self) -> dict[str, object]:
        """The same, as `compare --json` prints it."""
        against = asdict(self.against) if self.against else None
        return {
            "run": self.name,
            "num": self.num,
            "accuracy": asdict(self.accuracy),
            "against_first": against,
            "p": self.p,
            "significant": self.significant,
            "verdict": self.verdict,
        }


def standings(names: Sequence[str], runs: Sequence[Predictions]) -> list[Standing]:
    """Each run beside the first one, by the images that judge it.

    Raises DataError for a run without test images.
    """
    for name, said in zip(names, runs, strict=True):
        if not len(said):
            raise DataError(f"{name} was judged by no image: it has no test part to compare")
    found = [_compared(runs[0], said) for said in runs[1:]]
    tested = [one for one in found if isinstance(one, Comparison)]
    adjusted = iter(holm([one.p for one in tested]))
    rows = [_standing(names[0], runs[0], None, None, "")]
    for name, said, one in zip(names[1:], runs[1:], found, strict=True):
        if isinstance(one, Comparison):
            p = next(adjusted)
            rows.append(_standing(name, said, one, p, _verdict(names[0], name, one, p)))
        else:
            rows.append(_standing(name, said, None, None, f"not compared: {one}"))
    return rows


def _compared(first: Predictions, second: Predictions) -> Comparison | DataError:
    try:
        return compare(first, second)
    except DataError as error:
        return error


def _standing(
    name: str, said: Predictions, against: Comparison | None, p: float | None, verdict: str
) -> Standing:
    right = int((said.predicted == said.labels).sum())
    return Standing(
        name=name,
        num=len(said),
        accuracy=wilson(right, len(said)),
        against=against,
        p=p,
        verdict=verdict,
    )


def _verdict(first: str, second: str, found: Comparison, p: float) -> str:
    gain = found.difference.value
    if p < SIGNIFICANT:
        better, worse = (second, first) if gain > 0 else (first, second)
        return f"{better} is better than {worse}"
    word = "gain" if gain > 0 else "loss"
    return f"this {word} is inside the noise" if gain else "neither is better"
