"""What is known of every image of a set, as columns, in memory and in a file.

A million images take 0.35 GB, as a list of objects they would take three times as much.
N images.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from eyespot.data.measurement import THUMB
from eyespot.data.sealing import Piece, read_sealed, write_sealed
from eyespot.values.arrays import Array
from eyespot.values.dataset import ImageFacts

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
MAGIC = b"eyespot facts 2\n"


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
    def digests(self) -> list[bytes]:
        """Of each image's pixels, 16 bytes; empty where it cannot be decoded."""
        digests: list[bytes] = (
            np.ascontiguousarray(self.rows["digest"]).view("V16").ravel().tolist()
        )
        for place in self.errors:
            digests[place] = b""
        return digests

    @property
    def readable(self) -> Array:
        """bool (N,): which images can be decoded."""
        readable = np.ones(len(self), np.bool_)
        readable[list(self.errors)] = False
        return readable


def write_inventory(path: Path, inventory: Inventory) -> bool:
    """Writes all but the names, whole or not at all; returns whether the disk took it."""
    return write_sealed(path, MAGIC, packed(inventory))


def read_inventory(path: Path) -> Inventory | None:
    """What `write_inventory` wrote, its names empty; None for a file that is not whole, ours and
    of this version."""
    content = read_sealed(path, MAGIC)
    return None if content is None else unpacked(content)


def packed(inventory: Inventory) -> list[Piece]:
    """All but the names, as the content of a record."""
    words = {"remarks": inventory.remarks, "errors": inventory.errors}
    rows = np.ascontiguousarray(inventory.rows).view(np.uint8)
    return [len(inventory).to_bytes(8, "little"), rows.data, json.dumps(words).encode()]


def unpacked(content: Array) -> Inventory:
    """The inventory that `packed` was given, its names empty."""
    end = 8 + int.from_bytes(bytes(content[:8]), "little") * ROW.itemsize
    words = json.loads(bytes(content[end:]))
    return Inventory(
        names=(),
        rows=content[8:end].view(ROW),
        remarks={int(place): tuple(texts) for place, texts in words["remarks"].items()},
        errors={int(place): text for place, text in words["errors"].items()},
    )


def joined(parts: Sequence[Inventory]) -> Inventory:
    """The rows of several inventories, one behind the other, their names empty."""
    if len(parts) == 1:
        return parts[0]
    remarks: dict[int, tuple[str, ...]] = {}
    errors: dict[int, str] = {}
    start = 0
    for part in parts:
        remarks |= {start + place: texts for place, texts in part.remarks.items()}
        errors |= {start + place: text for place, text in part.errors.items()}
        start += len(part)
    rows = np.concatenate([np.zeros(0, ROW), *(part.rows for part in parts)])
    return Inventory(names=(), rows=rows, remarks=remarks, errors=errors)
