"""The last check of a source, told again at once while nothing that it read has changed."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import __version__ as pillow

from eyespot import __file__ as package
from eyespot import __version__
from eyespot.data.footprint import footprint
from eyespot.data.sealing import Piece, read_sealed, write_sealed
from eyespot.files.atomic import write_bytes
from eyespot.files.cache import cache_folder

if TYPE_CHECKING:
    from eyespot.values.dataset import Dataset

_MAGIC = b"eyespot check 1\n"

# What was written this shortly before the check began may have changed once more since, within one
# tick of the file system's clock.
_FRESH_NS = 2_000_000_000

_MOST_BYTES = 64_000_000  # a longer table of issues is made anew


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a check tells: name of the set, lines for a person, numbers for a program, its files.

    num_certain: how many images `check --quarantine` would set aside.
    """

    name: str
    summary: tuple[str, ...]
    facts: Mapping[str, Any]
    num_certain: int
    files: Mapping[str, bytes]

    def write(self, folder: Path) -> None:
        """Writes the files. Raises ResourceError when the folder cannot be written."""
        for name, data in self.files.items():
            write_bytes(folder / name, data)


class LastCheck:
    """What is remembered of one source; make it before anything is read.

    source: as the command line names it. Nothing is told again after a change of any file or folder
    that was read, of the quarantine, of eyespot or of Pillow.
    """

    def __init__(self, source: str, columns: Mapping[str, str] | None) -> None:
        self._source = source
        self._started = time.time_ns()
        own = os.environ.get("EYESPOT_DATA")  # decides what a named set is
        words = [source, os.path.abspath(source), own, sorted((columns or {}).items())]
        key = hashlib.blake2b(json.dumps(words).encode(), digest_size=12).hexdigest()
        self._path = cache_folder() / "checks" / f"{key}.check"

    def recall(self) -> Told | None:
        """What the last check told, if this one would tell the same; None if that is not sure."""
        content = read_sealed(self._path, _MAGIC)
        if content is None:
            return None
        data = content.tobytes()
        head, _, rest = data.partition(b"\n")
        known = json.loads(head)
        if known["code"] != _code():
            return None
        if known["state"] != footprint(map(Path, known["roots"])).digest:
            return None
        files, start = {}, 0
        for name, length in known["files"].items():
            files[name] = rest[start : start + length]
            start += length
        return Told(
            name=known["name"],
            summary=tuple(known["summary"]),
            facts=known["facts"],
            num_certain=known["num_certain"],
            files=files,
        )

    def remember(self, told: Told, dataset: "Dataset") -> None:
        """Keeps what a check of the set told, unless a file may have changed in the meantime."""
        roots = list(map(os.path.abspath, _roots(self._source, dataset)))
        state, newest = footprint(map(Path, roots))
        if not 0 < newest < self._started - _FRESH_NS:  # 0: there is no file to know it again by
            return
        if sum(map(len, told.files.values())) > _MOST_BYTES:
            return
        head = {
            "code": _code(),
            "state": state,
            "roots": roots,
            "name": told.name,
            "summary": told.summary,
            "facts": told.facts,
            "num_certain": told.num_certain,
            "files": {name: len(data) for name, data in told.files.items()},
        }
        content: list[Piece] = [json.dumps(head).encode(), b"\n", *told.files.values()]
        write_sealed(self._path, _MAGIC, content)


def _roots(source: str, dataset: "Dataset") -> list[Path]:
    """The files and folders that reading the source depends on."""
    from eyespot.data.quarantine import quarantine_path
    from eyespot.data.sources.named import NAMED_SETS, places

    if source in NAMED_SETS:
        return places(source)
    path = Path(source)
    if path.is_dir():
        return [path]
    # A table of names is read with all that lies beside and below it; an archive is unpacked into
    # a folder that is named by its bytes.
    if path.suffix.lower() != ".zip" and not isinstance(dataset.images, np.ndarray):
        return [path, path.absolute().parent]
    own = quarantine_path(path)
    return [path, *([own] if own else [])]


def _code() -> str:
    """Another word whenever eyespot or its decoder may judge otherwise."""
    files = sorted(
        path for path in Path(package).parent.rglob("*") if path.suffix in (".py", ".j2")
    )
    return f"{__version__} {pillow} {footprint(files).digest}"
