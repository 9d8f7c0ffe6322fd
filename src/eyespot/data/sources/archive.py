"""Zip archives: vetted member by member, unpacked once into the cache, then read like folders."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eyespot.data.sources.idx import is_idx_name
from eyespot.data.sources.table import TABLE_SUFFIXES
from eyespot.data.sources.tree import hidden, suffix
from eyespot.errors import DataError, ResourceError
from eyespot.files.cache import cache_folder
from eyespot.images.decode import FOREIGN_SUFFIXES, IMAGE_SUFFIXES
from eyespot.values.dataset import Issue

_MOST_BYTES = 20_000_000_000
_MOST_RATIO = 200
# Small members may be packed tightly without harm: an empty mask, a table of zeros.
_HARMLESS_BYTES = 1_000_000
_NESTED = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"})
_WANTED = IMAGE_SUFFIXES | FOREIGN_SUFFIXES | TABLE_SUFFIXES | {".npz"}


class Unpacked(NamedTuple):
    """The folder that holds the archive's wanted files, and what was left out of it."""

    folder: Path
    issues: tuple[Issue, ...]


def unpack(path: Path) -> Unpacked:
    """Unpacks images, tables, arrays and IDX files below the cache folder, unless they are there.

    Links, devices, members that lead out of the archive's folder, encrypted and nested ones are
    left out, each with an issue. Raises DataError when the file is no zip or is made to fill the
    disk, ResourceError when there is no room.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wanted, issues = _vetted(path, archive.infolist())
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            folder = cache_folder() / "unpacked" / digest
            if not folder.is_dir():
                _extract(archive, wanted, folder)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path} is no whole zip archive ({error}); get it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    torn = [name for name in wanted if not os.path.isfile(folder / name)]
    issues += [
        Issue(
            kind="refused-member",
            name=name,
            detail="its bytes are damaged or its name is too long",
            left_out=True,
        )
        for name in torn
    ]
    return Unpacked(folder, tuple(issues))


def _vetted(
    path: Path, members: Sequence[zipfile.ZipInfo]
) -> tuple[dict[str, zipfile.ZipInfo], list[Issue]]:
    """The members to unpack by their safe names, and an issue for each that is refused."""
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    # Members of a bomb may share their bytes, so the archive's own size counts too.
    packed = min(packed, path.stat().st_size)
    if total > _MOST_BYTES:
        raise DataError(
            f"{path} unpacks to {total / 1e9:,.0f} GB, more than 20; unpack it yourself"
        )
    if total > _HARMLESS_BYTES and total > _MOST_RATIO * packed:
        raise DataError(
            f"{path} unpacks to {total // max(packed, 1):,} times its size; refused as a trap"
        )
    wanted: dict[str, zipfile.ZipInfo] = {}
    issues: list[Issue] = []
    for member in members:
        name = member.filename.replace("\\", "/")
        if member.is_dir() or any(hidden(piece) for piece in name.split("/") if piece != ".."):
            continue
        reason = _fault(member, name) or ("there twice" if name in wanted else None)
        if reason:
            issues.append(
                Issue(
                    kind="refused-member",
                    name=name,
                    detail=f"left in the archive: {reason}",
                    left_out=True,
                )
            )
        elif suffix(name) in _WANTED or is_idx_name(name.rsplit("/", 1)[-1]):
            wanted[name] = member
    return wanted, issues


def _fault(member: zipfile.ZipInfo, name: str) -> str | None:
    """Why this member is not unpacked, or None."""
    mode = stat.S_IFMT(member.external_attr >> 16)
    pieces = name.split("/")
    if name.startswith("/") or ":" in pieces[0]:
        return "its path is absolute"
    if ".." in pieces:
        return "its path leads out of the archive"
    if mode not in (0, stat.S_IFREG):
        return "it is a link or a device"
    if member.flag_bits & 0x1:
        return "it is encrypted"
    if suffix(name) in _NESTED and not is_idx_name(pieces[-1]):
        return "it is an archive itself"
    if member.file_size > max(_HARMLESS_BYTES, _MOST_RATIO * member.compress_size):
        return f"it unpacks to more than {_MOST_RATIO} times its size"
    return None


def _extract(archive: zipfile.ZipFile, wanted: dict[str, zipfile.ZipInfo], folder: Path) -> None:
    """Writes the members below a temporary folder that then takes its name: whole or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    except OSError as error:
        raise ResourceError(f"{folder} cannot be made: {error.strerror or error}") from error
    try:
        for name, member in wanted.items():
            _write(archive, member, temporary / name)
        with contextlib.suppress(FileExistsError):  # another process was faster with the same files
            if not folder.is_dir():
                os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Writes one member; a damaged one, or one whose name no disk takes, leaves no file."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed, open(target, "xb") as file:
            shutil.copyfileobj(packed, file, 2**20)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise ResourceError(f"{target} cannot be written: {error.strerror}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        target.unlink(missing_ok=True)
