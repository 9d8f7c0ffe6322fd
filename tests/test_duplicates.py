import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from eyespot.data import read
from eyespot.data.duplicates import Duplicates, duplicate_issues, find_duplicates, near_pairs
from eyespot.data.inventory import ROW
from eyespot.data.measurement import fingerprints
from eyespot.data.scanning import scan_images
from eyespot.images.decode import open_image
from made_pictures import DATA, copied, dataset, photo

PHOTOS = [photo(seed) for seed in range(40)]


def duplicates(images) -> Duplicates:
    return find_duplicates(scan_images(dataset(images), cache=None))


def told(images, **changes) -> list[tuple[str, str, str]]:
    """Kind, name and detail of every issue about duplicates."""
    data = dataset(images, **changes)
    found = find_duplicates(scan_images(data, cache=None))
    return [(one.kind, one.name, one.detail) for one in duplicate_issues(data, found)]


# Groups


def test_equal_pixels_are_one_group_whatever_the_file_says():
    files = [BytesIO(), BytesIO()]
    Image.fromarray(PHOTOS[5]).save(files[0], "PNG")
    Image.fromarray(PHOTOS[5]).save(files[1], "BMP")

    found = duplicates([*PHOTOS, files[0].getvalue(), PHOTOS[7], files[1].getvalue()])

    assert found == Duplicates(exact=((5, 40, 42), (7, 41)), near=())


@pytest.mark.parametrize("scale", [0.5, 0.65, 0.8, 1.0, 1.3])
def test_resized_and_compressed_copies_are_found_and_nothing_else_is(scale):
    found = duplicates([*PHOTOS, *(copied(pixels, scale=scale) for pixels in PHOTOS)])

    assert found.exact == ()
    assert set(found.near) <= {(place, place + 40) for place in range(40)}
    assert len(found.near) >= 38


def test_exact_copies_of_a_near_copy_belong_to_its_group():
    copy = copied(PHOTOS[0])

    found = duplicates([copy, *PHOTOS[1:], copy, PHOTOS[0], PHOTOS[0]])

    assert found == Duplicates(exact=((0, 40), (41, 42)), near=((0, 40, 41, 42),))


def test_what_cannot_be_decoded_is_like_nothing():
    assert duplicates([b"", b"", *PHOTOS[:2]]) == Duplicates(exact=(), near=())
    assert duplicates([b"", b""]) == Duplicates(exact=(), near=())
    assert duplicates([]) == Duplicates(exact=(), near=())


def test_plain_colours_are_no_near_copies_of_each_other():
    plain = [np.full((20, 20), level, np.uint8) for level in range(100, 140)]

    assert duplicates([*plain, plain[3]]) == Duplicates(exact=((3, 40),), near=())


def test_near_pairs_are_those_that_comparing_all_with_all_gives():
    rng = np.random.default_rng(0)
    thumbs = rng.integers(0, 256, (300, 16, 16))
    thumbs[200:] = (thumbs[:100] + rng.integers(-3, 4, (100, 16, 16))).clip(0, 255)
    rows = np.zeros(300, ROW)
    rows["thumb"] = thumbs
    rows["brightness"] = thumbs.mean((1, 2)) / 255
    rows["fingerprint"] = fingerprints(rows["thumb"])

    pairs = near_pairs(rows, np.arange(300))

    flat = rows["thumb"].reshape(300, -1).astype(float)
    alike = np.triu(np.corrcoef(flat) >= 0.995, 1)
    assert pairs.tolist() == np.argwhere(alike).tolist()
    assert len(pairs) >= 95


def test_a_crowd_of_look_alikes_takes_no_quadratic_time():
    rows = np.zeros(5_000, ROW)
    rows["brightness"] = 0.5
    rows["thumb"] = np.random.default_rng(0).integers(0, 256, (5_000, 16, 16))
    rows["fingerprint"] = np.arange(5_000) // 500 << 20

    assert near_pairs(rows, np.arange(5_000)).shape == (0, 2)


# What they mean


