"""A run folder is one process's at a time."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from eyespot.errors import ResourceError
from eyespot.files.atomic import unwritable
from eyespot.files.run import Run


@contextlib.contextmanager
def owned(run: Run) -> Iterator[None]:
    """Holds the run folder for this process; the kernel lets go even after kill -9.

    Raises ResourceError when another process holds it, or when it cannot be written to.
    """
    path = run.path / ".lock"
    try:
        file = _locked(path)
    except OSError as error:
        raise unwritable(path, error) from error
    if file is None:
        raise ResourceError(
            f"{run.path} is being written by another process; wait for it or name another folder"
        )
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()


def _locked(path: Path) -> TextIO | None:
    """The file, open and locked; None when somebody else has locked it."""
    while True:
        file = open(path, "a")
        try:
            if not _lock(file.fileno()):
                file.close()
                return None
            # Its owner may have removed it since it was opened: then the lock holds nobody off.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(handle: int) -> bool:
    """Whether the open file is now this process's."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # some network file systems have no locks; a training is not refused for that
        return True
    return True
