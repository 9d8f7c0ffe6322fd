"""onnxruntime-web, which runs a model in a browser: from its npm package, pinned to the byte."""

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from eyespot.errors import ResourceError
from eyespot.files.atomic import write_bytes
from eyespot.files.cache import cache_folder

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
_SECONDS = 300  # for npm, on a slow line: the package has 30 MB
_MOST_BYTES = 64 * 2**20  # of one file of it


class _File(NamedTuple):
    """A file of the package, its SHA-256, and what it is called beside the page.

    All scripts end in .js: there are servers that do not know what .mjs is, and then browsers
    refuse it.
    """

    name: str
    digest: str
    own: str


_FILES = (
    _File(
        "ort.wasm.min.mjs",
        "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
        "ort.js",
    ),
    _File(
        "ort-wasm-simd-threaded.mjs",
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
        "ort-wasm.js",
    ),
    _File(
        "ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
        "ort-wasm.wasm",
    ),
)
_NOTICE = (
    f"{PACKAGE} {VERSION}, copyright Microsoft Corporation, MIT licence; from its npm package.\n"
)


def runtime_files(source: Path | None = None) -> dict[str, bytes]:
    """The files to lie beside a page, by name.

    source: the unpacked package, a folder that holds it (`node_modules`), or its .tgz. None takes
    the one in the cache, or has npm fetch it there.
    Raises ResourceError where none is to be had, or where one is not what was pinned.
    """
    path = source if source is not None else _cached()
    read = _reader(path)
    files = {}
    for file in _FILES:
        data = read(file.name)
        if hashlib.sha256(data).hexdigest() != file.digest:
            raise ResourceError(
                f"{file.name} in {path} is not that of {PACKAGE} {VERSION}; remove it, or give "
                f"what `npm pack {PACKAGE}@{VERSION}` fetches by --runtime"
            )
        files[file.own] = data
    return {**files, "NOTICE.txt": _NOTICE.encode()}


def _reader(source: Path) -> Callable[[str], bytes]:
    """What gives the bytes of a file of the package by its name."""
    if source.is_dir():
        folders = [source, source / "dist", source / PACKAGE / "dist"]
        folders += [source / "package" / "dist", source / "node_modules" / PACKAGE / "dist"]

        def from_folder(name: str) -> bytes:
            for folder in folders:
                if (folder / name).is_file():
                    return _read(folder / name)
            raise ResourceError(
                f"{source} holds no {name}; name the folder of the npm package {PACKAGE} {VERSION}"
            )

        return from_folder
    packed = dict(_unpacked(_read(source), source))

    def from_archive(name: str) -> bytes:
        if name not in packed:
            raise ResourceError(f"{source} is not the npm package {PACKAGE}: it holds no {name}")
        return packed[name]

    return from_archive


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ResourceError(f"{path} cannot be read: {error.strerror or error}") from error


def _unpacked(data: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    """The wanted files of an npm archive; nothing of it is written."""
    wanted = {f"package/dist/{file.name}": file.name for file in _FILES}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                if member.name in wanted and member.isfile() and member.size <= _MOST_BYTES:
                    content = archive.extractfile(member)
                    assert content is not None  # a regular file has one
                    yield wanted[member.name], content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ResourceError(f"{path} is no npm archive ({error}); fetch it again") from error


def _cached() -> Path:
    """The package's archive in the cache, fetched by npm if it is not there yet."""
    kept = cache_folder() / f"{PACKAGE}-{VERSION}.tgz"
    if kept.exists():
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise ResourceError(
            f"a page needs the npm package {PACKAGE} {VERSION} and there is no npm here; fetch it "
            f"elsewhere by `npm pack {PACKAGE}@{VERSION}` and give the file by --runtime"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--ignore-scripts"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
            said = done.stderr.strip().splitlines()
        except subprocess.TimeoutExpired:
            said = [f"nothing came in {_SECONDS} s"]
        fetched = list(Path(folder).glob("*.tgz"))
        if not fetched:
            raise ResourceError(
                f"npm could not fetch {PACKAGE} {VERSION} ({said[-1] if said else 'no reason'}); "
                "try again, or give the package by --runtime"
            )
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, fetched[0].read_bytes())
    return kept
