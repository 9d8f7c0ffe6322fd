"""What a source is, and its reader: the only file that knows all forms."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.data.sources.archive import unpack
from eyespot.data.sources.arrays import read_memory, read_npz
from eyespot.data.sources.assembly import FORMS, Piece, checked, part_of, quoted, slug, stacked
from eyespot.data.sources.download import Progress
from eyespot.data.sources.folders import read_classes
from eyespot.data.sources.idx import find_pairs, is_idx_name, read_pairs
from eyespot.data.sources.listing import read_listing
from eyespot.data.sources.lookup import Finder
from eyespot.data.sources.named import NAMED_SETS, read_named
from eyespot.data.sources.pixels import Layout, find_layout, read_pixels
from eyespot.data.sources.shards import SHARD_SUFFIXES, read_shards, shard_files
from eyespot.data.sources.table import TABLE_SUFFIXES, Table, find_columns, read_rows
from eyespot.data.sources.tree import Tree, scan, suffix
from eyespot.errors import DataError, UsageError, did_you_mean
from eyespot.images.decode import FOREIGN_SUFFIXES, IMAGE_SUFFIXES
from eyespot.values.arrays import Array
from eyespot.values.dataset import PARTS, Dataset, Part

_ARCHIVES = frozenset({".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"})
_PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".npy", ".joblib", ".mat", ".h5"})

Source = str | Path | tuple[Sequence[Any] | Array, Sequence[Any] | Array]


def read(
    source: Source,
    *,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """All that the source holds; `read` of data/reading.py leaves out what is in quarantine."""
    unknown = sorted(set(columns or {}) - {"image", "label", "part", "group"})
    if unknown:
        raise UsageError(f"--columns knows image, label, part and group, not '{unknown[0]}'")
    if isinstance(source, tuple):
        return checked(read_memory(*source))
    if isinstance(source, str) and source in NAMED_SETS:
        if columns:
            raise UsageError(f"{source} is a named set; --columns is for labels tables")
        return checked(read_named(source, progress=progress))
    return checked(_read_path(Path(source), columns, given=str(source)))


def _read_path(path: Path, columns: Mapping[str, str] | None, *, given: str) -> Dataset:
    if path.is_dir():
        return _read_folder(path, columns)
    if not path.exists():
        hint = did_you_mean(given, NAMED_SETS) or f"; {FORMS}"
        raise DataError(f"'{given}' is neither a file, a folder nor a named set{hint}")
    if not path.is_file():
        raise DataError(f"{path} is a pipe or a device; {FORMS}")
    kind = suffix(path.name)
    if kind in TABLE_SUFFIXES:
        return _read_table(path, columns)
    if kind in SHARD_SUFFIXES:
        return read_shards([path], columns, root=path)
    if columns and kind != ".zip":
        raise UsageError(f"{path} is no labels table; --columns is for labels tables")
    if kind == ".npz":
        return read_npz(path)
    if kind == ".zip":
        unpacked = unpack(path)
        dataset = _read_folder(unpacked.folder, columns, shown=path)
        issues = unpacked.issues + dataset.issues
        return replace(
            dataset, name=slug(path), form=f"{dataset.form}, in a zip archive", issues=issues
        )
    raise DataError(f"{path} {_instead(path)}")


def _instead(path: Path) -> str:
    """What to do with a file that is no data set."""
    kind = suffix(path.name)
    if is_idx_name(path.name):
        return f"is one of several IDX files; give their folder, {path.parent}"
    if kind in IMAGE_SUFFIXES | FOREIGN_SUFFIXES:
        return f"is one image; {FORMS}"
    if kind in _ARCHIVES:
        return "is an archive that eyespot does not open; unpack it and give the folder, or a .zip"
    if kind in _PICKLES:
        return "is of a kind that may hold code or anything; save images and labels as .npz"
    return f"is nothing that eyespot knows; {FORMS}"


def _read_table(path: Path, columns: Mapping[str, str] | None) -> Dataset:
    layout = None if columns else find_layout(path)
    if layout is None:
        return read_listing(read_rows(path), scan(path.parent), columns)
    if not layout.is_label:
        raise DataError(f"{path} is {layout} without a label column; it can only be predicted")
    return read_pixels(path, layout)


def _read_folder(
    folder: Path, columns: Mapping[str, str] | None, *, shown: Path | None = None
) -> Dataset:
    """shown: what the user gave, when the folder is the unpacked form of it."""
    shown = shown or folder
    tree = scan(folder)
    if pairs := find_pairs(folder, tree.files):
        return replace(read_pairs(pairs, folder=folder), issues=tree.issues)
    if tree.images and (table := _labels_table(tree, columns, shown)):
        return read_listing(table, tree, columns)
    if not tree.images and (shards := shard_files(tree.files)):
        return read_shards([folder / name for name in shards], columns, root=shown)
    inner = _only_folder(tree)
    if inner:
        return replace(_read_folder(inner, columns, shown=shown / inner.name), name=slug(folder))
    if columns:
        raise UsageError(f"{shown} holds no labels table; --columns is for labels tables")
    if tree.images:
        return read_classes(tree)
    arrays = [folder / name for name in tree.files if suffix(name) in TABLE_SUFFIXES | {".npz"}]
    labelled = {
        path: layout
        for path in arrays
        if path.suffix != ".npz" and (layout := find_layout(path)) and layout.is_label
    }
    if len(chosen := list(labelled) or arrays) == 1:
        return _read_path(chosen[0], None, given=str(chosen[0]))
    parts = {_part_in(path.stem) for path in labelled}
    if labelled and None not in parts and len(parts) == len(labelled):
        return _joined(folder, labelled)
    if arrays:
        names = ", ".join(path.name for path in arrays)
        raise DataError(f"{shown} holds several tables or arrays ({names}); name one of them")
    foreign = f", only others ({quoted(tree.foreign)})" if tree.foreign else ""
    raise DataError(f"{shown} holds no images that eyespot knows{foreign}; {FORMS}")


def _part_in(stem: str) -> Part | None:
    """The part that a file is called after: `mnist_train` is train."""
    words = re.split("[^a-z]+", stem.lower())
    return next((part for word in words if (part := part_of(word))), None)


def _joined(folder: Path, tables: Mapping[Path, Layout]) -> Dataset:
    """Tables of pixels that are called after parts, as one set in the order train, valid, test."""
    read = {_part_in(path.stem): read_pixels(path, layout) for path, layout in tables.items()}
    found = [(part, read[part]) for part in PARTS if part in read]
    pieces = [
        Piece(part, np.asarray(one.images), np.array(one.classes)[one.labels])
        for part, one in found
    ]
    dataset = stacked(pieces, name=slug(folder), form="tables of pixels")
    return replace(dataset, issues=tuple(issue for _, one in found for issue in one.issues))


def _only_folder(tree: Tree) -> Path | None:
    """The one folder that everything is wrapped in, unless it is a class or a part itself."""
    if len(tree.folders) != 1 or any("/" not in name for name in tree.images + tree.foreign):
        return None
    inner = tree.root / tree.folders[0]
    nested = any(name.count("/") > 1 for name in tree.images)
    return inner if nested or not (tree.images or tree.foreign) else None


def _labels_table(tree: Tree, columns: Mapping[str, str] | None, shown: Path) -> Table | None:
    """The one labels table in the folder; tables of other things beside class folders are none."""
    tables = []
    for name in tree.files:
        if suffix(name) in TABLE_SUFFIXES and "submission" not in name.lower():
            try:
                table = read_rows(tree.root / name)
            except DataError:
                if len(tree.folders) > 1:  # class folders do not need it
                    continue
                raise
            found = find_columns(table, columns)
            if found.image is not None and found.label is not None and table.rows:
                tables.append(table)
    naming = [table for table in tables if _names_an_image(table, tree, columns)]
    candidates = naming if naming or len(tree.folders) > 1 else tables
    if len(candidates) > 1:
        names = ", ".join(table.path.name for table in candidates)
        raise DataError(
            f"{shown} holds {len(candidates)} labels tables ({names}); name the one to use"
        )
    return candidates[0] if candidates else None


def _names_an_image(table: Table, tree: Tree, columns: Mapping[str, str] | None) -> bool:
    """True when one of the first rows names an image that is there."""
    image = find_columns(table, columns).image or 0
    finder = Finder(tree, encoding=table.encoding)
    first = [cells[image] for _, cells in table.rows[:50] if image < len(cells)]
    return any(isinstance(finder.find(cell), str) for cell in first)
