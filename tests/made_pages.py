"""Pages of handwritten digits, made by code, and where each digit stands on them.

H, W: height and width of a page in pixels. Ink is how much of a pixel is written on, 0..1.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from eyespot.values.arrays import Array

Range = tuple[float, float]
Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How pages of one kind are made; what is a range is drawn for each page, or each digit.

    height: of a digit, in pixels. gap: between digits of a word, space: between words, pitch:
    between lines, all in heights. turn: of the page, in degrees. wave: of the lines, in heights.
    lean: of a digit, in degrees. touching: the share of neighbours that are pushed together. sizes:
    how much larger than the page's height a digit is. blur: of the ink, in pixels; strength: how
    much of it covers the paper. shadow: how much darker the darkest corner is.
    """

    layout: Literal["words", "dates", "phones", "columns"] = "words"
    num_lines: tuple[int, int] = (5, 9)
    width: int = 1400
    height: Range = (44, 64)
    sizes: Range = (0.9, 1.1)
    gap: Range = (0.1, 0.3)
    space: Range = (0.9, 1.6)
    pitch: Range = (1.6, 2.2)
    turn: Range = (-1, 1)
    wave: float = 0.05
    lean: Range = (-6, 6)
    touching: float = 0.0
    pen: Literal["as it is", "thin", "thick"] = "as it is"
    ink: Colour = (30, 30, 40)
    paper: Colour = (236, 234, 228)
    strength: Range = (0.95, 1.0)
    grain: float = 0.0
    blur: Range = (0.5, 0.9)
    shadow: float = 0.1
    texture: float = 2.0
    ruling: Literal["none", "ruled", "squared"] = "none"
    rule: Colour = (150, 180, 215)
    specks: int = 0
    table: bool = False
    quality: int = 90


