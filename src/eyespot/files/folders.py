"""Folders that are new, or appear whole, and never write over what is there."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from eyespot.errors import ResourceError, UsageError


def new_folder(out: Path | None, *, name: str, root: Path, purpose: str) -> Path:
    """A fresh folder: `out`, or the first free `root/<name>-<n>`. purpose: a word for errors.

    Raises UsageError when `out` already holds something, ResourceError when it cannot be made.
    """
    try:
        if out is not None:
            if out.exists() and not out.is_dir():
                raise ResourceError(f"{out} cannot be made: a file is in its place")
            if out.exists() and any(out.iterdir()):
                raise UsageError(
                    f"{out} is already there and not empty; name a new folder for the {purpose}"
                )
            out.mkdir(parents=True, exist_ok=True)
            return out
        root.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "-", name)[:80]  # a set made in Python may be called anything
        number = 1
        while True:
            try:
                (root / f"{name}-{number}").mkdir()
                return root / f"{name}-{number}"
            except FileExistsError:
                number += 1
    except OSError as error:
        raise ResourceError(f"{out or root} cannot be made: {error.strerror or error}") from error


@contextlib.contextmanager
def fresh_folder(out: Path | None, *, name: str, root: Path, purpose: str) -> Iterator[Path]:
    """A folder as `new_folder` makes it; it goes again if the work fails and leaves it empty.

    One that was there before stays.
    """
    mine = out is None or not out.exists()
    folder = new_folder(out, name=name, root=root, purpose=purpose)
    try:
        yield folder
    except BaseException:
        if mine:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def check_free(out: Path) -> None:
    """Raises UsageError when there is something at this place."""
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is already there and not empty; name a new folder")
    except OSError as error:
        raise ResourceError(f"{out} cannot be made: {error.strerror or error}") from error


@contextlib.contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A folder to fill that becomes `out` at the end, or goes away if anything goes wrong."""
    folder = out.absolute().with_name(f".{out.absolute().name[:40]}-{secrets.token_hex(8)}")
    try:
        folder.mkdir(parents=True)
        try:
            yield folder
            if out.exists():  # empty, as was found before
                out.rmdir()
            os.rename(folder, out)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise ResourceError(f"{out} cannot be made: {error.strerror or error}") from error
