"""`check` on a cluster: workers look at the images, and a shuffle brings those together that may be
the same picture."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.cluster.connection import Cluster, joined
from eyespot.data.checkup import Checked, checked_of
from eyespot.data.duplicates import find_duplicates
from eyespot.data.inspection import Contents, Inspection, row_of
from eyespot.data.inventory import ROW, Inventory
from eyespot.data.measurement import THUMB, fingerprints
from eyespot.data.pairing import NUM_BANDS, looks_of, pairs_in_band, words_of
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset

_PORTION = 512  # images that a worker looks at before it tells
_ROWS = 50_000  # of a block that is shuffled
_BUCKETS = 16  # that the shuffle makes of the bands' words, for each core


def check_on(
    cluster: str,
    dataset: Dataset,
    *,
    workers: int | None = None,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[int, int], None] = lambda done, num: None,
) -> Checked:
    """What `check` says of the set, found by a cluster; nothing is kept for the next time.

    cluster: as `joined` takes it. workers: how many look at images, all cores if not given. The
    workers open the images by the paths that they have here. This process holds 0.4 KB for each.
    """
    with joined(cluster, action="--cluster") as ray:
        say(f"{len(dataset):,} images on {ray}")
        facts = _looked_at(dataset, workers or ray.num_cpus, progress)

        def pairs(thumbs: Array) -> Array:
            return near_pairs_on(ray, thumbs)

        duplicates = find_duplicates(dataset, facts.digests, facts.rows["thumb"], pairs=pairs)
    return checked_of(dataset, facts, duplicates)


def _looked_at(dataset: Dataset, workers: int, progress: Callable[[int, int], None]) -> Inventory:
    """The facts of all images, each seen by one of the workers."""
    import ray.data

    num = len(dataset)
    rows = np.zeros(num, ROW)
    remarks: dict[int, tuple[str, ...]] = {}
    errors: dict[int, str] = {}
    items = [
        {
            "start": start,
            "images": pickle.dumps(_absolute(dataset.images[start : start + _PORTION])),
        }
        for start in range(0, num, _PORTION)
    ]
    todo = ray.data.from_items(items, override_num_blocks=len(items))
    looks = todo.map_batches(_look, batch_size=1, batch_format="numpy", concurrency=workers)
    done = 0
    for told in looks.iter_rows():
        start = int(told["start"])
        part, odd, broken = pickle.loads(told["facts"])
        rows[start : start + len(part)] = part
        remarks |= {start + place: words for place, words in odd.items()}
        errors |= {start + place: reason for place, reason in broken.items()}
        done += len(part)
        progress(done, num)
    return Inventory(names=dataset.names, rows=rows, remarks=remarks, errors=errors)


def _absolute(images: Any) -> Any:
    """The same images for a process that works in another folder."""
    if isinstance(images, list | tuple):
        return [Path(one).absolute() if isinstance(one, str | Path) else one for one in images]
    return images


def _look(batch: dict[str, Array]) -> dict[str, Array]:
    """On a worker: rows, remarks and errors of a portion, by the place in it."""
    told = []
    for data in batch["images"]:
        images = pickle.loads(data)
        rows = np.zeros(len(images), ROW)
        remarks, errors = {}, {}
        looks = Inspection(images, Contents(np.zeros(0, ROW))).at(np.arange(len(images)))
        for place, seen in enumerate(looks):
            rows[place] = row_of(seen)
            if seen.remarks:
                remarks[place] = seen.remarks
            if seen.error is not None:
                errors[place] = seen.error
        rows["fingerprint"] = fingerprints(rows["thumb"])
        told.append(pickle.dumps((rows, remarks, errors)))
    return {"start": batch["start"], "facts": np.array(told, object)}


def near_pairs_on(cluster: Cluster, thumbs: Array) -> Array:
    """As `near_pairs` of data/duplicates.py: Ray brings the images of a band's word together."""
    import ray.data

    num = len(thumbs)
    if not num:
        return np.zeros((0, 2), np.int64)
    buckets = _BUCKETS * cluster.num_cpus
    rows = ray.data.from_arrow(list(_tables(thumbs)))
    bands = rows.map_batches(
        _in_bands, batch_size=None, batch_format="pyarrow", fn_kwargs={"buckets": buckets}
    )
    found = bands.groupby("bucket").map_groups(_pairs_of, batch_format="pyarrow")
    codes = [
        np.asarray(batch["first"]) * num + np.asarray(batch["second"])
        for batch in found.iter_batches(batch_size=None, batch_format="numpy")
        if "first" in batch
    ]
    return np.stack(np.divmod(np.unique(np.concatenate([np.zeros(0, np.int64), *codes])), num), 1)


def _tables(thumbs: Array) -> Iterator[Any]:
    """The thumbnails as tables, with their places."""
    import pyarrow as pa

    kind = pa.binary(THUMB * THUMB)
    for start in range(0, len(thumbs), _ROWS):
        part = np.ascontiguousarray(thumbs[start : start + _ROWS])
        data = pa.Array.from_buffers(kind, len(part), [None, pa.py_buffer(part.tobytes())])
        places = pa.array(np.arange(start, start + len(part)))
        yield pa.table({"place": places, "thumb": data})


def _in_bands(table: Any, buckets: int) -> Any:
    """On a worker: each image once for each band, with the bucket that its word falls into."""
    import pyarrow as pa

    prints = fingerprints(_thumbs_of(table))
    pieces = []
    for band in range(NUM_BANDS):
        words = words_of(prints, band).astype(np.int32) + band * 2**16
        piece = table.append_column("word", pa.array(words))
        pieces.append(piece.append_column("bucket", pa.array(words % buckets)))
    return pa.concat_tables(pieces)


def _pairs_of(table: Any) -> Any:
    """On a worker: the pairs in a bucket, which has all images of each of its words."""
    import pyarrow as pa

    table = table.combine_chunks().sort_by("place")
    words, places = table.column("word").to_numpy(), table.column("place").to_numpy()
    pairs = pairs_in_band(words, places, looks_of(_thumbs_of(table)))
    return pa.table({"first": pairs[:, 0], "second": pairs[:, 1]})


def _thumbs_of(table: Any) -> Array:
    """uint8 (N, S, S) of a table's thumbnails."""
    data = b"".join(table.column("thumb").to_pylist())
    return np.frombuffer(data, np.uint8).reshape(-1, THUMB, THUMB)
