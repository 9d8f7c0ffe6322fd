"""Files that are written whole or not at all."""

import contextlib
import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

from eyespot.errors import ResourceError

_TEMPORARY = re.compile(r"\..{1,40}-[0-9a-f]{16}")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes the file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    Raises ResourceError when there is no room or no right to write.
    """
    temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(8)}")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise unwritable(path, error) from error
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that a killed `write_bytes` left in a folder that is `owned`."""
    for path in list(folder.iterdir()):
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def unwritable(path: Path, error: OSError) -> ResourceError:
    """The error to raise for a file that could not be written."""
    return ResourceError(f"{path} cannot be written: {error.strerror or error}")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 as `write_bytes` does; names that are not UTF-8 keep their bytes."""
    write_bytes(path, encoded(text))


def encoded(text: str) -> bytes:
    """UTF-8; a name that is not keeps its bytes."""
    try:
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON as `write_bytes` does."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, where the file system can: it is done already, so no failure."""
    if os.name == "nt":  # a folder cannot be opened there, and the rename is already durable
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
