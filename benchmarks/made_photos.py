"""Photos, scans and drawings of characters, made from clean ones: what the ink bridge is tried on.

Every picture is a pure function of its character and a seed. KINDS names what can be wrong with it.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from eyespot.values.arrays import Array

Random = np.random.Generator


def shape_of(character: Array, height: int, rng: Random, *, width: float | None = None) -> Array:
    """The character as a mask in 0..1, its longest side `height` pixels; its strokes vary.

    character: uint8 (h, w), bright ink on black. width: the strokes', as a share of the height.
    """
    rows, columns = (
        np.flatnonzero(character.max(axis=1) > 60),
        np.flatnonzero(character.max(axis=0) > 60),
    )
    box = character[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 240 / max(box.shape)
    size = [max(2, round(side * scale)) for side in box.shape[::-1]]
    fine = Image.fromarray(box).resize(size, Image.Resampling.BICUBIC)
    page = Image.new("L", (size[0] + 80, size[1] + 80))
    page.paste(fine, (40, 40))
    mask = page.filter(ImageFilter.GaussianBlur(3)).point(lambda level: 255 * (level > 110))
    own = stroke_of(np.asarray(mask)) / 240
    wanted = own * rng.uniform(0.7, 1.3) if width is None else width
    change = round((wanted - own) * 240 / 2)
    if change < -2:  # from the middle of the strokes, so that they get one width
        mask = Image.fromarray(255 * peeled(np.asarray(mask) > 127, 60).astype(np.uint8))
        change = max(0, round((wanted * 240 - 1) / 2))
    for _ in range(change):
        mask = mask.filter(ImageFilter.MaxFilter(3))
    turned = mask.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True)
    turned = turned.crop(turned.getbbox())
    scale = height / max(turned.size)
    size = [max(1, round(side * scale)) for side in turned.size]
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    found: Array = np.asarray(turned.resize(size, how)) / 255.0
    return found


def peeled(mask: Array, layers: int) -> Array:
    """Strokes without their outermost layers of pixels, but whole (Zhang and Suen 1984)."""
    before = inside = np.pad(mask, 1).astype(np.uint8)
    for step in range(2 * layers):
        before = inside.copy() if step % 2 == 0 else before
        around = [
            np.roll(inside, shift, (0, 1))
            for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
        ]
        num = sum(around)
        turns = sum(
            (a == 0) & (b == 1) for a, b in zip(around, around[1:] + around[:1], strict=True)
        )
        up, right, down, left = around[0], around[2], around[4], around[6]
        if step % 2:
            open_ = (up * right * left == 0) & (up * down * left == 0)
        else:
            open_ = (up * right * down == 0) & (right * down * left == 0)
        inside[(inside == 1) & (num >= 2) & (num <= 6) & (turns == 1) & open_] = 0
        if step % 2 and np.array_equal(before, inside):
            break
    return inside[1:-1, 1:-1] == 1


def stroke_of(mask: Array) -> float:
    """The usual width of strokes in pixels: twice the ink over its outline."""
    level = mask.astype(float) / 255
    outline = sum(np.abs(np.diff(np.pad(level, 1), axis=axis)).sum() for axis in (0, 1))
    return float(2 * level.sum() / max(outline * np.pi / 4, 1e-9))


def placed(mask: Array, size: tuple[int, int], rng: Random, *, margin: float = 0.03) -> Array:
    """The mask somewhere on a page of (height, width)."""
    page = np.zeros(size)
    free = [max(side - part, 0) for side, part in zip(size, mask.shape, strict=True)]
    top, left = (int(rng.uniform(margin, 1 - margin) * room) for room in free)
    part = mask[: size[0], : size[1]]
    page[top : top + part.shape[0], left : left + part.shape[1]] = part
    return page


def smooth_noise(size: tuple[int, int], cells: int, rng: Random) -> Array:
    """-1..1, varying over about 1 / cells of the page."""
    small = Image.fromarray(rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32))
    return np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC))


def page_of(size: tuple[int, int], colour: Array, rng: Random) -> Array:
    """Paper in float 0..255 (H, W, 3), with a little texture."""
    grain = (
        rng.normal(0, rng.uniform(0.5, 3), (*size, 1)) + 3 * smooth_noise(size, 6, rng)[..., None]
    )
    return np.broadcast_to(colour, (*size, 3)) + grain


def inked(page: Array, mask: Array, ink: Array, strength: float = 1.0) -> Array:
    return page * (1 - strength * mask[..., None]) + ink * strength * mask[..., None]


def lit(page: Array, rng: Random, *, shadow: bool) -> Array:
    """Uneven light; a shadow with a soft or sharp edge."""
    height, width = page.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    angle = rng.uniform(0, 2 * np.pi)
    along = (np.cos(angle) * (columns / width - 0.5) + np.sin(angle) * (rows / height - 0.5)) * 2
    light = 1 + rng.uniform(0.05, 0.35) * along
    if shadow:
        edge = rng.uniform(0.005, 0.15)
        dark = 1 / (1 + np.exp(-(along - rng.uniform(-0.6, 0.6)) / edge))
        light = light * (1 - rng.uniform(0.25, 0.6) * dark)
    return page * light[..., None]


def exposed(page: Array, rng: Random, *, noise: float, blur: float, quality: int) -> bytes:
    """A camera's JPEG of what is in front of it."""
    image = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    level = np.asarray(image).astype(float)
    level += rng.normal(0, noise, level.shape) + rng.normal(0, noise / 2, (*level.shape[:2], 1))
    data = io.BytesIO()
    Image.fromarray(np.clip(level, 0, 255).astype(np.uint8)).save(data, "JPEG", quality=quality)
    return data.getvalue()


