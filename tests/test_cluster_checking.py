"""A check on a cluster finds what one process finds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyespot.data import read
from eyespot.data.checkup import check
from eyespot.data.pairing import looks_of, near_pairs, pairs_in_band, words_of

pytest.importorskip("pyarrow", reason="needs the extra cluster")

import pyarrow.compute as pc

from eyespot.cluster.checking import _in_bands, _look, _pairs_of, _tables


def thumbs(num: int = 400) -> np.ndarray:
    """uint8 (num, 16, 16): a third are copies of others with a little noise."""
    random = np.random.default_rng(0)
    few = np.cumsum(random.normal(0, 20, (num, 16, 16)), axis=2).clip(-120, 120) + 128
    for place in range(0, num, 3):
        few[place] = few[random.integers(num)] + random.normal(0, 1, (16, 16))
    return few.clip(0, 255).astype(np.uint8)


def test_the_pairs_of_all_buckets_are_the_pairs():
    images = thumbs()
    (table,) = _tables(images)
    bands = _in_bands(table, buckets=7)

    found = set()
    for bucket in range(7):
        told = _pairs_of(bands.filter(pc.equal(bands.column("bucket"), bucket)))
        found |= set(zip(told["first"].to_pylist(), told["second"].to_pylist(), strict=True))

    pairs = near_pairs(images)
    assert len(pairs) > 50
    assert found == set(map(tuple, pairs.tolist()))


def test_a_band_gives_the_places_that_it_was_given():
    images = np.repeat(thumbs(10)[1:2], 3, axis=0)
    looks = looks_of(images)

    pairs = pairs_in_band(words_of(looks.prints, 0), np.array([4, 7, 9]), looks)

    assert sorted(pairs.tolist()) == [[4, 7], [4, 9], [7, 9]]


def write_set(folder: Path) -> Path:
    """Photos of noise in two classes; one copied, one compressed again, one blank, one broken."""
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(40):
            waves = np.cumsum(random.normal(0, 12, (48, 48, 3)), axis=0).clip(-120, 120) + 128
            Image.fromarray(waves.astype(np.uint8)).save(folder / label / f"{number}.png")
    Image.open(folder / "a" / "3.png").save(folder / "b" / "again.jpg", quality=85)
    (folder / "b" / "twin.png").write_bytes((folder / "a" / "7.png").read_bytes())
    Image.new("RGB", (48, 48), (9, 9, 9)).save(folder / "a" / "blank.png")
    (folder / "a" / "broken.png").write_text("no picture")
    (folder / "a" / "named.jpg").write_bytes((folder / "a" / "9.png").read_bytes())
    return folder


def test_a_worker_sees_what_the_scan_sees(tmp_path):
    import pickle

    data = read(write_set(tmp_path / "in"))
    batch = {"start": np.array([0]), "images": np.array([pickle.dumps(data.images)], object)}

    rows, remarks, errors = pickle.loads(_look(batch)["facts"][0])
    facts = check(data, cache=tmp_path / "cache").facts

    told = [name for name in rows.dtype.names if name not in ("place", "mtime")]
    assert (rows[told] == facts.rows[told]).all()
    assert (remarks, errors) == (facts.remarks, facts.errors)


@pytest.mark.cluster
def test_the_findings_are_those_of_one_process(tmp_path, two_nodes):
    from eyespot.cluster.checking import check_on

    data = read(write_set(tmp_path / "in"))
    seen: list[int] = []

    ours = check_on(two_nodes.address, data, progress=lambda done, num: seen.append(done))
    alone = check(data, cache=tmp_path / "cache")

    assert ours.issues == alone.issues
    assert (ours.exact, ours.near) == (alone.exact, alone.near)
    assert ours.exact and ours.near
    assert (ours.spreads, ours.modes, ours.counts) == (alone.spreads, alone.modes, alone.counts)
    assert seen[-1] == len(data)
