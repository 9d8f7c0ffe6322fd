import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from eyespot.data import read
from eyespot.data.duplicates import Duplicates, duplicate_issues, find_duplicates
from eyespot.data.inventory import Inventory
from eyespot.data.loading import duplicates_of
from eyespot.data.pairing import near_pairs
from eyespot.data.scanning import scan_images
from eyespot.data.shrinking import thumbnails
from eyespot.images.decode import open_image
from eyespot.values.dataset import Dataset
from made_pictures import DATA, copied, dataset, fade, photo

PHOTOS = [photo(seed) for seed in range(40)]


def duplicates(images, **changes) -> Duplicates:
    """As the check and a split find them, which is the same."""
    data = dataset(images, **changes)
    found = checked(data, scan_images(data, cache=None))
    assert duplicates_of(data) == found
    return found


def checked(data: Dataset, facts: Inventory) -> Duplicates:
    return find_duplicates(data, facts.digests, facts.rows["thumb"])


def told(images, **changes) -> list[tuple[str, str, str]]:
    """Kind, name and detail of every issue about duplicates."""
    data = dataset(images, **changes)
    found = duplicates_of(data)
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

    pairs = near_pairs(thumbs.astype(np.uint8))

    flat = thumbs.reshape(300, -1).astype(float)
    alike = np.triu(np.corrcoef(flat) >= 0.995, 1)
    assert pairs.tolist() == np.argwhere(alike).tolist()
    assert len(pairs) >= 95


def test_a_crowd_of_look_alikes_takes_no_quadratic_time():
    rng = np.random.default_rng(0)
    thumbs = rng.integers(20, 230, (16, 16)) + rng.integers(-2, 3, (5_000, 16, 16))

    pairs = near_pairs(thumbs.astype(np.uint8))

    assert 64 * 4_900 < len(pairs) <= 4 * 64 * 5_000  # of 12,497,500


def stroke(**changes: int) -> np.ndarray:
    """uint8 (28, 28): an upright stroke of ink on an empty ground, some of its columns fainter."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 11:17] = 250
    for column, level in changes.items():
        pixels[4:24, int(column[1:])] = level
    return pixels


def test_an_empty_ground_makes_no_two_drawings_alike():
    """Two strokes of one hand, as digits of MNIST are: all but their edges is the same."""
    one, other = stroke(c10=60), stroke(c17=40)
    thumbs = thumbnails(np.stack([one, other])[..., None])
    assert np.corrcoef(thumbs.reshape(2, -1))[0, 1] > 0.996

    assert duplicates([one, other]) == Duplicates(exact=(), near=())
    assert duplicates([one, one - (one > 0).astype(np.uint8)]).near == ((0, 1),)


def test_a_picture_that_is_hardly_more_than_its_ground_has_its_copy():
    faint = 100 + PHOTOS[0] // 12
    smaller = np.asarray(Image.fromarray(faint).resize((96, 72)))

    assert duplicates([faint, *PHOTOS[:3], smaller]).near == ((0, 4),)


# Chains


def test_frames_that_are_a_part_of_a_class_are_one_group():
    images = [*fade(1, 2, 60), *(photo(seed) for seed in range(100, 160))]

    found = duplicates(images, labels=[0] * 100 + [1] * 20)

    assert found == Duplicates(exact=(), near=(tuple(range(60)),), chains=())


@pytest.mark.parametrize("seed", range(3))
def test_frames_that_are_most_of_a_class_are_cut_into_pieces_that_look_alike(seed):
    images = [*fade(2 * seed, 2 * seed + 1, 60), *(photo(seed) for seed in range(100, 120))]
    order = np.random.default_rng(seed).permutation(80)
    frames = np.flatnonzero(order < 60)
    data = {"labels": (order >= 60).astype(int), "names": [f"{place:02}" for place in order]}

    found = duplicates([images[place] for place in order], **data)

    assert found.chains == (tuple(frames.tolist()),)
    pieces = [sorted(order[list(group)].tolist()) for group in found.near]
    assert len(pieces) >= 4
    assert all(piece == list(range(piece[0], piece[-1] + 1)) for piece in pieces)
    assert sum(map(len, pieces)) >= 58
    for group in found.near:
        assert max(mean_difference(images[order[group[0]]], images[order[i]]) for i in group) < 12


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_a_chain_that_was_cut_is_told_once():
    images = [*fade(1, 2, 60), *(photo(seed) for seed in range(100, 120))]

    found = [one for one in told(images, labels=[0] * 60 + [1] * 20) if one[0] == "near-chain"]

    assert found == [
        (
            "near-chain",
            "00000",
            "60 images up to 00059 look alike one to the next and are most of a class: a split may "
            "part them; say by --set group=... which belong together",
        )
    ]


def test_copies_of_one_picture_are_no_chain_however_many_they_are():
    copies = [copied(PHOTOS[0], scale=1, quality=quality) for quality in range(60, 90)]

    found = duplicates([PHOTOS[0], *copies, *PHOTOS[1:10]], labels=[0] * 31 + [1] * 9)

    assert found == Duplicates(exact=(), near=(tuple(range(31)),), chains=())


def test_a_chain_of_few_pictures_is_not_cut():
    images = [*fade(1, 2, 60)[:11], *PHOTOS[10:30]]

    found = duplicates(images, labels=[0] * 11 + [1] * 20)

    assert (found.near, found.chains) == ((tuple(range(11)),), ())


def test_exact_copies_of_frames_stay_with_their_piece():
    images = [*fade(1, 2, 40), *fade(1, 2, 40), *(photo(seed) for seed in range(100, 120))]

    found = duplicates(images, labels=[0] * 80 + [1] * 20)

    assert found.chains == (tuple(range(80)),)
    assert all(set(group) == {(place + 40) % 80 for place in group} for group in found.near)


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


def test_a_leak_is_told_of_contradicting_labels_and_beside_a_copy():
    """Two equal images to train on, one of them a near copy of an image to judge by."""
    images = [*PHOTOS[:30], PHOTOS[2], copied(PHOTOS[2])]
    parts = ["train"] * 31 + ["test"]

    found = told(images, labels=[0] * 32, parts=parts)

    assert [(kind, name) for kind, name, _ in found] == [
        ("duplicate", "00030"),
        ("near-leak", "00002"),
        ("near-leak", "00030"),
    ]
    found = told(images, labels=[0] * 31 + [1], parts=parts)
    kinds = [(kind, name) for kind, name, _ in found]
    assert ("near-contradicting-label", "00002") in kinds and ("near-leak", "00002") in kinds


def test_a_group_of_many_copies_is_told_in_time():
    data = dataset(np.zeros((30_000, 1, 1), np.uint8), labels=[0] * 30_000)
    found = Duplicates(exact=(tuple(range(30_000)),), near=(tuple(range(30_000)),))

    assert sum(1 for _ in duplicate_issues(data, found)) == 29_999


# Real images


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "english-characters", "digits"])
def test_digits_and_drawings_of_one_class_are_no_duplicates(name):
    if name != "digits" and not (DATA / name).is_dir():
        pytest.skip(f"shared/data/{name} is absent")

    assert duplicates_of(read(DATA / name if name != "digits" else name)) == Duplicates(
        exact=(), near=()
    )


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

    found = checked(data, scan_images(data, cache=tmp_path))

    files = [hashlib.sha256(path.read_bytes()).digest() for path in data.images]
    assert sum(len(group) - 1 for group in found.exact) == len(files) - len(set(files)) == 462
