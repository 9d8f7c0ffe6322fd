"""Pages of characters to text: find, part, read, and put in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eyespot.errors import ImageError, UsageError
from eyespot.files.tables import write_table
from eyespot.images.decode import open_image
from eyespot.images.lines import lines_of, words_of
from eyespot.images.page import Blob, Page, read_page
from eyespot.images.paper import read_paper, reduced
from eyespot.images.parallel import in_order
from eyespot.images.sheet import find_sheet
from eyespot.line.mending import mended
from eyespot.line.parting import parted
from eyespot.line.readings import Reading, reader_of
from eyespot.values.dataset import ImageInput, Pictures
from eyespot.values.model import Model
from eyespot.values.preparation import InkStyle

UNKNOWN = "?"
_LONGEST = 3600  # pixels of the longer side that is looked at; larger pages are reduced
_LEAST_CONTRAST = 10  # grey levels; what is fainter is the paper's grain
_STROKE = 1 / 8  # of a page's shorter side, that every stroke is thinner than


@dataclass(frozen=True, kw_only=True)
class Character:
    """One character on a page. line and word count from 1; words anew in every line.

    box: left, top, width and height in the picture's pixels. unknown: unlike all that the model
    knows; label is then the nearest class.
    """

    line: int
    word: int
    box: tuple[int, int, int, int]
    label: str
    probability: float
    unknown: bool

    def as_json(self) -> dict[str, object]:
        x, y, width, height = self.box
        return {
            "line": self.line,
            "word": self.word,
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "label": self.label,
            "probability": self.probability,
            "unknown": self.unknown,
        }


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """What stands on a page, in reading order. Without characters nothing is written on it."""

    name: str
    characters: tuple[Character, ...]

    @property
    def num_unknown(self) -> int:
        return sum(one.unknown for one in self.characters)

    @property
    def text(self) -> str:
        """Lines, and words with a space between them; `?` for what is unknown.

        Where labels are words themselves, a space is between them and two between words.
        """
        lines: dict[int, dict[int, list[str]]] = {}
        for one in self.characters:
            word = lines.setdefault(one.line, {}).setdefault(one.word, [])
            word.append(UNKNOWN if one.unknown else one.label)
        long = any(len(one.label) > 1 for one in self.characters)
        inside, between = (" ", "  ") if long else ("", " ")
        return "\n".join(
            between.join(inside.join(word) for word in words.values()) for words in lines.values()
        )

    def as_json(self) -> dict[str, object]:
        """The same, as `transcribe --json` prints it."""
        characters = [one.as_json() for one in self.characters]
        return {"name": self.name, "text": self.text, "characters": characters}


Transcribed = Transcript | tuple[str, ImageError]


def transcripts(
    model: Model, pages: Pictures, *, accept_all: bool = False
) -> Iterator[Transcribed]:
    """A Transcript of each page, in order; one that cannot be decoded gives its error.

    accept_all: nothing is unknown. Pages are looked at on all cores, a few ahead.
    Raises UsageError for a model of photos.
    """
    style = model.preparation.ink
    if style is None:
        raise UsageError(
            "transcribe needs a model of characters, and this one was trained on photos, or on too "
            "uneven pictures; eyespot predict says what is on a picture"
        )

    def look(source: ImageInput) -> _Look | ImageError:
        try:
            return _looked_at(source)
        except ImageError as error:
            return error

    def transcribed() -> Iterator[Transcribed]:
        for name, looked in zip(pages.names, in_order(look, pages.images), strict=True):
            if isinstance(looked, ImageError):
                yield name, looked
            else:
                readings = _readings(model, style, looked.page)
                found = _ordered(looked, readings, model.classes, accept_all)
                yield Transcript(name=name, characters=tuple(found))

    return transcribed()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    """A page, and where it lies on its picture: a pixel of the page is `scale` of the picture."""

    page: Page
    left: int
    top: int
    scale: int

    def box(self, blob: Blob) -> tuple[int, int, int, int]:
        """left, top, width and height in the picture."""
        left, top, right, bottom = (side * self.scale for side in blob.box)
        return self.left + left, self.top + top, right - left, bottom - top


def _looked_at(source: ImageInput) -> _Look:
    pixels, scale = reduced(open_image(source).pixels, _LONGEST)
    sheet = find_sheet(pixels)
    left, top = sheet.box[:2] if sheet else (0, 0)
    part = sheet.flattened(pixels) if sheet else pixels
    window = max(15, round(_STROKE * min(part.shape[:2])))
    paper = read_paper(part, longest=_LONGEST, window=window)
    ink = np.where(sheet.inside, paper.ink, 0) if sheet else paper.ink
    if paper.contrast <= _LEAST_CONTRAST:
        ink = np.zeros_like(ink)
    page = read_page(ink, paper.threshold)
    return _Look(page=page, left=left * scale, top=top * scale, scale=scale)


def _readings(model: Model, style: InkStyle, page: Page) -> list[Reading]:
    """Every character of a page, in no order."""
    read = reader_of(model, style, page.threshold)
    whole = mended(read(page.blobs), read, page.height)
    return parted(whole, read, page.height)


def _ordered(
    look: _Look, readings: list[Reading], classes: tuple[str, ...], accept_all: bool
) -> Iterator[Character]:
    boxes = np.array([one.blob.box for one in readings], np.int64).reshape(-1, 4)
    height = look.page.height
    lines = lines_of(boxes, height)
    for row, words in enumerate(words_of(boxes, lines, height), start=1):
        for column, word in enumerate(words, start=1):
            for place in word:
                probs, refusal = readings[place].probs, readings[place].refusal
                best = int(probs.argmax())
                yield Character(
                    line=row,
                    word=column,
                    box=look.box(readings[place].blob),
                    label=classes[best],
                    probability=float(probs[best]),
                    unknown=refusal is not None and refusal > 1 and not accept_all,
                )


def write_characters(path: Path, found: list[Transcribed]) -> None:
    """A row for each character: page, line, word, x, y, width, height, label, probability, ...

    ... unknown and error. A page that cannot be read has one row, with its error.
    """
    header = "page line word x y width height label probability unknown error".split()
    rows: list[list[object]] = []
    for one in found:
        if not isinstance(one, Transcript):
            name, error = one
            rows.append([name, *[""] * (len(header) - 2), str(error)])
            continue
        for character in one.characters:
            cells = character.as_json()
            cells["probability"] = f"{character.probability:.6f}"
            cells["unknown"] = "yes" if character.unknown else "no"
            rows.append([one.name, *cells.values(), ""])
    write_table(path, header, rows)
