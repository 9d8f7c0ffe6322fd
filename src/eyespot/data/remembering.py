"""What a backbone gave for images, kept on disk: the next time only new images are looked at.

N images, F numbers of each, T = THUMB the side of a thumbnail.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eyespot.data.measurement import THUMB
from eyespot.data.sealing import Piece, read_sealed, write_sealed
from eyespot.values.arrays import Array

MAGIC = b"eyespot features 1\n"
MOST_BYTES = 4 * 2**30  # of all that is kept; what was used longest ago goes first
_SUFFIX = ".features"
_SECONDS = 30.0  # a kill costs so much work


@dataclass(frozen=True, kw_only=True, eq=False)
class Remembered:
    """One image: digest and thumb as in Loaded, remarks as in Opened, row: float16 (F,)."""

    digest: bytes
    thumb: Array
    remarks: tuple[str, ...]
    row: Array


class Memory:
    """Rows of F numbers by what their images are made of.

    key: what the rows depend on besides: backbone, preparation, views, precision. Nothing here
    stops a training: what cannot be read is made again, what cannot be written is not kept.
    """

    def __init__(self, root: Path, key: str, width: int) -> None:
        self._root, self._folder = root, root / key
        self._type = np.dtype(
            [
                ("content", "V16"),
                ("digest", "V16"),
                ("thumb", "u1", (THUMB, THUMB)),
                ("row", "<f2", (width,)),
            ]
        )
        self._shards: list[Array] = []
        self._remarks: dict[bytes, tuple[str, ...]] = {}
        self._places: dict[bytes, tuple[int, int]] = {}
        self._new: dict[bytes, Remembered] = {}
        self._saved = time.monotonic()
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            self._read(path)

    def find(self, content: bytes) -> Remembered | None:
        """What is known of the image that is made of this; content: 16 bytes."""
        if (place := self._places.get(content)) is None:
            return None
        row = self._shards[place[0]][place[1]]
        return Remembered(
            digest=row["digest"].tobytes(),
            thumb=row["thumb"],
            remarks=self._remarks.get(content, ()),
            row=row["row"],
        )

    def add(self, content: bytes, seen: Remembered) -> None:
        """Keeps this, on disk within half a minute."""
        self._new[content] = seen
        if time.monotonic() - self._saved > _SECONDS:
            self.save()

    def save(self) -> None:
        """Writes what is new."""
        self._saved = time.monotonic()
        if not self._new:
            return
        rows = np.zeros(len(self._new), self._type)
        for place, (content, seen) in enumerate(self._new.items()):
            rows[place] = (content, seen.digest, seen.thumb, seen.row)
        remarks = {c.hex(): seen.remarks for c, seen in self._new.items() if seen.remarks}
        pieces: list[Piece] = [
            len(rows).to_bytes(8, "little"),
            rows.view(np.uint8).data,
            json.dumps(remarks).encode(),
        ]
        write_sealed(self._folder / f"{secrets.token_hex(8)}{_SUFFIX}", MAGIC, pieces)
        self._new = {}
        _forget(self._root)

    def _read(self, path: Path) -> None:
        content = read_sealed(path, MAGIC)
        if content is None:
            return
        end = 8 + int.from_bytes(bytes(content[:8]), "little") * self._type.itemsize
        if len(content) < end:  # of another width, by a key that is the same
            return
        with contextlib.suppress(OSError):  # a cache on a read-only disk is one, too
            os.utime(path)
        rows = content[8:end].view(self._type)
        remarks: Mapping[str, list[str]] = json.loads(bytes(content[end:]))
        self._remarks |= {bytes.fromhex(c): tuple(texts) for c, texts in remarks.items()}
        shard = len(self._shards)
        self._shards.append(rows)
        for place, one in enumerate(np.ascontiguousarray(rows["content"]).tolist()):
            self._places[one] = (shard, place)


def _forget(root: Path) -> None:
    """Removes what was used longest ago, until the rest is small enough."""
    with contextlib.suppress(OSError):
        files = [(path.stat(), path) for path in root.glob(f"*/*{_SUFFIX}")]
        total = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda one: one[0].st_mtime):
            if total <= MOST_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= status.st_size
