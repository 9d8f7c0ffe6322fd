"""The page's files, from memory: no path that a client sends ever meets the disk."""

from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


class File(NamedTuple):
    """A file of the page as it goes over the wire."""

    data: bytes
    kind: str


def page_files() -> dict[str, File]:
    """Every file of the page by its path below /page/."""
    return dict(_below(resources.files("eyespot") / "exports" / "page", ""))


def _below(folder: Traversable, prefix: str) -> list[tuple[str, File]]:
    found = []
    for entry in folder.iterdir():
        suffix = "." + entry.name.rpartition(".")[2]
        if entry.is_dir():
            found += _below(entry, f"{prefix}{entry.name}/")
        elif suffix in _TYPES:
            found.append((prefix + entry.name, File(entry.read_bytes(), _TYPES[suffix])))
    return found
