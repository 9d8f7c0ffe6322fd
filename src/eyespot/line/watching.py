"""What is seen over time: a model's answers to frames, calmed down to changes of one label.

The answers of single frames flicker. Their probabilities are averaged over time, the latest frames
counting most, and the label that is shown gives way only to one that is clearly ahead of it.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import dropwhile

import numpy as np

from eyespot.errors import ImageError
from eyespot.images.frames import Frame
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.model import Model

BLACK_SECONDS = 1.0  # of a black picture before it is told
_MOST = 0.5  # that one frame counts: of few frames a second, too, one alone changes nothing
_REMEMBERED = 500  # frames, at most, that a change is dated back over
_BRIGHTEST = 48  # of 255, in a black picture: a covered sensor's noise reaches that far


@dataclass(frozen=True, kw_only=True)
class Calm:
    """How changes are calmed down.

    seconds: the time constant of the average; 0 takes each frame alone. margin: how far ahead a
    label must be of the one that is shown. accept_all: nothing is unknown.
    """

    seconds: float = 0.25
    margin: float = 0.2
    accept_all: bool = False


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What is to be seen: a label, something unknown with the nearest label, or nothing (None).

    probability: the share of it in the frames that it was judged by; of a label what the model
    gives it there, else how many of the frames were refused or empty.
    """

    label: str | None
    probability: float
    unknown: bool = False

    def __str__(self) -> str:
        if self.label is None:
            return "nothing"
        return f"unknown (nearest: {self.label})" if self.unknown else self.label


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something else is to be seen. time: seconds into the source, of the first frame with it.

    latency: seconds from there until it was said: what calming and computing took. name: of the
    picture that it is about, where each stands for itself.
    """

    time: float
    sight: Sight
    latency: float
    name: str = ""

    def as_json(self) -> dict[str, object]:
        """The same, as `watch --json` prints it."""
        return {
            "time": round(self.time, 3),
            "label": self.sight.label,
            "probability": round(self.sight.probability, 6),
            "unknown": self.sight.unknown,
            "latency": round(self.latency, 4),
            **({"name": self.name} if self.name else {}),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One frame, what is shown with it, the change that it brought, and how many seconds after it
    was taken it was answered."""

    frame: Frame
    sight: Sight
    change: Change | None
    lag: float


def watch(model: Model, frames: Iterable[Frame], calm: Calm = Calm()) -> Iterator[Change]:
    """The changes of what is to be seen. A picture that stands for itself is one each."""
    for look in looks(model, frames, calm):
        if look.change:
            yield look.change


def looks(
    model: Model,
    frames: Iterable[Frame],
    calm: Calm = Calm(),
    *,
    say: Callable[[str], None] = lambda sentence: None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Look]:
    """A Look at each frame. say: is told of a picture that stays black.

    Black frames, and those on which nothing is written, show nothing; they are not for the model.
    """
    steady, dark = _Steady(model.classes, calm), _Darkness(say)
    for frame in frames:
        scores = _scores(model, frame, calm, black=dark.covers(frame))
        began: float | None = frame.time
        if frame.name:
            sight = steady.alone(scores)
        else:
            sight, began = steady.add(frame.time, scores)
        lag = clock() - frame.taken
        change = None
        if began is not None:
            latency = frame.time - began + lag
            change = Change(time=began, sight=sight, latency=latency, name=frame.name)
        yield Look(frame=frame, sight=sight, change=change, lag=lag)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scores:
    """Of one frame: shares of the K classes, of unknown and of nothing, which sum to 1.

    nearest: the likeliest class, whether or not it is refused.
    """

    shares: Array
    nearest: int

    @property
    def best(self) -> int:
        return int(self.shares.argmax())

    @property
    def refused(self) -> bool:
        return bool(self.shares[-2] == 1.0)


def _scores(model: Model, frame: Frame, calm: Calm, *, black: bool) -> _Scores:
    num = len(model.classes)
    shares = np.zeros(num + 2)
    try:
        picture = None if black else prepared(frame.pixels, model.preparation)
    except ImageError:  # of pixels that are there: nothing is written on them
        picture = None
    if picture is None:
        shares[num + 1] = 1.0
        return _Scores(shares=shares, nearest=0)
    probs_NK, refusals = model.examine(picture[np.newaxis])
    if refusals is not None and refusals[0] > 1 and not calm.accept_all:
        shares[num] = 1.0
    else:
        shares[:num] = probs_NK[0]
    return _Scores(shares=shares, nearest=int(probs_NK[0].argmax()))


class _Steady:
    """The label that is shown: an average over time, and hysteresis. At first, nothing is."""

    def __init__(self, classes: tuple[str, ...], calm: Calm) -> None:
        self._classes, self._calm = classes, calm
        self._mean = np.zeros(len(classes) + 2)
        self._mean[-1] = 1.0
        self._shown = len(classes) + 1
        self._nearest = 0
        self._last: float | None = None
        self._since: deque[tuple[float, _Scores]] = deque(maxlen=_REMEMBERED)

    def alone(self, scores: _Scores) -> Sight:
        """What a picture shows that has nothing to do with those before it."""
        return self._sight(scores.best, float(scores.shares[scores.best]), scores.nearest)

    def add(self, now: float, scores: _Scores) -> tuple[Sight, float | None]:
        """What is shown with one more frame and, where that is new, the time since when."""
        self._mean += self._weight(now) * (scores.shares - self._mean)
        if scores.refused:
            self._nearest = scores.nearest
        if scores.best == self._shown:  # whatever comes, comes later than this
            self._since.clear()
        else:
            self._since.append((now, scores))
        best = int(self._mean.argmax())
        if best == self._shown or self._mean[best] - self._mean[self._shown] <= self._calm.margin:
            return self._sight(self._shown, float(self._mean[self._shown]), self._nearest), None
        since = list(self._since)  # as soon as it is the best; it may be the second of all of them
        since = list(dropwhile(lambda one: one[1].best != best, since)) or since
        began = since[0][0]
        share = float(np.mean([one.shares[best] for _, one in since]))
        self._shown = best
        self._since.clear()
        return self._sight(best, share, self._nearest), began

    def _weight(self, now: float) -> float:
        passed = 0.0 if self._last is None else max(0.0, now - self._last)
        self._last = now
        if self._calm.seconds == 0:
            return 1.0
        return min(1 - math.exp(-passed / self._calm.seconds), _MOST)

    def _sight(self, row: int, share: float, nearest: int) -> Sight:
        num = len(self._classes)
        if row == num + 1:
            return Sight(label=None, probability=share)
        label = self._classes[nearest if row == num else row]
        return Sight(label=label, probability=share, unknown=row == num)


class _Darkness:
    """Notices a picture that is black, and tells of it once if it stays so."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._since: float | None = None
        self._told = False

    def covers(self, frame: Frame) -> bool:
        """Whether this frame is black. A picture that stands for itself is taken as it is."""
        if frame.name:
            return False
        if frame.pixels[::4, ::4].max() > _BRIGHTEST:
            self._since, self._told = None, False
            return False
        self._since = frame.time if self._since is None else self._since
        if not self._told and frame.time - self._since >= BLACK_SECONDS:
            self._told = True
            self._say("the picture is black; open the camera's cover or turn on a light")
        return True