_SQUARED = Kind(ruling="squared", pitch=(1.9, 2.2))
KINDS = {
    "plain": Kind(),
    "small": Kind(height=(20, 26), width=900, blur=(0.4, 0.6)),
    "large": Kind(height=(150, 220), width=2600, num_lines=(3, 5), blur=(1, 2)),
    "sizes mixed": Kind(sizes=(0.7, 1.35), pitch=(2.0, 2.4)),
    "turned": Kind(turn=(-9, 9)),
    "uneven lines": Kind(wave=0.35, pitch=(2.0, 2.6)),
    "shadow": Kind(shadow=0.65, texture=4),
    "rough paper": Kind(texture=12, paper=(205, 190, 165)),
    "ruled": Kind(ruling="ruled", pitch=(1.9, 2.2)),
    "squared": _SQUARED,
    "squared, turned": replace(_SQUARED, turn=(-7, 7)),
    "blue ink": Kind(ink=(40, 60, 160), paper=(242, 236, 205)),
    "pencil": Kind(ink=(90, 90, 95), strength=(0.55, 0.8), grain=0.35, pen="thin"),
    "marker": Kind(pen="thick", ink=(150, 30, 40), gap=(0.2, 0.4)),
    "chalk": Kind(ink=(225, 225, 220), paper=(45, 60, 52), grain=0.3, texture=6),
    "columns": Kind(layout="columns", num_lines=(6, 10)),
    "dates": Kind(layout="dates", num_lines=(6, 9)),
    "phones": Kind(layout="phones", num_lines=(6, 9)),
    "specks, on a table": Kind(specks=150, table=True, shadow=0.3),
    "a tenth touching": Kind(touching=0.1),
    "a third touching": Kind(touching=1 / 3),
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """One digit of a page. box: left, top, width and height in pixels."""

    label: str
    box: tuple[int, int, int, int]
    line: int
    word: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MadePage:
    """pixels: uint8 (H, W, 3). truths: in reading order."""

    pixels: Array
    truths: tuple[Truth, ...]

    @property
    def text(self) -> str:
        """As it is to be read: lines, and words with a space between them."""
        lines: dict[int, dict[int, str]] = {}
        for one in self.truths:
            words = lines.setdefault(one.line, {})
            words[one.word] = words.get(one.word, "") + one.label
        return "\n".join(" ".join(words.values()) for words in lines.values())


def made_page(images: Array, labels: Array, kind: Kind, *, seed: int) -> MadePage:
    """A page of the kind, written with digits drawn from uint8 (N, 28, 28), light on dark."""
    rng = np.random.default_rng([seed, 77])
    height = rng.uniform(*kind.height)
    num_lines = int(rng.integers(kind.num_lines[0], kind.num_lines[1] + 1))
    pitch = height * rng.uniform(*kind.pitch)
    margin = 2 * height
    page_height = round(2 * margin + pitch * num_lines)
    ink = np.zeros((page_height, kind.width), np.float32)
    owner = np.zeros(ink.shape, np.int32)
    written: list[tuple[str, int, int]] = []
    starts = [margin + rng.uniform(0, height)]
    for row in range(num_lines):
        if kind.layout == "columns":
            starts = [margin + column * kind.width / 4.2 for column in range(4)]
        x, base = starts[0], margin + pitch * (row + 0.5)
        phase, length = rng.uniform(0, 6.3), rng.uniform(0.5, 1) * kind.width
        for word, size in enumerate(_words(kind, rng)):
            if kind.layout == "columns":
                if word >= len(starts):
                    break
                x = starts[word] + rng.uniform(0, 0.3) * height
            for place in range(size):
                chosen = int(rng.integers(len(images)))
                glyph = _glyph(images[chosen], height * rng.uniform(*kind.sizes), kind, rng)
                if x + glyph.shape[1] > kind.width - margin:
                    break
                y = base + kind.wave * height * np.sin(phase + 6.3 * x / length)
                top = round(y + 0.05 * height * rng.normal() - glyph.shape[0] / 2)
                if place and rng.random() < kind.touching:
                    x = _pushed(ink, glyph, x, top)
                written.append((str(labels[chosen]), row, word))
                _write(ink, owner, glyph, (top, round(x)), len(written))
                x += glyph.shape[1] + height * rng.uniform(*kind.gap)
            x += height * rng.uniform(*kind.space)
    return _photographed(ink, owner, written, kind, pitch, rng)


def _words(kind: Kind, rng: np.random.Generator) -> Sequence[int]:
    """How many digits each word of a line has; lines end where the paper does."""
    if kind.layout == "dates":
        return (2, 2, 4, 2, 2, 4)
    if kind.layout == "phones":
        return (int(rng.integers(3, 5)), 3, 2, 2)
    if kind.layout == "columns":
        return [int(size) for size in rng.integers(1, 5, 4)]
    return [int(size) for size in rng.integers(1, 7, rng.integers(2, 6))]


def _glyph(image: Array, height: float, kind: Kind, rng: np.random.Generator) -> Array:
    """Ink, float32, of one digit: scaled, leaning, with sharper edges, without its margins."""
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 40) for axis in (1, 0))
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 2 * height / max(cut.shape[0], 12)  # a flat one stays flat
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    glyph = Image.fromarray(np.pad(cut, 3)).resize(
        (size[0] + round(6 * scale), size[1] + round(6 * scale)), Image.Resampling.BICUBIC
    )
    glyph = glyph.rotate(rng.uniform(*kind.lean), Image.Resampling.BICUBIC)
    level = {"as it is": 110, "thin": 170, "thick": 50}[kind.pen]
    values = (np.asarray(glyph, np.float32) - level) / 60 + 0.5
    glyph = Image.fromarray((255 * values.clip(0, 1)).astype(np.uint8))
    if kind.pen == "thick":
        glyph = glyph.filter(ImageFilter.MaxFilter(2 * round(height / 20) + 1))
    glyph = glyph.resize((glyph.width // 2, glyph.height // 2), Image.Resampling.BOX)
    ink = np.asarray(glyph, np.float32) / 255
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.3) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _pushed(ink: Array, glyph: Array, x: float, top: int) -> float:
    """How far to the right the digit stands when it just touches what is on its left."""
    tall, wide = glyph.shape
    for left in range(round(x), round(x) - tall, -1):
        under = ink[top : top + tall, left : left + wide]
        if ((under > 0.5) & (glyph > 0.5)).sum() > 0.02 * tall:
            return left
    return x


def _write(ink: Array, owner: Array, glyph: Array, place: tuple[int, int], number: int) -> None:
    top, left = place
    tall, wide = glyph.shape
    area = slice(top, top + tall), slice(left, left + wide)
    owner[area] = np.where((glyph > 0.4) & (glyph >= ink[area]), number, owner[area])
    ink[area] = np.maximum(ink[area], glyph)


def _photographed(
    ink: Array,
    owner: Array,
    written: Sequence[tuple[str, int, int]],
    kind: Kind,
    pitch: float,
    rng: np.random.Generator,
) -> MadePage:
    """The page as a camera sees it, and the boxes of its digits there."""
    angle = rng.uniform(*kind.turn)
    rules = _rules(ink.shape, kind, pitch)
    _speckle(ink, kind, rng)

    def turned(layer: Array, resample: Image.Resampling) -> Array:
        return np.asarray(Image.fromarray(layer).rotate(angle, resample, expand=True))

    ink, rules = turned(ink, Image.Resampling.BICUBIC), turned(rules, Image.Resampling.BICUBIC)
    owner = turned(owner, Image.Resampling.NEAREST)
    blur = ImageFilter.GaussianBlur(rng.uniform(*kind.blur))
    soft = np.asarray(Image.fromarray((255 * ink.clip(0, 1)).astype(np.uint8)).filter(blur)) / 255.0
    grain = 1 - kind.grain * rng.random(soft.shape)
    cover = (soft * grain * rng.uniform(*kind.strength))[..., np.newaxis]
    pixels = np.ones(soft.shape)[..., np.newaxis] * kind.paper
    pixels += (np.array(kind.rule) - pixels) * (0.7 * rules.clip(0, 1)[..., np.newaxis])
    pixels += (np.array(kind.ink) - pixels) * cover
    pixels *= _light(soft.shape, kind.shadow, rng)[..., np.newaxis]
    pixels += (kind.texture * _cloud(soft.shape, rng))[..., np.newaxis]
    pixels += rng.normal(0, 1 + kind.texture / 3, soft.shape)[..., np.newaxis]
    left = top = 0
    if kind.table:
        pixels, (left, top) = _on_a_table(pixels, rng)
    truths = []
    for number, (label, line, word) in enumerate(written, start=1):
        rows, columns = np.nonzero(owner == number)
        if len(rows):
            width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
            box = columns.min() + left, rows.min() + top, width, height
            truths.append(Truth(label=label, box=tuple(map(int, box)), line=line, word=word))
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=kind.quality)
    return MadePage(pixels=np.asarray(Image.open(file)), truths=tuple(truths))


