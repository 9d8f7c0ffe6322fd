"""Whether files and folders are as they were, from their names, sizes and times alone."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_SURE = "surrogatepass"  # for names that are no UTF-8
_BYTES = 16


class Footprint(NamedTuple):
    """digest: hexadecimal; another one as soon as anything is written, moved, added or removed.
    newest: of all files and folders the latest time of a change, in nanoseconds; 0 for nothing."""

    digest: str
    newest: int


def footprint(roots: Iterable[Path]) -> Footprint:
    """Of these files and folders, and of all below them; links are not followed into folders.

    A change of contents alone is told by the time at which the file system saw it (ctime), which a
    program that sets a file back to its old time cannot choose. No file is opened; a million take
    no memory.
    """
    total, newest = 0, 0
    for root in roots:
        for name, status in _below(str(root)):
            if status is None:
                text = f"{name}\0gone"
            else:
                times = status.st_mtime_ns, status.st_ctime_ns
                newest = max(newest, *times)
                size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
                text = f"{name}\0{status.st_mode}\0{size}\0{times}"
            digest = hashlib.blake2b(text.encode("utf-8", _SURE), digest_size=_BYTES).digest()
            total += int.from_bytes(digest, "little")  # a sum: folders list in any order
    return Footprint(f"{total % 2 ** (8 * _BYTES):0{2 * _BYTES}x}", newest)


def _below(root: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """The path itself, what it leads to, and everything below it."""
    real = os.path.realpath(root)
    yield f"{root}\0{real}", _status(real)
    pending = [real]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.is_symlink():  # its own times, and below those of what it leads to
                        yield f"{entry.path}\0target", _status(entry.path)
                    yield entry.path, entry.stat(follow_symlinks=False)
        except OSError:
            yield f"{folder}\0unlisted", None


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None