def paper_colour(rng: Random) -> Array:
    return rng.uniform(170, 245) + rng.uniform(-12, 12, 3)


def pen_colour(rng: Random) -> Array:
    pens = ((25, 25, 28), (30, 40, 130), (20, 60, 160), (90, 90, 95), (170, 30, 40), (20, 90, 50))
    return np.array(pens[rng.integers(len(pens))]) + rng.uniform(-10, 10, 3)


def photo(
    character: Array,
    rng: Random,
    *,
    side: tuple[int, int] = (200, 900),
    share: tuple[float, float] = (0.2, 0.7),
    width: tuple[float, float] = (0.03, 0.14),
    shadow: bool = False,
    noise: tuple[float, float] = (0.5, 5),
    quality: tuple[int, int] = (50, 95),
    blur: tuple[float, float] = (0, 0.004),
    paper: Array | None = None,
    ink: Array | None = None,
    ruled: Callable[[Array, Random], Array] | None = None,
    around: Callable[[Array, Random], Array] | None = None,
) -> bytes:
    """A photo of a character on paper. share: of the picture, that the character has."""
    long = int(rng.uniform(*side))
    size = (long, int(long * rng.uniform(0.7, 1)))[:: rng.choice([1, -1])]
    size = (max(size[0], 12), max(size[1], 12))
    height = max(9, int(rng.uniform(*share) * min(size)))
    mask = placed(shape_of(character, height, rng, width=rng.uniform(*width)), size, rng)
    page = page_of(size, paper_colour(rng) if paper is None else paper, rng)
    if ruled:
        page = ruled(page, rng)
    page = inked(page, mask, pen_colour(rng) if ink is None else ink, rng.uniform(0.75, 1))
    page = lit(page, rng, shadow=shadow)
    if around:
        page = around(page, rng)
    strength = rng.uniform(*noise)
    return exposed(
        page,
        rng,
        noise=strength,
        blur=rng.uniform(*blur) * long,
        quality=int(rng.uniform(*quality)),
    )


