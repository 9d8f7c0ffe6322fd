"""The images on the page of a report, from the pictures that the run folder keeps."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from eyespot.evaluation import mistakes
from eyespot.evaluation.examples import NUM_SUSPECTS
from eyespot.reports import charts
from eyespot.reports.facts import Facts
from eyespot.reports.thumbnails import picture_uri


class Shown(NamedTuple):
    """One image on the page. picture, heat: data URIs; heat: where the net looked, if known.

    truth, said: the label and the answer, with their probabilities. unknown: it was refused.
    """

    name: str
    picture: str
    heat: str | None
    truth: str
    own: float
    said: str
    probability: float
    wrong: bool
    unknown: bool


class Cell(NamedTuple):
    """The mistakes of one truth and one answer. images: those shown of num, the worst first."""

    anchor: str
    truth: str
    said: str
    num: int
    images: list[Shown]


class Class(NamedTuple):
    """The mistakes of one class; name None: of all classes, where there are too many to part."""

    name: str | None
    num: int
    num_images: int
    cells: list[Cell]


class Suspicious(NamedTuple):
    """An image whose label may be wrong. picture: a data URI, None where it was not kept."""

    name: str
    picture: str | None
    label: str
    own: float
    proposed: str
    probability: float


class Gallery:
    """The images of a run, each encoded once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._uris: dict[str, str] = {}
        self._predicted = facts.test.predicted

    def shown(self, indices: Iterable[int], most: int, *, heats: bool = False) -> list[Shown]:
        """The first of these test images of which there is a picture."""
        test, pictures = self._facts.test, self._facts.pictures
        kept = [int(index) for index in indices if test.names[index] in pictures]
        return [self._shown(index, heats=heats) for index in kept[:most]]

    def by_class(self) -> list[Class]:
        """The mistakes that there are pictures of, by truth and answer: least probability for the
        truth first. Of many classes all together."""
        test, score = self._facts.test, self._facts.score
        if score is None:
            return []
        members: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index in mistakes(test).tolist():
            if test.names[index] in self._facts.pictures:
                members[int(test.labels[index]), int(self._predicted[index])].append(index)
        sizes = {(truth, said): num for truth, said, num in score.confusion}
        cells = [
            (truth, self._cell(truth, said, sizes[truth, said], members[truth, said]))
            for truth, said in sorted(members)
        ]
        if len(test.classes) > charts.NUM_CELLS:
            num_wrong = sum(num for truth, said, num in score.confusion if truth != said)
            every = [cell for _, cell in cells]
            return [Class(None, num_wrong, score.num, every)] if every else []
        return [
            Class(
                name=one.name,
                num=sum(num for truth, said, num in score.confusion if truth == k != said),
                num_images=one.support,
                cells=own,
            )
            for k, one in enumerate(score.per_class)
            if (own := [cell for truth, cell in cells if truth == k])
        ]

    def suspicious(self) -> list[Suspicious]:
        """The labels that are surely in doubt; one that there is no picture of comes without."""
        return [
            Suspicious(
                name=one.name,
                picture=self._uri(one.name) if one.name in self._facts.pictures else None,
                label=one.label,
                own=one.own,
                proposed=one.proposed,
                probability=one.probability,
            )
            for one in [one for one in self._facts.suspects if one.sure][:NUM_SUSPECTS]
        ]

    def _cell(self, truth: int, said: int, num: int, members: list[int]) -> Cell:
        classes = self._facts.test.classes
        images = self.shown(members, len(members))
        return Cell(anchor(truth, said), classes[truth], classes[said], num, images)

    def _shown(self, index: int, *, heats: bool) -> Shown:
        test = self._facts.test
        name, truth, said = test.names[index], test.labels[index], self._predicted[index]
        return Shown(
            name=name,
            picture=self._uri(name),
            heat=self._heat(name) if heats else None,
            truth=test.classes[truth],
            own=float(test.probs[index, truth]),
            said=test.classes[said],
            probability=float(test.probs[index, said]),
            wrong=bool(said != truth),
            unknown=bool(test.refusal is not None and test.refusal[index] > 1),
        )

    def _uri(self, name: str) -> str:
        if name not in self._uris:
            self._uris[name] = picture_uri(self._facts.pictures[name])
        return self._uris[name]

    def _heat(self, name: str) -> str | None:
        heat = self._facts.heats.get(name)
        if heat is None:
            return None
        from eyespot.evaluation.heat import overlaid

        return picture_uri(overlaid(self._facts.pictures[name], heat))


def anchor(truth: int, said: int) -> str:
    """The id of the place on the page where a cell's images lie; numbers, since names may be
    anything."""
    return f"cell-{truth}-{said}"
