"""Small pictures inside a page, as data URIs."""

import base64
import io
from collections import Counter
from collections.abc import Iterable
from typing import Any

from PIL import Image

from eyespot.errors import ImageError
from eyespot.images.decode import open_image
from eyespot.images.parallel import in_order
from eyespot.values.arrays import Array

SIDE = 96  # pixels of the longer side, at most
_EXACT_SIDE = 48  # below, a blur or a spot of JPEG would be taken for the picture's
_LARGE_SIDE = 160  # about what a screen of two pixels to the point shows of it
_QUALITY = 80


def picture_uri(picture: Array) -> str:
    """A picture, uint8 (H, W, C): as it is up to 48 pixels, larger ones smaller and as JPEG."""
    image = _image(picture)
    if max(image.size) <= _EXACT_SIDE:
        return _uri("png", _encoded(image, "PNG"))
    return _smallest(_within(image, _LARGE_SIDE))


def thumbnails(images: Any, places: Iterable[int], *, most_bytes: int) -> dict[int, str]:
    """A small version of each of these images, decoded again on all cores, by its place.

    Those that cannot be decoded are missing, and so are the last ones when all of them together
    would be longer than most_bytes.
    """
    uses = Counter(places)  # in the order of their first use
    chosen = list(uses)
    found: dict[int, str] = {}
    for place, uri in zip(chosen, in_order(_thumbnail, (images[p] for p in chosen)), strict=True):
        if uri is not None:
            most_bytes -= uses[place] * len(uri)
            if most_bytes < 0:
                break
            found[place] = uri
    return found


def _thumbnail(source: Any) -> str | None:
    try:
        pixels = open_image(source).pixels
    except ImageError:  # it has changed since it was looked at, or it never was a picture
        return None
    return _smallest(_within(_image(pixels), SIDE))


def _within(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    if max(width, height) <= side:
        return image
    scale = side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def _smallest(image: Image.Image) -> str:
    png, jpeg = _encoded(image, "PNG"), _encoded(image, "JPEG")
    return _uri("png", png) if len(png) <= len(jpeg) else _uri("jpeg", jpeg)


def _image(pixels: Array) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _encoded(image: Image.Image, form: str) -> bytes:
    data = io.BytesIO()
    image.save(data, form, quality=_QUALITY)
    return data.getvalue()


def _uri(form: str, data: bytes) -> str:
    return f"data:image/{form};base64,{base64.b64encode(data).decode('ascii')}"