def test_a_copy_is_told_with_its_first():
    assert told([*PHOTOS, PHOTOS[2]], labels=[0] * 41) == [
        ("duplicate", "00040", "the same picture as 00002")
    ]
    assert told([*PHOTOS, copied(PHOTOS[2])], labels=[0] * 41) == [
        ("near-duplicate", "00040", "looks the same as 00002")
    ]


def test_contradicting_labels_are_told_of_both():
    assert told([*PHOTOS, PHOTOS[2]], labels=[0] * 40 + [1]) == [
        (
            "contradicting-label",
            "00002",
            "the same picture as 00040, labelled 'cat' here and 'dog' there",
        ),
        (
            "contradicting-label",
            "00040",
            "the same picture as 00002, labelled 'dog' here and 'cat' there",
        ),
    ]
    kinds = {kind for kind, *_ in told([*PHOTOS, copied(PHOTOS[2])], labels=[0] * 40 + [1])}
    assert kinds == {"near-contradicting-label"}


def test_a_leak_is_told_of_the_copy_that_is_not_to_judge_by():
    parts = ["train"] * 20 + ["valid"] * 10 + ["test"] * 11
    images = [*PHOTOS, PHOTOS[2]]

    assert told(images, labels=[0] * 41, parts=parts) == [
        ("leak", "00002", "the same picture as 00040 of the test part")
    ]
    images = [*PHOTOS[:25], PHOTOS[2], *PHOTOS[26:], copied(PHOTOS[30])]
    parts[40] = "train"
    assert told(images, labels=[0] * 41, parts=parts) == [
        ("leak", "00002", "the same picture as 00025 of the valid part"),
        ("near-leak", "00040", "looks the same as 00030 of the test part"),
    ]


def test_an_exact_copy_is_not_told_again_as_a_near_one():
    found = told([*PHOTOS, PHOTOS[2], copied(PHOTOS[2])], labels=[0] * 42)

    assert [(kind, name) for kind, name, _ in found] == [
        ("duplicate", "00040"),
        ("near-duplicate", "00041"),
    ]


def test_a_group_of_many_copies_is_told_in_time():
    rows = np.zeros(30_000, ROW)
    data = dataset(rows, labels=[0] * 30_000)
    found = Duplicates(exact=(tuple(range(30_000)),), near=(tuple(range(30_000)),))

    assert sum(1 for _ in duplicate_issues(data, found)) == 29_999


# Real images


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("mnist", 50), ("english-characters", 0)])
def test_digits_and_drawings_of_one_class_are_no_duplicates(name, most, tmp_path):
    if not (DATA / name).is_dir():
        pytest.skip(f"shared/data/{name} is absent")

    found = find_duplicates(scan_images(read(DATA / name), cache=tmp_path))

    assert found.exact == ()
    assert sum(map(len, found.near)) <= most


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "cats-dogs").is_dir(), reason="shared/data/cats-dogs is absent")
def test_planted_copies_of_photos_are_found():
    originals = read(DATA / "cats-dogs").images[::8]
    rng = np.random.default_rng(0)
    copies = [copied(open_image(path).pixels, scale=rng.uniform(0.5, 0.8)) for path in originals]

    found = duplicates([*originals, *copies])

    num = len(originals)
    groups = {place: group for group in found.near for place in group}
    recall = np.mean([place + num in groups.get(place, ()) for place in range(num)])
    assert recall >= 0.95
    wrong = [group for group in found.near if len({place % num for place in group}) > 1]
    assert len(wrong) <= 0.01 * num


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "photographed-characters").is_dir(),
    reason="shared/data/photographed-characters is absent",
)
def test_the_byte_duplicates_of_photographed_characters_are_found(tmp_path):
    data = read(DATA / "photographed-characters" / "labels-from-names.csv")

    found = find_duplicates(scan_images(data, cache=tmp_path))

    files = [hashlib.sha256(path.read_bytes()).digest() for path in data.images]
    assert sum(len(group) - 1 for group in found.exact) == len(files) - len(set(files)) == 462
