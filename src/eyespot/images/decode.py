"""The one decoder: a file, bytes, a PIL image or an array to defined 8-bit pixels.

Every picture meets the same limits and, in pixels.py, the same rules, wherever it comes from.
"""

import contextlib
import io
import os
import re
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from eyespot.errors import ImageError
from eyespot.images.pixels import (
    MAX_PIXELS,
    Raster,
    array_pixels,
    array_shape,
    check_size,
    image_raster,
    orientation_of,
    raster_pixels,
)
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageInput

MAX_BYTES = 128 * 2**20

# Pillow's JPEG opener also makes MPO. Those that Pillow always has loaded come first: the others
# make it import all of its plugins, once.
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
}
_RAW_SUFFIXES = frozenset(".arw .cr2 .cr3 .dng .nef .orf .raf .rw2".split())

IMAGE_SUFFIXES = frozenset(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
FOREIGN_SUFFIXES = _RAW_SUFFIXES | frozenset(
    ".dcm .eps .exr .hdr .heic .heif .ico .j2k .jp2 .jxl .pcx .psd .qoi .svg .tga .xcf".split()
)

_READABLE = rb"\xff\xd8\xff|\x89PNG|GIF8|II\*\0|MM\0\*|RIFF.{4}WEBP|.{4}ftypavi[fs]"
_FOREIGN = {
    rb".{4}ftyp(hei|hev|mif1|msf1)": "a HEIC picture",
    rb"\xff\x0a|\0{3}\x0cJXL ": "a JPEG XL picture",
    rb"\xff\x4f\xff\x51|\0{3}\x0cjP  ": "a JPEG 2000 picture",
    rb"8BPS": "a Photoshop file",
    rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg": "an SVG drawing",
    rb"%PDF": "a PDF",
    rb"PK\x03\x04": "a zip archive",
}

# Where a PNG keeps its orientation, if it has one; the chunk may lie behind the pixels.
_PNG_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")

_PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


class Opened(NamedTuple):
    """A decoded image. pixels: uint8 (H, W, C); C is 1 for a grey picture, 3 for a colour one."""

    pixels: Array
    remarks: tuple[str, ...]


def open_raster(source: ImageInput) -> Raster:
    """What one image shows, before it is an array of pixels where that can be.

    For whoever shrinks it: an array of a whole photo takes as long as to decode it. A PIL image or
    array that needs no change comes back as it is. Raises ImageError with the reason, as below.
    """
    _silence_pillow()
    with _failures_as_image_errors():
        return _decoded(source)[0]


def open_image(source: ImageInput) -> Opened:
    """The pixels of one image, and what a person should know about them.

    A uint8 array without alpha comes back as it is, not copied.
    Raises ImageError with the reason, without the name.
    """
    _silence_pillow()
    with _failures_as_image_errors():
        raster, image = _decoded(source)
        # In this order: to look for a second frame may lose the pixels of the first.
        pixels = raster_pixels(raster)
        return Opened(pixels, () if image is None else _remarks(image, _suffix(source)))


def image_size(source: ImageInput) -> tuple[int, int]:
    """(width, height) of what `open_image` returns, from the header alone. Raises ImageError."""
    _silence_pillow()
    with _failures_as_image_errors():
        if isinstance(source, np.ndarray):
            height, width = array_shape(source)[:2]
            return width, height
        if isinstance(source, Image.Image):
            image, orientation = source, orientation_of(source)
        else:
            data = source if isinstance(source, bytes) else _read(source)
            image = _identified(data)
            # Asked for the EXIF of a PNG that has none, Pillow decodes all of it to look behind.
            has_none = image.format == "PNG" and not any(mark in data for mark in _PNG_ORIENTATION)
            orientation = 1 if has_none else orientation_of(image)
        width, height = image.size
        return (width, height) if orientation <= 4 else (height, width)


def _silence_pillow() -> None:
    """Keeps Pillow's warnings from the user, and from becoming errors under `-W error`.

    Nothing is lost: what they warn of is refused or decoded by this file's rules. The filter stays,
    because `catch_warnings` swaps the filters of all threads and may restore another thread's; it
    is not set anew for every image, because that makes Python forget what it has warned of before.
    """
    if warnings.filters[:1] != [_PILLOW_WARNINGS]:
        warnings.filterwarnings("ignore", module=_PILLOW_WARNINGS[3].pattern)


@contextlib.contextmanager
def _failures_as_image_errors() -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("needs more memory than there is") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"is too large (more than {MAX_PIXELS:,} pixels)") from error
    # Hostile data makes Pillow raise nearly every built-in exception, not only OSError.
    except Exception as error:
        reason = str(error) or type(error).__name__
        cut_off = isinstance(error, EOFError) or "truncated" in reason.lower()
        raise ImageError(f"is {'cut off' if cut_off else 'damaged'} ({reason})") from error


