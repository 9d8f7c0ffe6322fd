"""The files below a folder: every image once, by its real path, in the same order everywhere."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from eyespot.data.sources.idx import is_idx_name
from eyespot.errors import DataError, count
from eyespot.images.decode import FOREIGN_SUFFIXES, IMAGE_SUFFIXES
from eyespot.values.dataset import Issue

_LITTER = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "icon\r"}
_PICTURE_SUFFIXES = IMAGE_SUFFIXES | FOREIGN_SUFFIXES
_DATA_SUFFIXES = {".csv", ".tsv", ".npz", ".gz"}  # the readers of these forms judge them


@dataclass(frozen=True)
class Paths(Sequence[Path]):
    """Paths made when asked for: a million names below one folder cost no Path object."""

    root: Path
    names: Sequence[str]

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> "Paths": ...
    def __getitem__(self, index: int | slice) -> "Path | Paths":
        if isinstance(index, slice):
            return Paths(self.root, self.names[index])
        return self.root / self.names[index]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Tree:
    """What lies below a folder. Names are POSIX paths below the root, in code point order.

    images: every decodable image file. foreign: pictures that eyespot cannot decode.
    files: the other files directly in the root. folders: the folders directly in the root.
    """

    root: Path
    images: list[str]
    foreign: list[str]
    files: list[str]
    folders: list[str]
    issues: tuple[Issue, ...]


def hidden(name: str) -> bool:
    """True for names that are no data: dot files, Thumbs.db, __MACOSX, eyespot's quarantine.csv."""
    quarantine = name == "quarantine.csv" or name.endswith(".quarantine.csv")
    return quarantine or name.startswith(".") or name.lower() in _LITTER


def suffix(name: str) -> str:
    """The suffix of a file name, lower case, with its dot."""
    return os.path.splitext(name)[1].lower()


def scan(root: Path) -> Tree:
    """Everything below the folder.

    A link counts when it leads to a regular file inside the root that is not there by itself;
    other links, pictures of foreign formats, unreadable folders, and pipes and devices under the
    name of a picture become issues. Raises DataError when the root itself cannot be listed.
    """
    root = Path(os.path.realpath(root))
    images: list[str] = []
    foreign: list[str] = []
    links: list[str] = []
    others: list[str] = []
    folders: list[str] = []
    issues: list[Issue] = []
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            for entry in _entries(root, prefix):
                name = prefix + entry.name
                if entry.is_symlink():
                    links.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                    if not prefix:
                        folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    kind = suffix(entry.name)
                    known = images if kind in IMAGE_SUFFIXES else foreign
                    (known if kind in _PICTURE_SUFFIXES else others).append(name)
                elif suffix(entry.name) in _PICTURE_SUFFIXES:
                    issues.append(_no_file(name))
        except OSError as error:
            if not prefix:
                raise DataError(f"{root} cannot be listed: {error.strerror or error}") from error
            detail = f"the folder cannot be listed: {error.strerror or error}"
            issues.append(Issue(kind="unreadable", name=prefix, detail=detail, left_out=True))
    issues.sort(key=lambda issue: issue.name)
    if links:
        linked, left_out = _follow(root, sorted(links), set(images))
        images += linked
        issues += left_out
    for names in (images, foreign, folders, others):
        names.sort()
    issues += [_unsupported(name) for name in foreign]
    issues += _aside(root, others)
    top = [name for name in others if "/" not in name]
    return Tree(root, images, foreign, top, folders, tuple(issues))


def _entries(root: Path, prefix: str) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(os.path.join(root, prefix)) as entries:
        for entry in entries:
            if not hidden(entry.name):
                yield entry


def _follow(root: Path, links: list[str], present: set[str]) -> tuple[list[str], list[Issue]]:
    """The links that bring a new image from inside the root, and an issue for each other one."""
    taken: list[str] = []
    issues: list[Issue] = []
    inside = os.path.join(root, "")
    for name in links:
        real = os.path.realpath(root / name)
        try:
            mode = os.stat(real).st_mode
        except OSError:  # a loop, or nothing there
            issues.append(
                Issue(kind="link", name=name, detail="the link leads nowhere", left_out=True)
            )
            continue
        below = real[len(inside) :].replace(os.sep, "/") if real.startswith(inside) else None
        if stat.S_ISDIR(mode):
            detail = "links to folders are not followed; its files count where they really lie"
        elif not stat.S_ISREG(mode) and suffix(name) in _PICTURE_SUFFIXES:
            issues.append(_no_file(name))
            continue
        elif suffix(name) not in IMAGE_SUFFIXES:
            continue
        elif below is None:
            detail = "the link leads out of the folder; copy the file if it belongs to the set"
        elif below in present:
            detail = f"the link leads to '{below}', which is in the set already"
        else:
            present.add(below)
            taken.append(name)
            continue
        issues.append(Issue(kind="link", name=name, detail=detail, left_out=True))
    return taken, issues


def _no_file(name: str) -> Issue:
    detail = "is a pipe, socket or device, not a file"
    return Issue(kind="not-a-file", name=name, detail=detail, left_out=True)


def _unsupported(name: str) -> Issue:
    detail = f"{suffix(name)} pictures cannot be read; save it as .png or .jpg"
    return Issue(kind="unsupported", name=name, detail=detail, left_out=True)


def _aside(root: Path, others: list[str]) -> list[Issue]:
    """One issue that counts the files which are neither pictures nor data."""
    others = [
        name
        for name in others
        if suffix(name) not in _DATA_SUFFIXES and not is_idx_name(name.rsplit("/", 1)[-1])
    ]
    if not others:
        return []
    kinds = Counter(suffix(name) or "no suffix" for name in others)
    listed = ", ".join(f"{kind} {num:,}" for kind, num in kinds.most_common(5))
    detail = f"{count(len(others), 'other file')} left aside ({listed})"
    return [Issue(kind="other-files", name=root.name, detail=detail, score=0.0)]
