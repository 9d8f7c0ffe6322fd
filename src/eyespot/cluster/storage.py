"""Files wherever they are: on this machine, or below a URL that pyarrow or fsspec opens."""

import contextlib
import importlib.util
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyespot.errors import DataError, MissingExtra, ResourceError, UsageError
from eyespot.files.atomic import write_bytes

_SECONDS_TO_ANSWER = 60
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(text: str) -> bool:
    return _URL.match(text) is not None


@dataclass(frozen=True)
class Place:
    """A file or folder. filesystem: of pyarrow. shown: as the user wrote it. Can be pickled."""

    filesystem: Any
    path: str
    shown: str

    def __truediv__(self, name: str) -> "Place":
        return Place(self.filesystem, posixpath.join(self.path, name), f"{self.shown}/{name}")

    @property
    def local(self) -> bool:
        return not is_url(self.shown)

    def files(self) -> dict[str, int]:
        """Bytes of every file below, by its path from here, in order; of a file alone, itself
        under an empty name. Nothing where nothing is. Raises DataError."""
        from pyarrow import fs

        with _read(self):
            info = self.filesystem.get_file_info(self.path)
            if info.type == fs.FileType.File:
                return {"": info.size or 0}
            wanted = fs.FileSelector(self.path, allow_not_found=True, recursive=True)
            found = self.filesystem.get_file_info(wanted)
        names = {posixpath.relpath(one.path, self.path): one for one in found if one.is_file}
        return {name: names[name].size or 0 for name in sorted(names)}

    def read(self, most: int | None = None) -> bytes:
        """The file, or so many bytes of it. Raises DataError with the reason."""
        with _read(self), self.filesystem.open_input_stream(self.path) as file:
            data: bytes = file.read(most)
        return data

    def write(self, data: bytes) -> None:
        """Writes the file whole or not at all. Raises ResourceError."""
        if self.local:
            write_bytes(Path(self.path), data)
            return
        # An object appears when its stream is closed, whole.
        with _written(self), self.filesystem.open_output_stream(self.path) as file:
            file.write(data)

    def make(self) -> None:
        """Makes the folder, if it is not there."""
        with _written(self):
            self.filesystem.create_dir(self.path, recursive=True)


def place(text: str) -> Place:
    """What a path or URL means. Raises UsageError for a kind of URL that nothing here opens."""
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", extra="cluster", action=f"reading {text}")
    from pyarrow import ArrowInvalid, fs

    if not is_url(text):
        return Place(fs.LocalFileSystem(), os.path.abspath(text), text.rstrip("/") or "/")
    shown = text.partition("?")[0].rstrip("/")
    try:
        filesystem, path = fs.FileSystem.from_uri(_impatient(text))
        return Place(filesystem, path, shown)
    except (ArrowInvalid, OSError) as error:
        opened = _by_fsspec(text)
        if opened is None:
            raise UsageError(f"'{text}' cannot be opened: {_reason(error)}") from error
        return Place(*opened, shown)


def _impatient(url: str) -> str:
    """The URL, whose bucket is given up after a minute: Google's own client tries for many."""
    if not url.startswith(("gs://", "gcs://")) or "retry_limit_seconds" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}retry_limit_seconds={_SECONDS_TO_ANSWER}"


def _by_fsspec(text: str) -> tuple[Any, str] | None:
    """A file system of fsspec's, where it knows the kind of URL and has what it needs for it."""
    from pyarrow import fs

    with contextlib.suppress(ImportError, ValueError):
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(text)
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path
    return None


@contextlib.contextmanager
def _read(what: Place) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        cure = "look at its name and rights"
        if not what.local:
            cure = "look at the address, the network and the keys"
        raise DataError(f"{what.shown} cannot be read: {_reason(error)}; {cure}") from error


@contextlib.contextmanager
def _written(what: Place) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise ResourceError(f"{what.shown} cannot be written: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What a file system says, without its small print."""
    said = str(getattr(error, "strerror", None) or error).strip().splitlines() or [""]
    return said[0].partition("; Details")[0].rstrip(". ")[:300] or type(error).__name__
