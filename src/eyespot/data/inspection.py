"""One look at one image: what is to be known of it, or the row that says it already."""

import contextlib
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from eyespot.data.inventory import ROW
from eyespot.data.measurement import Measured, measure, pixel_digest
from eyespot.errors import ImageError
from eyespot.images.decode import MAX_BYTES, open_image
from eyespot.images.parallel import in_order
from eyespot.values.arrays import Array

_SURE = "surrogatepass"  # for names that are no UTF-8


class Seen(NamedTuple):
    """What one look gave: the row of an image seen before, or new facts, or an error."""

    known: int | None = None
    content: bytes = bytes(16)
    num_bytes: int = 0
    shape: tuple[int, int] = (0, 0)
    mode: str = ""
    digest: bytes = bytes(16)
    measured: Measured | None = None
    remarks: tuple[str, ...] = ()
    error: str | None = None


class Contents:
    """Old rows by the bytes that they were made from."""

    def __init__(self, rows: Array) -> None:
        self._content = rows["content"]
        self._order = np.argsort(self._content[:, 0], kind="stable")
        self._first = self._content[self._order, 0]

    def find(self, content: bytes) -> int | None:
        """The row that was made from these bytes."""
        wanted = np.frombuffer(content, "<u8")
        place = int(np.searchsorted(self._first, wanted[0]))
        if place == len(self._first):
            return None
        row = int(self._order[place])
        return row if (self._content[row] == wanted).all() else None


@dataclass(frozen=True)
class Inspection:
    """Looks at images of a set that are not known by their path."""

    images: Any
    contents: Contents

    def at(self, indices: Array) -> Iterator[Seen]:
        """What a look at each of these images gives, in their order, on all cores."""
        places = map(int, indices)
        if isinstance(self.images, np.ndarray):  # threads would cost more than they save
            return map(self._one, places)
        return in_order(self._one, places, batch=16)

    def _one(self, index: int) -> Seen:
        source = self.images[index]
        data = bytes_of(source)
        num_bytes = _num_bytes(source) if data is None else len(data)
        content = bytes(16) if data is None else content_of(source, data)
        if data is not None and (known := self.contents.find(content)) is not None:
            return Seen(known=known, content=content)
        try:
            pixels, remarks = open_image(source)
        except ImageError as error:
            return Seen(content=content, num_bytes=num_bytes, error=str(error))
        return Seen(
            content=content,
            num_bytes=num_bytes,
            shape=(pixels.shape[1], pixels.shape[0]),
            mode=_mode(source, data),
            digest=pixel_digest(pixels),
            measured=measure(pixels),
            remarks=remarks,
        )


def bytes_of(source: Any) -> bytes | None:
    """The bytes that say all about an image; None where they cannot be had."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, np.ndarray):
        return source.tobytes()
    if isinstance(source, str | Path):
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(source)
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
                with open(source, "rb") as file:
                    return file.read(MAX_BYTES)
    return None


def _num_bytes(source: Any) -> int:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return os.stat(source).st_size
    return 0


def content_of(source: Any, data: bytes) -> bytes:
    """16 bytes for what a look depends on: the bytes, and what their file's suffix promises."""
    if isinstance(source, np.ndarray):
        kind = f"{source.dtype} {source.shape}"
    else:
        kind = Path(source).suffix.lower() if isinstance(source, str | Path) else ""
    digest = hashlib.blake2b(kind.encode("utf-8", _SURE) + b"\0", digest_size=16)
    digest.update(data)
    return digest.digest()


def _mode(source: Any, data: bytes | None) -> str:
    """How the picture is stored. It was decoded a moment ago, so that its header is harmless."""
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8:
            return str(source.dtype)
        return {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[source.shape[2] if source.ndim == 3 else 1]
    image = source if isinstance(source, Image.Image) else None
    with contextlib.suppress(Exception):
        image = image or Image.open(io.BytesIO(data or b""))
        alpha = image.mode == "P" and "transparency" in image.info
        return "PA" if alpha else image.mode
    return ""


def row_of(seen: Seen) -> Array:
    """ROW () with what was seen; place, time and fingerprint are not known here."""
    row = np.zeros((), ROW)
    row["num_bytes"] = seen.num_bytes
    row["content"] = np.frombuffer(seen.content, "<u8")
    row["width"], row["height"] = seen.shape
    row["mode"], row["digest"] = seen.mode.encode()[:8], np.frombuffer(seen.digest, "<u8")
    if seen.measured:
        for name, value in seen.measured._asdict().items():
            row[name] = value
    return row