def lines(page: Array, rng: Random, *, squared: bool = False) -> Array:
    """Ruled or squared paper, hardly turned."""
    height, width = page.shape[:2]
    large = Image.new("L", (width, height))
    draw = ImageDraw.Draw(large)
    step = max(6, int(max(size := page.shape[:2]) * rng.uniform(0.05, 0.16)))
    thick = max(1, int(max(size) * rng.uniform(0.002, 0.005)))
    reach = height + width
    for place in range(-reach, reach, step):
        draw.line((-reach, place, reach, place), fill=255, width=thick)
        if squared:
            draw.line((place, -reach, place, reach), fill=255, width=thick)
    turned = large.rotate(rng.uniform(-3, 3), Image.Resampling.BILINEAR)
    colours = ((120, 150, 210), (150, 150, 160), (160, 200, 220), (210, 150, 160))
    colour = np.array(colours[rng.integers(len(colours))])
    return inked(page, np.asarray(turned) / 255, colour, rng.uniform(0.4, 0.9))


def squares(page: Array, rng: Random) -> Array:
    return lines(page, rng, squared=True)


def finger(page: Array, rng: Random) -> Array:
    """A finger or two that hold the paper at its border."""
    height, width = page.shape[:2]
    large = Image.new("L", (width, height))
    draw = ImageDraw.Draw(large)
    for _ in range(rng.integers(1, 3)):
        long, thick = rng.uniform(0.06, 0.16) * height, rng.uniform(0.05, 0.1) * width
        at = rng.uniform(0.1, 0.9) * width
        draw.ellipse((at - thick, height - long, at + thick, height + long), fill=255)
    soft = large.rotate(90 * rng.integers(4), expand=True).resize((width, height))
    mask = np.asarray(soft.filter(ImageFilter.GaussianBlur(2))) / 255
    skin = np.array([(200, 150, 120), (150, 100, 75), (90, 60, 45)][rng.integers(3)])
    return inked(page, mask, skin)


def table(page: Array, rng: Random) -> Array:
    """The edge of the page, and the table beyond it, on one or two sides."""
    height, width = page.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    wood = rng.uniform(30, 120) * np.array([1.1, 0.9, 0.7])
    for _ in range(rng.integers(1, 3)):
        side, slope = rng.integers(4), rng.uniform(-0.05, 0.05)
        across = (rows / height, columns / width)[side % 2]
        along = (columns / width, rows / height)[side % 2]
        across = across if side < 2 else 1 - across
        page = np.where((across < rng.uniform(0.02, 0.1) + slope * along)[..., None], wood, page)
    return page


def drawing(character: Array, rng: Random, *, pixel: bool = False) -> Image.Image:
    """Drawn with a mouse: hard edges, no noise. pixel: lines of one pixel."""
    side = int(rng.choice([28, 56, 100, 140, 200, 280, 400]))
    height = max(10, int(side * rng.uniform(0.35, 0.85)))
    width = 1.2 / height if pixel else rng.uniform(0.05, 0.16)
    mask = placed(shape_of(character, height, rng, width=width), (side, side), rng)
    if rng.random() < 0.5:
        mask = np.where(mask > (0.3 if pixel else 0.5), 1.0, 0.0)
    level = 255 * mask if rng.random() < 0.5 else 255 - 255 * mask
    return Image.fromarray(level.astype(np.uint8))


def board(character: Array, rng: Random) -> bytes:
    """Chalk on a board."""
    paper = np.array([(25, 50, 40), (30, 30, 32), (20, 30, 60)][rng.integers(3)])
    return photo(character, rng, paper=paper, ink=rng.uniform(190, 250) + np.zeros(3))


def coloured(character: Array, rng: Random) -> bytes:
    """Coloured ink on coloured paper, far from each other in one channel at least."""
    while True:
        paper, ink = rng.uniform(20, 250, 3), rng.uniform(10, 250, 3)
        if np.abs(paper - ink).max() > 110:
            return photo(character, rng, paper=paper, ink=ink)


def see_through(character: Array, rng: Random, *, white: bool) -> Image.Image:
    """Ink with nothing behind it."""
    mask = np.asarray(drawing(character, rng))
    if mask[0].mean() > 127:
        mask = 255 - mask
    layered = np.zeros((*mask.shape, 4), np.uint8)
    layered[..., :3] = rng.integers(220, 256) if white else rng.integers(0, 60)
    layered[..., 3] = mask
    return Image.fromarray(layered)


