"""Files from the network: several mirrors, resumed where a connection broke, kept only if whole."""

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eyespot.errors import DataError, ResourceError

Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes that are there and the bytes in all."""

_TIMEOUT = 20.0
# A connection that breaks is taken up again this often before the next mirror is asked.
_ATTEMPTS = 4
_CHUNK = 2**18


@dataclass(frozen=True)
class Remote:
    """A file on the network. sha256: of its bytes, in hexadecimal; size in bytes."""

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


def fetch(remote: Remote, folder: Path, *, progress: Progress | None = None) -> Path:
    """The file in the folder; downloaded unless it is there.

    A download that breaks is continued, by the next call too, and takes its name only after its
    hash is right. Raises DataError when no mirror gives the right file, ResourceError when the
    folder cannot be written.
    """
    path = folder / remote.name
    partial = folder / f".{remote.name}.part"
    reasons: list[str] = []
    try:
        if path.is_file():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{remote.name}.lock"):
            if path.is_file():  # another process fetched it meanwhile
                return path
            for url in remote.urls:
                reason = _complete(remote, url, partial, progress)
                if reason is None:
                    os.replace(partial, path)
                    return path
                reasons.append(f"{urllib.parse.urlsplit(url).hostname}: {reason}")
    except OSError as error:
        raise ResourceError(f"{folder} cannot be written: {error.strerror or error}") from error
    raise DataError(f"{remote.name} cannot be downloaded ({'; '.join(reasons)})")


def _complete(remote: Remote, url: str, partial: Path, progress: Progress | None) -> str | None:
    """None once `partial` holds the right bytes, else why this mirror could not give them."""
    reason = "the connection broke"
    for _ in range(_ATTEMPTS):
        before = _size(partial)
        if before < remote.size:
            reason = _receive(remote, url, partial, progress)
        there = _size(partial)
        if there < remote.size and there <= before:
            return reason
        if there < remote.size:
            continue
        if there == remote.size and _sha256(partial) == remote.sha256:
            return None
        partial.unlink()
        reason = "its bytes are not the published ones"
        if not before:  # else the bytes of an earlier download may be the wrong ones
            return reason
    return reason


def _receive(remote: Remote, url: str, partial: Path, progress: Progress | None) -> str:
    """Appends what the mirror sends, from where the partial file ends; why it stopped."""
    start = _size(partial)
    headers = {"User-Agent": "eyespot"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            resumed = (response.headers["Content-Range"] or "").startswith(f"bytes {start}-")
            there = start if resumed else 0
            with _opened(partial, "ab" if resumed else "wb") as write:
                while there <= remote.size and (chunk := response.read(_CHUNK)):
                    write(chunk)
                    there += len(chunk)
                    if progress:
                        progress(remote.name, there, remote.size)
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return "the connection broke"


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[Callable[[bytes], None]]:
    """A function that writes to the file, whose failures cannot be taken for the network's."""

    def write(data: bytes) -> None:
        try:
            file.write(data)
        except OSError as error:
            raise _no_room(path, error) from error

    try:
        file = open(path, mode, buffering=0)
    except OSError as error:
        raise _no_room(path, error) from error
    with file:
        yield write
        os.fsync(file.fileno())


def _no_room(path: Path, error: OSError) -> ResourceError:
    return ResourceError(f"{path} cannot be written: {error.strerror or error}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Waits until no other process downloads the same file; a killed one holds nobody up."""
    try:
        import fcntl
    except ImportError:  # Windows: two downloads at once cost time there, the hash keeps them right
        yield
        return
    while True:
        with open(path, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Who held the lock before has removed the file: then somebody may hold a newer one.
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
