"""Images to predict: files, folders, patterns, tables and arrays, several of them together."""

import glob
import itertools
from collections.abc import Sequence
from pathlib import Path

from eyespot.data.sources.archive import unpack
from eyespot.data.sources.arrays import npz_images
from eyespot.data.sources.assembly import index_names, quoted, shortened
from eyespot.data.sources.encoded import Encoded
from eyespot.data.sources.idx import is_images_name, read_images
from eyespot.data.sources.lookup import Finder, Miss
from eyespot.data.sources.pixels import find_layout, read_pixel_rows
from eyespot.data.sources.shards import SHARD_SUFFIXES, shard_files, shard_pictures
from eyespot.data.sources.table import IMAGE_HEADERS, TABLE_SUFFIXES, find_columns, read_rows
from eyespot.data.sources.tree import Paths, hidden, scan, suffix
from eyespot.errors import DataError
from eyespot.values.arrays import Array
from eyespot.values.dataset import Pictures


def pictures(sources: Sequence[str | Path]) -> Pictures:
    """The images that the sources stand for, in their order; labels are not needed.

    A source is an image file, a folder (everything below it), a pattern such as `photos/*.png`, a
    labels table (its image column), a table of pixels, an .npz, an IDX file of images, a .zip, or
    Parquet or tar shards.
    Names are the paths as given; a table's images have its own words for them, arrays an index.
    Raises DataError when a source holds no image or names one that is not there.
    """
    found = [part for source in sources for part in _expanded(str(source))]
    if not found:
        raise DataError("no image is named; give files, folders, patterns or tables of images")
    names = tuple(itertools.chain.from_iterable(part.names for part in found))
    if len(found) == 1:
        return Pictures(images=found[0].images, names=names)
    return Pictures(images=Encoded.of(part.images for part in found), names=names)


def _expanded(given: str) -> list[Pictures]:
    """The source itself, or what a pattern that the shell has not expanded matches."""
    if Path(given).exists() or not glob.has_magic(given):
        return _read(given)
    matches = sorted(
        match
        for match in glob.glob(given, recursive=True)
        if Path(match).is_file() and not hidden(Path(match).name)
    )
    if not matches:
        raise DataError(f"'{given}' matches no file; look at the pattern and the folder")
    return [part for match in matches for part in _read(match)]


def _read(given: str) -> list[Pictures]:
    path = Path(given)
    if path.is_dir():
        return [_folder(path, given)]
    if not path.exists():
        raise DataError(f"'{given}' is not there; give image files, folders or tables of images")
    if not path.is_file():
        raise DataError(f"'{given}' is a pipe or a device; give regular files")
    kind = suffix(path.name)
    if kind in TABLE_SUFFIXES:
        return [_table(path, given)]
    if kind in SHARD_SUFFIXES:
        return [shard_pictures([path])]
    if kind == ".zip":
        return [_folder(unpack(path).folder, given)]
    if kind == ".npz":
        arrays = list(npz_images(path))
        several = len(arrays) > 1
        return [_indexed(a, f"{given}/{key}/" if several else f"{given}/") for key, a in arrays]
    if is_images_name(path.name):
        return [_indexed(read_images(path), f"{given}/")]
    # Whatever the user names is taken for an image: the decoder looks at its bytes, not its name.
    return [Pictures(images=[path], names=(given,))]


def _folder(folder: Path, given: str) -> Pictures:
    tree = scan(folder)
    if not tree.images and (shards := shard_files(tree.files)):
        return shard_pictures([folder / name for name in shards])
    if not tree.images:
        more = (
            f", only pictures that cannot be read ({quoted(tree.foreign)})" if tree.foreign else ""
        )
        raise DataError(f"'{given}' holds no images{more}; give image files, folders or tables")
    prefix = given.rstrip("/") or "/"
    names = tuple(f"{prefix}/{name}" for name in tree.images)
    return Pictures(images=Paths(tree.root, tree.images), names=names)


def _table(path: Path, given: str) -> Pictures:
    """The rows of a table, all of them and in order, as a table of answers needs them."""
    layout = find_layout(path)
    if layout:
        pixels = read_pixel_rows(path, layout)
        if pixels.issues:
            first = pixels.issues[0]
            raise DataError(f"{first.name}: {first.detail}; mend the row")
        if layout.extra != "none" and not layout.is_label:
            return Pictures(images=pixels.images, names=tuple(pixels.extras))
        return _indexed(pixels.images, f"{given}/")
    table = read_rows(path)
    image = find_columns(table).image
    if image is None and len(table.header) == 1:
        image = 0
    if image is None:
        raise DataError(
            f"{path} has {shortened(table.header)}: no column is called "
            f"{', '.join(IMAGE_HEADERS[:4])} or the like; rename the one that names the images"
        )
    tree = scan(path.parent)
    finder = Finder(tree, encoding=table.encoding)
    names, files = [], []
    for line, cells in table.rows:
        found = (
            finder.find(cells[image])
            if image < len(cells)
            else Miss("bad-row", "a cell is missing")
        )
        if isinstance(found, Miss):
            raise DataError(f"{path} line {line}: {found.detail}; mend the row")
        names.append(cells[image].strip())
        files.append(found)
    if not files:
        raise DataError(f"{path} holds a header and no row; add a row for each image")
    return Pictures(images=Paths(tree.root, files), names=tuple(names))


def _indexed(images: Array, prefix: str) -> Pictures:
    return Pictures(images=images, names=tuple(index_names(len(images), prefix)))
