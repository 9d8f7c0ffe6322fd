"""From a cell of a labels table to the image file that it means."""

import os
import posixpath
import re
import unicodedata
from functools import cached_property
from typing import NamedTuple

from eyespot.data.sources.tree import Tree, suffix
from eyespot.images.decode import IMAGE_SUFFIXES


class Miss(NamedTuple):
    """Why a cell names no image: the kind of the issue and its words."""

    kind: str
    detail: str


class Finder:
    """Finds images below a folder by the names that tables give them.

    A cell may be the path below the folder, the end of that path (`1.jpg` for `train/1.jpg`), and
    either without its suffix. It must mean one image; case counts, Unicode composition does not.
    """

    def __init__(self, tree: Tree, *, encoding: str = "utf-8") -> None:
        self._tree = tree
        self._encoding = encoding
        self._names = frozenset(tree.images)

    def find(self, cell: str) -> str | Miss:
        """The image's name below the folder; a path that leaves the folder is refused."""
        path = cell.strip().replace("\\", "/")
        if path.startswith("/") or re.match(r"[A-Za-z]:", path):
            return Miss("outside", f"'{cell}' is an absolute path; name images below the table")
        path = posixpath.normpath(path)
        if path.split("/")[0] == "..":
            return Miss("outside", f"'{cell}' leads out of the table's folder")
        forms = [path]
        if self._encoding == "latin-1":  # the table may hold the file system's own bytes
            forms.append(os.fsdecode(path.encode("latin-1")))
        for form in forms:
            if form in self._names:
                return form
        ends = (self._by_end(unicodedata.normalize("NFC", form)) for form in forms)
        found = next(filter(None, ends), [])
        if len(found) == 1:
            return found[0]
        if found:
            two = " and ".join(f"'{name}'" for name in found[:2])
            return Miss("ambiguous-file", f"'{cell}' may be {two}; write the whole path")
        return self._miss(cell, path)

    def _by_end(self, path: str) -> list[str]:
        base = path.rsplit("/", 1)[-1]
        keys = {base, _stem(base)}
        candidates = [name for key in sorted(keys) for name in self._by_stem.get(key, ())]
        exact, ends = [], []
        for name in candidates:
            composed = unicodedata.normalize("NFC", name)
            for form in {composed, _stem(composed)}:
                if form == path:
                    exact.append(name)
                elif form.endswith(f"/{path}"):
                    ends.append(name)
        return exact or ends

    def _miss(self, cell: str, path: str) -> Miss:
        if path in self._tree.foreign:
            return Miss("unsupported", f"'{cell}' is a picture of a kind that cannot be read")
        near = self._by_case.get(path.casefold())
        hint = f"; did you mean '{near}'?" if near else ""
        return Miss("missing-file", f"'{cell}' is not there{hint}")

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        for name in self._tree.images:
            base = unicodedata.normalize("NFC", name.rsplit("/", 1)[-1])
            stems.setdefault(_stem(base), []).append(name)
        return stems

    @cached_property
    def _by_case(self) -> dict[str, str]:
        return {name.casefold(): name for name in self._tree.images}


def _stem(name: str) -> str:
    """The name without its suffix, if that is an image's: `img.001` keeps its dot."""
    return os.path.splitext(name)[0] if suffix(name) in IMAGE_SUFFIXES else name
