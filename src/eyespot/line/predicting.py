"""Answers about many pictures: told one by one, and kept in a table that survives a kill."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from eyespot.models.growing import GrowingTable, growing_table
from eyespot.models.loading import model_path
from eyespot.models.predict import Asked, answers, together
from eyespot.models.tables import Result, num_broken
from eyespot.values.dataset import Pictures
from eyespot.values.model import Model


@dataclass(frozen=True, kw_only=True)
class Told:
    """How many pictures were answered: num of them, num_before by an earlier run that was
    interrupted; num_broken cannot be read."""

    num: int
    num_before: int
    num_broken: int

    def __str__(self) -> str:
        before = f" ({self.num_before:,} of them before)" if self.num_before else ""
        return f"{self.num:,} answers{before}"


def predict_into(
    path: Path,
    model: Model,
    source: str | Path,
    pictures: Pictures,
    asked: Asked,
    *,
    on_answer: Callable[[Result], None],
) -> Told:
    """Answers about all pictures in a table at `path`, each told to `on_answer` as well.

    The same call goes on where another was interrupted, whatever ended it, and the table is the
    same as if nothing had been. source: the model's file or run folder. Memory does not grow with
    the answers.
    """
    part = together(pictures.images, model.preparation.size)
    file = model_path(source)
    about = {"model": hashlib.sha256(file.read_bytes()).hexdigest(), **asdict(asked)}
    with growing_table(
        path,
        pictures.names,
        about,
        top=min(asked.top, len(model.classes)),
        sets=asked.coverage is not None,
        together=part,
    ) as table:
        num, start = len(pictures), table.num_before
        images = pictures.images[start:] if start else pictures.images
        found = answers(model, images, pictures.names[start:], asked, part=part)
        broken = table.num_broken + _written(found, table, on_answer, part)
    return Told(num=num, num_before=start, num_broken=broken)


def _written(
    found: Iterable[Result], table: GrowingTable, on_answer: Callable[[Result], None], part: int
) -> int:
    """How many pictures cannot be read."""
    broken = 0
    waiting: Iterator[Result] = iter(found)
    while batch := list(islice(waiting, part)):
        table.add(batch)
        broken += num_broken(batch)
        for result in batch:
            on_answer(result)
    return broken
