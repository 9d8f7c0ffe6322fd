"""One look at every image of a set, and never a second one at a file that has not changed."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.data.inspection import Contents, Inspection, Seen, row_of
from eyespot.data.inventory import ROW, Inventory, joined, read_inventory, write_inventory
from eyespot.data.journal import Journal, read_journals
from eyespot.data.measurement import fingerprints
from eyespot.data.sources.encoded import Encoded
from eyespot.data.sources.tree import Paths
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset

# A file that was written this shortly before it was looked at may change once more without
# changing its time: next time its bytes are compared.
_FRESH_NS = 2_000_000_000

_SURE = "surrogatepass"


def scan_images(
    dataset: Dataset,
    *,
    cache: Path | None,
    progress: Callable[[int, int], None] = lambda done, num: None,
) -> Inventory:
    """The facts of every image, each decoded once, on all cores, and let go.

    cache: the folder that keeps the facts between two looks, one file for a set; None keeps none.
    A file of the same path, size and time is not opened again; one of the same bytes is not
    decoded again, wherever it lies. A look that is interrupted, or killed, goes on the next time
    from where it was. progress: called with how many are done, and of how many.
    """
    num = len(dataset)
    file = None if cache is None else cache / _file_name(dataset)
    old, unfinished = _known(file)
    places, mtimes, sizes = _stats(dataset)
    before = _rows_before(old.rows, places, mtimes, sizes)
    missing = np.flatnonzero(before < 0)
    progress(num - len(missing), num)
    whole = len(old) == num and not unfinished
    if whole and not len(missing) and (before == np.arange(num)).all():
        return Inventory(names=dataset.names, rows=old.rows, remarks=old.remarks, errors=old.errors)

    rows = np.zeros(num, ROW)
    rows[before >= 0] = old.rows[before[before >= 0]]
    rows["place"] = places
    remarks: dict[int, tuple[str, ...]] = {}
    errors: dict[int, str] = {}
    inventory = Inventory(names=dataset.names, rows=rows, remarks=remarks, errors=errors)
    look = Inspection(dataset.images, Contents(old.rows)).at(missing)
    with Journal(file, inventory) as journal:
        looks = zip(missing.tolist(), look, strict=True)
        filled = _filled(rows, looks, old.rows, before, mtimes)
        for done, (index, seen) in enumerate(filled, num - len(missing) + 1):
            if seen.remarks:
                remarks[index] = seen.remarks
            if seen.error is not None:
                errors[index] = seen.error
            if seen.known is None:
                journal.note(index)
            progress(done, num)
    _carry(old.remarks, before, remarks)
    _carry(old.errors, before, errors)
    new = missing[before[missing] < 0]
    rows["fingerprint"][new] = fingerprints(rows["thumb"][new])
    del old, look, looks, filled  # a million rows need their memory twice, not three times
    if file and write_inventory(file, inventory):
        journal.forget()
        for path in unfinished:
            path.unlink(missing_ok=True)
    return inventory


def _filled(
    rows: Array,
    looks: Iterable[tuple[int, Seen]],
    old: Array,
    before: Array,
    mtimes: Array,
) -> Iterator[tuple[int, Seen]]:
    """Each look with its place, as soon as its row is there, new or an old one of the same bytes.

    before: gets the old row. Fingerprints are still to come.
    """
    now = time.time_ns()
    for index, seen in looks:
        place = rows[index]["place"]
        if seen.known is None:
            rows[index] = row_of(seen)
        else:
            rows[index] = old[seen.known]
            before[index] = seen.known
        lasting = any(seen.content) and mtimes[index] < now - _FRESH_NS
        rows[index]["mtime"] = mtimes[index] if lasting else -1
        rows[index]["place"] = place
        yield index, seen


def _known(file: Path | None) -> tuple[Inventory, list[Path]]:
    """All that is known from earlier looks, and the files of those that did not end."""
    if file is None:
        return joined([]), []
    found, unfinished = read_journals(file)
    return joined([part for part in (found, read_inventory(file)) if part]), unfinished


def _file_name(dataset: Dataset) -> str:
    """One for each place and name of a set."""
    images = dataset.images
    if isinstance(images, Paths):
        where = str(images.root)
    elif isinstance(images, np.ndarray):
        where = f"{images.dtype} {images.shape}"
    else:
        where = str(images[0]) if len(images) and isinstance(images[0], str | Path) else ""
    text = f"{dataset.name}\n{dataset.form}\n{where}".encode("utf-8", _SURE)
    return f"{hashlib.blake2b(text, digest_size=12).hexdigest()}.facts"


def _stats(dataset: Dataset) -> tuple[Array, Array, Array]:
    """Of each image's file: a hash of its path, time and size; 0, -1 and 0 where there is none."""
    num = len(dataset)
    places, mtimes, sizes = np.zeros(num, "<u8"), np.full(num, -1, "<i8"), np.zeros(num, "<u8")
    for index, path in enumerate(_paths(dataset.images)):
        if path is None:
            continue
        key = hashlib.blake2b(os.path.abspath(path).encode("utf-8", _SURE), digest_size=8)
        places[index] = int.from_bytes(key.digest(), "little")
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(path)
            mtimes[index], sizes[index] = status.st_mtime_ns, status.st_size
    return places, mtimes, sizes


def _paths(images: Any) -> Iterator[str | None]:
    """The path of each image that is a file."""
    if isinstance(images, Paths):  # its paths are real ones already
        root = os.path.join(images.root, "")
        yield from (root + name for name in images.names)
    elif isinstance(images, np.ndarray | Encoded):
        yield from (None for _ in range(len(images)))
    else:
        for source in images:
            yield os.fspath(source) if isinstance(source, str | Path) else None


def _rows_before(old: Array, places: Array, mtimes: Array, sizes: Array) -> Array:
    """int64 (N,): the old row of each file that has not changed since; -1 for the others."""
    before = np.full(len(places), -1)
    if not len(old):
        return before
    order = np.argsort(old["place"], kind="stable")
    found = np.searchsorted(old["place"], places, sorter=order).clip(max=len(old) - 1)
    rows = order[found]
    same = (old["place"][rows] == places) & (old["num_bytes"][rows] == sizes)
    same &= (old["mtime"][rows] == mtimes) & (mtimes >= 0) & (places != 0)
    before[same] = rows[same]
    return before


def _carry(old: Any, before: Array, new: dict[int, Any]) -> None:
    """Takes over what was said about the images whose old rows were taken over."""
    if old:
        for index in np.flatnonzero(np.isin(before, list(old))).tolist():
            new[index] = old[int(before[index])]
