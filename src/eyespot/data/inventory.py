"""What is known of every image of a set, as columns, in memory and in a file.

A million images take 0.35 GB, as a list of objects they would take three times as much.
N images.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from eyespot.data.measurement import THUMB
from eyespot.values import Array, ImageFacts

# place: of the path, 0 without one. mtime: in nanoseconds, -1 if not to be trusted.
# content, digest: of the file's bytes and of the decoded pixels, two halves each.
ROW = np.dtype(
    [
        ("place", "<u8"),
        ("mtime", "<i8"),
        ("num_bytes", "<u8"),
        ("content", "<u8", 2),
        ("digest", "<u8", 2),
        ("fingerprint", "<u8"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("brightness", "<f4"),
        ("contrast", "<f4"),
        ("sharpness", "<f4"),
        ("saturation", "<f4"),
        ("mode", "S8"),
        ("thumb", "u1", (THUMB, THUMB)),
    ]
)

# The number changes with the columns and with every change to what is measured.
_MAGIC = b"eyespot facts 1\n"
_DIGEST_BYTES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Inventory(Sequence[ImageFacts]):
    """The facts of N images, each made into an ImageFacts when asked for.

    rows: ROW (N,), to be computed with. remarks, errors: of the few images that have some, by
    their place in the set.
    """

    names: Sequence[str]
    rows: Array
    remarks: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> ImageFacts: ...
    @overload
    def __getitem__(self, index: slice) -> list[ImageFacts]: ...
    def __getitem__(self, index: int | slice) -> ImageFacts | list[ImageFacts]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        row = self.rows[place]
        return ImageFacts(
            name=self.names[place],
            width=int(row["width"]),
            height=int(row["height"]),
            mode=row["mode"].decode(),
            num_bytes=int(row["num_bytes"]),
            brightness=float(row["brightness"]),
            contrast=float(row["contrast"]),
            sharpness=float(row["sharpness"]),
            saturation=float(row["saturation"]),
            digest=b"" if place in self.errors else row["digest"].tobytes(),
            fingerprint=int(row["fingerprint"]),
            remarks=self.remarks.get(place, ()),
            error=self.errors.get(place),
        )

    @property
    def readable(self) -> Array:
        """bool (N,): which images can be decoded."""
        readable = np.ones(len(self), np.bool_)
        readable[list(self.errors)] = False
        return readable


def write_inventory(path: Path, inventory: Inventory) -> None:
    """Writes all but the names, whole or not at all; a disk that does not take it is no failure."""
    words = {"remarks": inventory.remarks, "errors": inventory.errors}
    tail = json.dumps(words).encode()
    rows = np.ascontiguousarray(inventory.rows).view(np.uint8)
    head = len(inventory).to_bytes(8, "little") + ROW.itemsize.to_bytes(8, "little")
    temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:  # no fsync: a torn file is told by its digest
                for piece in (_MAGIC, _digest(head, rows, tail), head, rows.data, tail):
                    file.write(piece)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def read_inventory(path: Path) -> Inventory | None:
    """What `write_inventory` wrote, its names empty; None for a file that is not whole, ours and
    of this version."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST_BYTES
    if bytes(data[: len(_MAGIC)]) != _MAGIC or len(data) < start + 16:
        return None
    head = bytes(data[start : start + 16])
    end = start + 16 + int.from_bytes(head[:8], "little") * ROW.itemsize
    if int.from_bytes(head[8:], "little") != ROW.itemsize or end > len(data):
        return None
    rows, tail = data[start + 16 : end], bytes(data[end:])
    if bytes(data[len(_MAGIC) : start]) != _digest(head, rows, tail):
        return None
    words = json.loads(tail)
    return Inventory(
        names=(),
        rows=rows.view(ROW),
        remarks={int(place): tuple(texts) for place, texts in words["remarks"].items()},
        errors={int(place): text for place, text in words["errors"].items()},
    )


def _digest(head: bytes, rows: Array, tail: bytes) -> bytes:
    digest = hashlib.blake2b(head, digest_size=_DIGEST_BYTES)
    digest.update(rows.data)
    digest.update(tail)
    return digest.digest()
