"""Pictures that a person has named, kept in class folders for the next training."""

import contextlib
import hashlib
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

from eyespot.data.sources.assembly import part_of
from eyespot.data.sources.tree import hidden
from eyespot.errors import ResourceError
from eyespot.files.atomic import write_bytes
from eyespot.serving.limits import Refused

_PREFIX = "collected-"
_LONGEST = 255  # bytes of a folder's name
_FORBIDDEN = '/\\:*?"<>|'  # in a name on one file system or another
_SUFFIXES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


class Collection:
    """A folder of class folders, as `train` reads it."""

    def __init__(self, folder: Path, *, say: Callable[[str], None]) -> None:
        """Makes the folder. Raises ResourceError where it cannot be made or written to."""
        self._folder = folder
        self._say = say
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(f"{folder} cannot be made: {error.strerror or error}") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ResourceError(f"{folder} is not writable; name another folder with --collect")

    def add(self, label: str, data: bytes, *, classes: tuple[str, ...]) -> int:
        """Keeps the bytes of a picture under a class; how many collected ones it has now.

        The name is that of the content: the same picture again is no second one, and under another
        class it moves there, as the last word counts. One caller at a time.
        Raises Refused: 400 for a label that is no name of a folder, 507 where there is no room.
        """
        reason = why_not(label, known=label in classes)
        if reason:
            raise Refused(400, f"the label {_quoted(label)} {reason}")
        name = f"{_PREFIX}{hashlib.sha256(data).hexdigest()[:32]}{_suffix(data)}"
        folder = self._folder / label
        try:
            folder.mkdir(exist_ok=True)
            if label not in os.listdir(self._folder):
                raise Refused(
                    409,
                    f"the label {_quoted(label)} has the folder of another class here, which "
                    "differs in case or accents alone; collect on another file system",
                )
            if not (folder / name).exists():
                write_bytes(folder / name, data)
                self._say(f"collected a picture of {label}: {folder / name}")
            self._remove_elsewhere(name, label)
            return sum(entry.name.startswith(_PREFIX) for entry in os.scandir(folder))
        except (OSError, ResourceError) as error:
            with contextlib.suppress(OSError):
                folder.rmdir()  # it was made for this picture, if it is empty
            words = str(error) if isinstance(error, ResourceError) else error.strerror or error
            self._say(f"a picture could not be collected: {words}")
            raise Refused(507, f"the picture could not be kept: {words}") from error

    def _remove_elsewhere(self, name: str, label: str) -> None:
        with os.scandir(self._folder) as entries:
            folders = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
        for other in folders:
            path = self._folder / other / name
            if other != label and path.exists():
                path.unlink()
                self._say(f"it was collected as {other} before; it is {label} now")


def why_not(label: str, *, known: bool) -> str | None:
    """Why this label cannot be the name of a class folder; None if it can.

    known: a class of the model may have more signs in its name, as its folder was there once.
    """
    if not label or label != label.strip():
        return "is empty or has spaces around it"
    if label in (".", "..") or hidden(label) or any(sign in label for sign in "/\\\0"):
        return "is no name of a class folder"
    if not label.isprintable():
        return "has signs that cannot be seen"
    if not known and unicodedata.normalize("NFC", label) != label:
        return "has letters with separate accents; send it in Unicode's form NFC"
    if not known and (any(sign in label for sign in _FORBIDDEN) or label.endswith(".")):
        return f"has one of {_FORBIDDEN} in it, or a dot at its end"
    if len(label.encode()) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    if part_of(label):
        return "is what a part of a set is called, which training would take it for"
    return None


def _suffix(data: bytes) -> str:
    for magic, suffix in _SUFFIXES.items():
        if data.startswith(magic):
            return suffix
    if data[8:12] == b"WEBP":
        return ".webp"
    return ".avif" if data[4:8] == b"ftyp" else ".ppm"


def _quoted(label: str) -> str:
    return f"'{label if len(label) <= 80 else label[:80] + '...'}'"
