"""Pages with what was found on them drawn in, for a person to look at."""

from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eyespot.errors import ImageError
from eyespot.files.atomic import write_bytes
from eyespot.images.decode import open_image
from eyespot.images.encode import encoded
from eyespot.line.drawings import png_names, tame
from eyespot.line.transcribing import Character, Transcribed, Transcript
from eyespot.values.arrays import Array
from eyespot.values.dataset import Pictures

_WORDS, _UNKNOWN = ((0, 130, 60), (20, 80, 200)), (210, 30, 30)  # words take turns
_LONGEST = 2400  # pixels of the longer side; larger pages are drawn smaller


def write_marked(pages: Pictures, results: Sequence[Transcribed], folder: Path) -> int:
    """Writes a PNG for each page that could be read; returns how many.

    results: what `transcripts` gave for the pages. folder: an empty one. Raises ImageError for a
    page that is gone meanwhile.
    """
    good = [
        (source, result)
        for source, result in zip(pages.images, results, strict=True)
        if isinstance(result, Transcript)
    ]
    names = png_names(tame(PurePath(result.name).stem, "page") for _, result in good)
    for (source, result), name in zip(good, names, strict=True):
        try:
            pixels = open_image(source).pixels
        except ImageError as error:
            raise ImageError(f"{result.name} {error}") from error
        write_bytes(folder / name, encoded(marked(pixels, result.characters), ".png"))
    return len(good)


def marked(pixels: Array, characters: Sequence[Character]) -> Array:
    """A page, uint8 (H, W, C), with a box around each character and its label above.

    The words of a line take turns in green and blue. What is unknown is red, with the nearest
    class.
    """
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2))
    scale = min(1.0, _LONGEST / max(image.size))
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in image.size)
        image = image.resize((width, height))
    draw = ImageDraw.Draw(image)
    thickness = max(1, round(max(image.size) / 1200))
    for one in characters:
        x, y, width, height = (round(scale * side) for side in one.box)
        colour = _UNKNOWN if one.unknown else _WORDS[one.word % 2]
        box = (x - 2, y - 2, x + width + 1, y + height + 1)
        draw.rectangle(box, outline=colour, width=thickness)
        font = ImageFont.load_default(size=max(10.0, 0.35 * height))
        draw.text((x, y - 3), one.label, fill=colour, anchor="lb", font=font)
    return np.asarray(image)