def _rules(shape: tuple[int, int], kind: Kind, pitch: float) -> Array:
    """Ink of the printed lines: ruled where the writing stands, squares of half of that."""
    rules = np.zeros(shape, np.float32)
    step = pitch if kind.ruling == "ruled" else pitch / 2
    thick = max(1, round(pitch / 50))
    if kind.ruling != "none":
        for y in np.arange(pitch / 2, shape[0], step):
            rules[int(y) : int(y) + thick] = 1
    if kind.ruling == "squared":
        for x in np.arange(pitch / 3, shape[1], step):
            rules[:, int(x) : int(x) + thick] = 1
    return rules


def _speckle(ink: Array, kind: Kind, rng: np.random.Generator) -> None:
    """Dirt: round dots of one to three pixels."""
    image = Image.new("L", ink.shape[::-1])
    draw = ImageDraw.Draw(image)
    for _ in range(kind.specks):
        x, y, radius = rng.uniform(0, ink.shape[1]), rng.uniform(0, ink.shape[0]), rng.uniform(0, 2)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    np.maximum(ink, np.asarray(image, np.float32) / 255, out=ink)


def _light(shape: tuple[int, int], shadow: float, rng: np.random.Generator) -> Array:
    """Factors of brightness: falling off to one side, and a shadow with a soft edge."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    angle = rng.uniform(0, 6.3)
    along = np.cos(angle) * x / shape[1] + np.sin(angle) * y / shape[0]
    along = (along - along.min()) / np.ptp(along)
    edge = 1 / (1 + np.exp(-(along - rng.uniform(0.4, 0.7)) / 0.04))
    factors: Array = 1 - 0.5 * shadow * along - 0.5 * shadow * edge
    return factors


def _cloud(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Smooth noise of several sizes, about -1..1."""
    total = np.zeros(shape)
    for cells in (6, 30, 120):
        coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        total += np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
    return total / 3


def _on_a_table(pixels: Array, rng: np.random.Generator) -> tuple[Array, tuple[int, int]]:
    """The sheet on dark wood, and how far it lies from the picture's left and top."""
    left, top = (int(side) for side in rng.integers(40, 120, 2))
    height, width = pixels.shape[0] + 2 * top, pixels.shape[1] + 2 * left
    wood = np.ones((height, width, 1)) * (88, 62, 44)
    wood += (9 * np.sin(np.arange(height) / 7 + rng.uniform(0, 6)))[:, np.newaxis, np.newaxis]
    wood += rng.normal(0, 3, (height, width, 1))
    wood[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return wood, (left, top)