def perspective(character: Array, rng: Random) -> bytes:
    """Seen from one side."""
    image = Image.open(io.BytesIO(photo(character, rng, quality=(95, 96))))
    width, height = image.size
    corners = [(0, 0), (0, height), (width, height), (width, 0)]
    moved = [
        (x + rng.uniform(-0.1, 0.1) * width, y + rng.uniform(-0.1, 0.1) * height)
        for x, y in corners
    ]
    quad = tuple(value for corner in moved for value in corner)
    fill = tuple(int(v) for v in np.asarray(image).reshape(-1, 3).mean(axis=0))
    turned = image.transform(
        image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor=fill
    )
    data = io.BytesIO()
    turned.save(data, "JPEG", quality=int(rng.uniform(60, 95)))
    return data.getvalue()


def cropped(character: Array, rng: Random) -> bytes:
    """Cut out tightly: the character touches sides of the picture."""
    mask = shape_of(character, int(rng.uniform(20, 200)), rng, width=rng.uniform(0.05, 0.14))
    mask = np.pad(
        mask,
        [
            (int(rng.integers(3)) * int(rng.integers(0, 5)), int(rng.integers(0, 6)))
            for _ in range(2)
        ],
    )
    page = inked(page_of(mask.shape, paper_colour(rng), rng), mask, pen_colour(rng))
    return exposed(lit(page, rng, shadow=False), rng, noise=2, blur=0.3, quality=85)


KINDS: dict[str, Callable[[Array, Random], bytes | Image.Image]] = {
    "plain": photo,
    "shadow": lambda c, rng: photo(c, rng, shadow=True),
    "ruled": lambda c, rng: photo(c, rng, ruled=lines),
    "squared": lambda c, rng: photo(c, rng, ruled=squares),
    "coloured": coloured,
    "dim": lambda c, rng: lit_dim(c, rng),
    "blurred": lambda c, rng: photo(c, rng, blur=(0.004, 0.012)),
    "blocks": lambda c, rng: photo(c, rng, quality=(8, 30), side=(100, 500)),
    "perspective": perspective,
    "marker": lambda c, rng: photo(c, rng, width=(0.14, 0.22), share=(0.4, 0.9)),
    "thin pen": lambda c, rng: photo(c, rng, width=(0.015, 0.03), share=(0.4, 0.8)),
    "fingers": lambda c, rng: photo(c, rng, around=finger, share=(0.2, 0.5)),
    "page edge": lambda c, rng: photo(c, rng, around=table, share=(0.2, 0.5)),
    "small": lambda c, rng: photo(c, rng, side=(500, 900), share=(0.035, 0.1), width=(0.06, 0.14)),
    "stamp": lambda c, rng: photo(c, rng, side=(14, 40), share=(0.6, 0.9), width=(0.07, 0.14)),
    "huge": lambda c, rng: photo(c, rng, side=(2000, 4000), share=(0.1, 0.7)),
    "board": board,
    "cropped": cropped,
    "drawing": drawing,
    "one pixel": lambda c, rng: drawing(c, rng, pixel=True),
    "dark on nothing": lambda c, rng: see_through(c, rng, white=False),
    "white on nothing": lambda c, rng: see_through(c, rng, white=True),
}


def lit_dim(character: Array, rng: Random) -> bytes:
    """Little light, much noise."""
    dim = rng.uniform(60, 110) + rng.uniform(-8, 8, 3)
    return photo(
        character, rng, paper=dim, ink=dim * rng.uniform(0.2, 0.4), noise=(6, 12), shadow=True
    )


def made(kind: str, character: Array, seed: int) -> bytes | Image.Image:
    """One picture of a character, uint8 (h, w), bright ink on black."""
    return KINDS[kind](character, np.random.default_rng([seed, list(KINDS).index(kind)]))