def _decoded(source: ImageInput) -> tuple[Raster, Image.Image | None]:
    """What a picture shows and, of a file or bytes, the picture that Pillow made of it."""
    if isinstance(source, np.ndarray):
        return array_pixels(source), None
    if isinstance(source, Image.Image):
        check_size(source.size)
        return image_raster(source), None
    image = _identified(source if isinstance(source, bytes) else _read(source))
    if image.format == "TIFF" and (suffix := _suffix(source)) in _RAW_SUFFIXES:
        # The TIFF in it is a thumbnail.
        raise ImageError(f"is a camera's raw picture ({suffix}); save it as JPEG or PNG")
    return image_raster(image), image


def _remarks(image: Image.Image, suffix: str) -> tuple[str, ...]:
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    remarks = []
    if _has_more_frames(image):
        several = "several pages; the first page" if kind == "TIFF" else "animated; the first frame"
        remarks.append(f"{several} is used")
    if suffix not in _SUFFIXES[kind] and suffix in IMAGE_SUFFIXES | FOREIGN_SUFFIXES:
        remarks.append(f"{kind} data under the name {suffix}")
    return tuple(remarks)


def _suffix(source: ImageInput) -> str:
    return Path(source).suffix.lower() if isinstance(source, Path | str) else ""


def _read(path: Path | str) -> bytes:
    """The bytes of a regular file; anything else would hang (FIFO) or never end (device)."""
    if not isinstance(path, Path | str):
        raise ImageError(f"is a {type(path).__name__}, not a path, bytes, array or PIL image")
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("is a pipe or device, not a file")
        if status.st_size > MAX_BYTES:
            raise ImageError(_too_many_bytes(status.st_size))
        with open(path, "rb") as file:
            data = file.read(status.st_size + 1)
            if len(data) <= status.st_size:
                return data
            return data + file.read(MAX_BYTES - status.st_size)  # it has grown since
    except FileNotFoundError as error:
        raise ImageError("is missing") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ImageError(f"cannot be read ({getattr(error, 'strerror', error)})") from error


def _too_many_bytes(num: int) -> str:
    return f"is too large ({num:,} bytes; at most {MAX_BYTES:,} are read)"


def _identified(data: bytes) -> Image.Image:
    """The picture with this data, nothing decoded and no memory taken for pixels yet."""
    if not data:
        raise ImageError("is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise ImageError(_too_many_bytes(len(data)))
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(_SUFFIXES))
    except UnidentifiedImageError as error:
        raise ImageError(_why_unidentified(data)) from error
    check_size(image.size)
    return image


def _why_unidentified(data: bytes) -> str:
    head = data[:1024]
    if re.match(_READABLE, head, re.DOTALL):
        return "is damaged (its header cannot be read)"
    for pattern, name in _FOREIGN.items():
        if re.match(pattern, head, re.DOTALL):
            return f"is {name}, which is not decoded; save it as JPEG or PNG"
    if not any(data):
        return f"is not a picture (all of its {len(data):,} bytes are zero)"
    text = head.decode("utf-8", errors="replace").lstrip("\ufeff").strip()[:20].splitlines()
    if text and text[0].isprintable() and "\ufffd" not in text[0]:
        return f"is not a picture (it begins with {text[0]!r})"
    return f"is not a picture (it begins with the bytes {data[:8].hex(' ')})"


def _has_more_frames(image: Image.Image) -> bool:
    """Whether there is a second frame; counting all of them could take minutes by design."""
    if image.format == "MPO":  # the others are previews, or the other eye
        return False
    with contextlib.suppress(Exception):  # the second frame may be broken, the first is decoded
        return bool(getattr(image, "is_animated", False))
    return True
