import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import eyespot
from conftest import TINY, write_pictures
from eyespot.data.duplicates import Duplicates
from eyespot.data.grouping import arranged
from eyespot.data.keeping import named_split, write_split
from eyespot.data.loading import Loaded, duplicates_of, load_digests
from eyespot.data.splits import Split, split
from eyespot.data.summary import sentences
from eyespot.errors import DataError, UsageError
from eyespot.files.tables import read_table
from eyespot.images.decode import open_image
from eyespot.line import plan, train
from eyespot.values.dataset import Dataset, Part
from made_pictures import copied, fade, photo
from made_pictures import dataset as pictures


def dataset(
    labels: Sequence[int],
    *,
    parts: Sequence[Part | None] | None = None,
    names: Sequence[str] | None = None,
    num_classes: int | None = None,
) -> Dataset:
    """One image for each label; every picture differs from the others."""
    rng = np.random.default_rng(0)
    return Dataset(
        name="pets",
        form="made up",
        images=rng.integers(0, 256, (len(labels), 8, 8), np.uint8),
        names=tuple(names or (f"{index:06}.png" for index in range(len(labels)))),
        labels=np.array(labels, dtype=np.int64),
        classes=tuple(f"c{label}" for label in range(num_classes or max(labels) + 1)),
        parts=None if parts is None else tuple(parts),
    )


def equal(groups: Sequence[object]) -> Duplicates:
    """The images of one group are equal, of two groups nothing alike."""
    places: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    return Duplicates(exact=tuple(tuple(p) for p in places.values() if len(p) > 1), near=())


def by_name(data: Dataset, parts: Split) -> dict[str, Part]:
    return dict(zip(data.names, parts.parts, strict=True))


def sizes(parts: Split) -> dict[str, int]:
    return dict(Counter(parts.parts))


# Shares


@pytest.mark.parametrize(("valid", "test"), [(0.1, 0.2), (0.15, 0.15), (0.5, 0.25), (0.01, 0.3)])
def test_every_class_gives_its_share_to_the_image(valid, test):
    labels = [0] * 1000 + [1] * 137 + [2] * 50 + [3] * 11
    data = dataset(labels)

    counts = split(data, seed=3, valid=valid, test=test).counts(data.labels, 4)

    for label, num in Counter(labels).items():
        assert counts["test"][label] == max(1, round(test * num))
        assert counts["valid"][label] == max(1, round(valid * num))


def test_small_classes_fill_train_first_then_test_then_valid():
    data = dataset([0] * 20 + [1] + [2] * 2 + [3] * 3)

    counts = split(data).counts(data.labels, 4)

    assert counts["train"][1:] == [1, 1, 1]
    assert counts["test"][1:] == [0, 1, 1]
    assert counts["valid"][1:] == [0, 0, 1]


def test_a_class_that_no_one_can_judge_or_learn_is_named():
    data = dataset([0] * 5 + [1] * 5 + [2], num_classes=4)

    found = [(issue.kind, issue.detail) for issue in split(data).issues]

    assert found == [
        ("thin-class", "class 'c3' has no image in the train part: it is not learnt"),
        ("thin-class", "class 'c2' has no image in the test part: it is not judged"),
        ("thin-class", "class 'c3' has no image in the test part: it is not judged"),
    ]


def test_a_share_of_zero_makes_no_part():
    assert sizes(split(dataset([0, 1] * 50), valid=0, test=0.2)) == {"train": 80, "test": 20}
    assert sizes(split(dataset([0, 1] * 50), valid=0, test=0)) == {"train": 100}


@pytest.mark.parametrize(
    ("valid", "test"), [(0.5, 0.5), (0.9, 0.2), (-0.1, 0.2), (2.0, -3.0), (float("nan"), 0.1)]
)
def test_shares_that_leave_nothing_are_refused(valid, test):
    with pytest.raises(UsageError) as error:
        split(dataset([0, 1] * 50), valid=valid, test=test)

    assert str(error.value) == (
        f"valid = {valid} and test = {test} leave nothing to train on; "
        "give two numbers from 0 that add up to less than 1"
    )


def test_one_class_is_refused():
    with pytest.raises(DataError) as error:
        split(dataset([0, 0, 0], num_classes=2))

    assert str(error.value) == (
        "pets holds one class only ('c0', 3 images); a classifier needs two classes or more"
    )


# A function of seed and name


def test_the_order_of_the_images_does_not_matter():
    data = dataset([index % 7 for index in range(500)])
    order = random.Random(0).sample(range(500), 500)
    groups = [index // 2 for index in range(500)]
    shuffled = dataset([order_ % 7 for order_ in order], names=[data.names[i] for i in order])

    first = split(data, duplicates=equal(groups))
    second = split(shuffled, duplicates=equal([groups[index] for index in order]))

    assert by_name(data, first) == by_name(shuffled, second)


def test_the_same_seed_splits_the_same_way_and_another_does_not():
    data = dataset([0, 1] * 500)

    assert split(data, seed=1) == split(data, seed=1)
    together = set(split(data, seed=1).indices("test")) & set(split(data, seed=2).indices("test"))
    assert 20 < len(together) < 65  # 40 by chance


def test_the_split_stays_what_it_is_in_later_versions():
    """A change of these numbers would move everybody's test images into the training part."""
    data = dataset([0, 1] * 10)

    assert split(data, seed=0).indices("test") == [4, 5, 13, 18]
    assert split(data, seed=0).indices("valid") == [7, 10]


@pytest.mark.parametrize("grouped", [False, True])
def test_one_more_image_moves_few_others(grouped):
    rng = random.Random(5)
    names = [f"{rng.random():.12f}.png" for _ in range(2000)]
    groups = [rng.randrange(1500) if grouped else name for name in names]
    labels = [hash_free(group) % 4 for group in groups]
    old = dataset(labels[1:], names=names[1:])
    new = dataset(labels, names=names)

    before = by_name(old, split(old, duplicates=equal(groups[1:])))
    after = by_name(new, split(new, duplicates=equal(groups)))

    moved = [name for name in before if before[name] != after[name]]
    assert len(moved) <= (12 if grouped else 4)


def hash_free(value: object) -> int:
    """A number that does not depend on PYTHONHASHSEED."""
    return sum(repr(value).encode())


def test_names_that_are_no_unicode_can_be_split():
    names = [f"{index}\udcff\ud800😀" for index in range(20)]

    assert sizes(split(dataset([0, 1] * 10, names=names)))["test"] == 4


# Equal pictures


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("copies", [2, 3, 4])
def test_copies_never_straddle_and_the_shares_hold_all_the_same(seed, copies):
    groups = [index // copies for index in range(1200)]
    data = dataset([group % 3 for group in groups])

    parts = split(data, seed=seed, valid=0.1075, test=0.1625, duplicates=equal(groups))

    of_group = Counter(set(zip(groups, parts.parts, strict=True)))
    assert len(of_group) == len(set(groups))
    counts = parts.counts(data.labels, 3)
    assert all(65 - copies < num <= 65 for num in counts["test"])
    assert all(43 - copies < num <= 43 for num in counts["valid"])


@pytest.mark.parametrize("seed", range(20))
def test_a_group_larger_than_a_share_stays_in_train_and_the_rest_is_judged(seed):
    data = dataset([0] * 10 + [1] * 20)
    groups = ["many"] * 9 + list(range(21))

    parts = split(data, seed=seed, duplicates=equal(groups))

    assert set(parts.parts[:9]) == {"train"}
    assert parts.parts[9] == "test"


def test_a_class_of_one_picture_many_times_goes_to_train():
    data = dataset([0] * 10 + [1] * 20)

    parts = split(data, duplicates=equal(["many"] * 10 + list(range(20))))

    assert set(parts.parts[:10]) == {"train"}
    assert [issue.name for issue in parts.issues] == ["c0"]


def test_one_picture_with_two_labels_is_named_and_in_one_part():
    data = dataset([0, 1] * 10)
    groups: list[object] = ["same", "same", *range(18)]

    parts = split(data, duplicates=equal(groups))

    assert parts.parts[0] == parts.parts[1]
    assert [(issue.kind, issue.name, issue.detail) for issue in parts.issues] == [
        (
            "contradicting-label",
            "000000.png",
            "the same picture as 000001.png, labelled 'c0' here and 'c1' there",
        ),
        (
            "contradicting-label",
            "000001.png",
            "the same picture as 000000.png, labelled 'c1' here and 'c0' there",
        ),
    ]


def test_without_duplicates_the_pictures_themselves_are_compared():
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8).repeat(2, axis=0)
    data = Dataset(
        name="twins",
        form="made up",
        images=images,
        names=tuple(f"{index:02}" for index in range(40)),
        labels=np.arange(40) // 2 % 2,
        classes=("a", "b"),
    )

    parts = eyespot.split(data, seed=1).parts

    assert parts[::2] == parts[1::2]
    assert set(parts) == {"train", "valid", "test"}


def test_files_that_cannot_be_read_are_not_equal_to_each_other(tmp_path):
    data = Dataset(
        name="gone",
        form="made up",
        images=[tmp_path / f"{index}.png" for index in range(40)],
        names=tuple(f"{index:02}" for index in range(40)),
        labels=np.arange(40) % 2,
        classes=("a", "b"),
    )

    assert sizes(split(data, valid=0.1, test=0.2)) == {"train": 28, "test": 8, "valid": 4}


# Pictures that look the same


def folder_of_photos(root: Path, num: int) -> Path:
    """A folder per class; every photo lies there once more, resized and as JPEG."""
    for index in range(num):
        folder = root / ("cat", "dog")[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(index)).save(folder / f"{index:03}.png")
        (folder / f"copy-{index:03}.jpg").write_bytes(copied(photo(index)))
    return root


def table_of_photos(root: Path, num: int) -> Path:
    folder_of_photos(root, num)
    paths = sorted(path.relative_to(root) for path in root.rglob("*.[pj]*g"))
    rows = [f"{path.as_posix()},{path.parts[0]}" for path in paths]
    return table(root / "labels.csv", "\n".join(["image,label", *rows, ""]))


def array_of_photos(root: Path, num: int) -> Path:
    """Pictures of one size, in an .npz; a copy is a compressed one."""
    photos = [photo(index, width=64, height=64) for index in range(num)]
    copies = [open_image(copied(pixels, scale=1)).pixels for pixels in photos]
    root.mkdir()
    labels = np.arange(2 * num) % num % 2
    np.savez(root / "photos.npz", images=np.stack([*photos, *copies]), labels=labels)
    return root / "photos.npz"


def originals(data: Dataset, num: int) -> list[int]:
    """The number of the photo that each image shows."""
    if isinstance(data.images, np.ndarray):
        return [index % num for index in range(len(data))]
    return [int(name[-7:-4]) for name in data.names]


@pytest.mark.parametrize("made", [folder_of_photos, table_of_photos, array_of_photos])
def test_resized_and_compressed_copies_lie_in_one_part(made, tmp_path):
    source = made(tmp_path / "photos", 40)
    met = set()

    for seed in range(8):
        planned = plan(source, settings={"seed": seed})
        data, parts = planned.loaded.dataset, planned.split.parts

        shown = set(zip(originals(data, 40), parts, strict=True))
        assert len(shown) == 40
        assert sizes(planned.split) == {"train": 56, "valid": 8, "test": 16}
        assert [issue.kind for issue in planned.issues] == []
        assert eyespot.split(data, seed=seed).parts == parts
        met.add(parts)

    assert len(met) == 8


def test_train_keeps_the_copies_together_as_plan_says(tmp_path, no_report):
    data = folder_of_photos(tmp_path / "photos", 20)
    planned = plan(data, settings={"seed": 5})

    trained = train(data, settings=TINY | {"seed": 5, "size": 16}, out=tmp_path / "run")

    parts = {row["name"]: row["part"] for row in read_table(trained.run.split)}
    assert parts == by_name(planned.loaded.dataset, planned.split)
    assert set(parts.values()) == {"train", "valid", "test"}
    for index in range(20):
        name = ("cat", "dog")[index % 2]
        assert parts[f"{name}/{index:03}.png"] == parts[f"{name}/copy-{index:03}.jpg"]


def test_different_pictures_are_not_tied():
    data = pictures([photo(seed) for seed in range(200)])

    assert duplicates_of(data) == Duplicates(exact=(), near=())


def test_a_free_image_follows_the_one_that_it_looks_like_into_its_part():
    images = [*map(photo, range(20)), copied(photo(0)), copied(photo(1)), copied(photo(2))]
    labels = [*[0, 1] * 10, 0, 1, 0]
    parts: list[Part | None] = ["test", "valid", *[None] * 21]

    made = split(pictures(images, labels=labels, parts=parts))

    assert made.parts == ("test", "valid", *["train"] * 18, "test", "valid", "train")
    assert [issue.kind for issue in made.issues] == ["thin-class"]  # no dog was given to judge by


def test_looks_join_groups(tmp_path):
    """By steps: an image and its group's other, that and its copy, the copy and its equal."""
    images = [*map(photo, range(40)), copied(photo(1)), copied(photo(1))]
    groups = ["a", "a", *(f"g{index}" for index in range(40))]
    data = replace(pictures(images, labels=[*[0, 1] * 20, 1, 1]), groups=tuple(groups))

    for seed in range(10):
        parts = split(data, seed=seed).parts
        assert {parts[place] for place in (0, 1, 40, 41)} == {parts[0]}


def test_what_given_parts_tear_is_told_as_the_check_tells_it(tmp_path):
    for part, places in {"train": range(16), "val": range(16, 24), "test": range(24, 32)}.items():
        for index in places:
            folder = tmp_path / "pets" / part / ("cat", "dog")[index % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo(index)).save(folder / f"{index}.png")
    pets = tmp_path / "pets"
    (pets / "train" / "cat" / "near.jpg").write_bytes(copied(photo(24)))
    (pets / "val" / "dog" / "again.png").write_bytes(
        (pets / "train" / "dog" / "1.png").read_bytes()
    )
    (pets / "test" / "dog" / "wrong.jpg").write_bytes(copied(photo(30)))

    told = [(one.kind, one.name, one.detail) for one in plan(pets).issues]
    checked = [
        (one.kind, one.name, one.detail)
        for one in eyespot.check(pets, cache=tmp_path / "facts").issues
    ]

    assert told == checked
    assert [(kind, name) for kind, name, _ in told] == [
        ("leak", "train/dog/1.png"),
        ("near-leak", "train/cat/near.jpg"),
        ("near-contradicting-label", "test/cat/30.png"),
        ("near-contradicting-label", "test/dog/wrong.jpg"),
    ]


def test_what_a_table_tears_is_told(tmp_path):
    data = folder_of_photos(tmp_path / "photos", 10)
    planned = plan(data)
    parts = ["test" if name == "cat/004.png" else "train" for name in planned.loaded.dataset.names]
    write_split(tmp_path / "s.csv", planned.loaded, parts)

    torn = plan(data, split=tmp_path / "s.csv")

    assert [sentence for sentence in sentences(torn.issues) if "near" in sentence] == [
        "1 x near-leak, for instance cat/copy-004.jpg: looks the same as cat/004.png of the "
        "test part"
    ]


def test_frames_that_are_a_whole_class_do_not_leave_it_without_judgement():
    images = [*fade(1, 2, 60), *(photo(seed) for seed in range(100, 160))]
    data = pictures(images, labels=[0] * 60 + [1] * 60)

    made = split(data, seed=0)
    counts = made.counts(data.labels, 2)

    assert counts["test"][0] >= 6 and counts["valid"][0] >= 3
    assert [issue.kind for issue in made.issues] == ["near-chain"]
    for group in duplicates_of(data).near:
        assert len({made.parts[place] for place in group}) == 1


# Parts of the set's own


def test_the_sets_own_parts_are_kept():
    given: list[Part | None] = ["train", "valid", "test", "train"] * 10
    data = dataset([0, 0, 0, 0, 1, 1, 1, 1] * 5, parts=given)

    parts = split(data)

    assert list(parts.parts) == given
    assert parts.how == "20 train, 10 valid, 10 test (its own valid and test part)"


def test_a_missing_part_is_cut_from_train_alone():
    with_test = dataset([0, 1] * 50, parts=["train"] * 80 + ["test"] * 20)
    with_valid = dataset([0, 1] * 50, parts=["train"] * 80 + ["valid"] * 20)

    own_test, own_valid = split(with_test), split(with_valid)

    assert own_test.indices("test") == list(range(80, 100))
    assert sizes(own_test) == {"train": 72, "valid": 8, "test": 20}
    assert own_valid.indices("valid") == list(range(80, 100))
    assert sizes(own_valid) == {"train": 64, "valid": 20, "test": 16}


def test_a_set_that_is_all_train_is_split_like_one_without_parts():
    labels = [0, 1] * 50

    assert split(dataset(labels, parts=["train"] * 100)).parts == split(dataset(labels)).parts


def test_a_set_without_a_training_part_is_refused():
    with pytest.raises(DataError) as error:
        split(dataset([0, 1] * 5, parts=["valid"] * 10))

    assert str(error.value) == (
        "pets: 0 of 2 classes left to train on; a classifier needs two or more"
    )


def test_a_free_image_follows_its_twin_into_the_part_that_it_came_with():
    data = dataset([0, 1] * 10, parts=["test", "valid"] + [None] * 18)
    groups: list[object] = ["t", "v", "t", "v", *range(16)]

    parts = split(data, duplicates=equal(groups))

    assert parts.parts[2:4] == ("test", "valid")
    assert set(parts.parts[4:]) == {"train"}
    assert not any(issue.kind == "leak" for issue in parts.issues)


def test_leaks_between_the_sets_own_parts_are_named():
    data = dataset(
        [0, 1] * 4, parts=["train", "train", "valid", "test", "test", "valid", "train", "train"]
    )
    groups = ["a", "b", "a", "b", "c", "d", "e", "f"]
    groups[4] = groups[5] = "c"

    found = [
        issue for issue in split(data, duplicates=equal(groups)).issues if issue.kind == "leak"
    ]

    assert [(issue.name, issue.detail) for issue in found] == [
        ("000000.png", "the same picture as 000002.png of the valid part"),
        ("000001.png", "the same picture as 000003.png of the test part"),
        ("000005.png", "the same picture as 000004.png of the test part"),
    ]
    assert not any(issue.left_out for issue in found)


# Size


def test_each_of_ten_thousand_classes_gives_an_image_to_the_validation_part():
    data = dataset([index % 10_000 for index in range(30_000)])

    parts = split(data, valid=0.1, test=0, duplicates=equal(range(30_000)))

    assert sizes(parts) == {"train": 20_000, "valid": 10_000}
    assert len({data.labels[index] for index in parts.indices("valid")}) == 10_000


@pytest.mark.slow
def test_a_million_images_are_split():
    data = dataset([index % 1000 for index in range(1_000_000)])
    keys = equal(range(1_000_000))

    parts = split(data, duplicates=keys)

    assert sizes(parts) == {"train": 700_000, "valid": 100_000, "test": 200_000}


# Groups


def grouped(labels: Sequence[int], groups: Sequence[str], **options) -> Dataset:
    return replace(dataset(labels, **options), groups=tuple(groups))


def parts_of_groups(data: Dataset, parts: Split) -> dict[str, set[Part]]:
    found: dict[str, set[Part]] = {}
    for group, part in zip(data.groups or (), parts.parts, strict=True):
        found.setdefault(group, set()).add(part)
    return found


@pytest.mark.parametrize("seed", range(10))
def test_a_group_lies_in_one_part_and_equal_groups_meet_the_shares_to_the_image(seed):
    """20 writers who wrote each of 5 characters once."""
    labels, groups = [c for _ in range(20) for c in range(5)], [f"w{w}" for w in range(20)] * 5
    data = grouped(labels, sorted(groups))

    parts = split(data, seed=seed, duplicates=equal(range(100)))

    assert all(len(found) == 1 for found in parts_of_groups(data, parts).values())
    counts = parts.counts(data.labels, 5)
    assert (counts["train"], counts["valid"], counts["test"]) == ([14] * 5, [2] * 5, [4] * 5)
    assert parts.how == "70 train, 10 valid, 20 test (stratified, 20 groups kept together)"


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=12, max_size=120),
    st.integers(0, 100),
)
@settings(deadline=None, max_examples=150)
def test_groups_of_any_kind_stay_whole_and_every_class_that_can_be_learnt_is(pairs, seed):
    labels, groups = zip(*pairs, strict=True)
    if len(set(labels)) < 2:
        return
    data = grouped(labels, [f"g{group}" for group in groups], num_classes=5)

    parts = split(data, seed=seed, duplicates=equal(range(len(labels))))

    assert all(len(found) == 1 for found in parts_of_groups(data, parts).values())
    counts = parts.counts(data.labels, 5)
    assert all(counts["train"][label] for label in set(labels))
    again = split(data, seed=seed, duplicates=equal(range(len(labels))))
    assert again == parts


def test_a_group_and_equal_pictures_are_joined_by_however_many_steps():
    data = grouped([0, 1] * 20, ["a", "a", "b", "b", *(f"g{i}" for i in range(36))])
    keys: list[object] = [0, "same", "same", 3, *range(4, 40)]

    for seed in range(20):
        assert len(set(split(data, seed=seed, duplicates=equal(keys)).parts[:4])) == 1


def test_what_large_groups_allow_is_said():
    data = grouped([0] * 40 + [1] * 40, [f"w{index // 20}" for index in range(80)])

    parts = split(data, valid=0, duplicates=equal(range(80)))

    assert sizes(parts) == {"train": 80}
    assert parts.how == (
        "80 train, 0 valid, 0 test (stratified, 4 groups kept together); "
        "test: 0 of 16 wished for, at worst 0 of 8 of class 'c0'"
    )
    assert [issue.detail for issue in parts.issues] == []


def test_a_group_somewhat_larger_than_the_share_is_taken_if_that_is_nearer():
    data = grouped([0] * 50 + [1] * 50, [f"w{index // 10}" for index in range(100)])

    parts = split(data, valid=0, test=0.13, duplicates=equal(range(100)))

    assert parts.counts(data.labels, 2)["test"] == [10, 10]
    assert "test: 20 of 12 wished for, at worst 10 of 6 of class 'c0'" in parts.how


def test_parts_of_the_sets_own_that_tear_a_group_are_named():
    given: list[Part | None] = ["train", "test", "train", "train"] * 5
    data = grouped([0, 1] * 10, ["w", "w", "x", "y"] * 5, parts=given)

    found = [i for i in split(data, duplicates=equal(range(20))).issues if i.kind == "torn-group"]

    assert [(issue.name, issue.detail) for issue in found] == [
        ("000001.png", "of the group 'w', as 000000.png of the training part")
    ]


def test_a_free_image_follows_its_group_into_the_test_part():
    data = grouped([0, 1] * 10, ["w", "w", *map(str, range(18))], parts=["test"] + [None] * 19)

    parts = split(data, valid=0, duplicates=equal(range(20)))

    assert parts.parts[:2] == ("test", "test")
    assert set(parts.parts[2:]) == {"train"}


# What the groups are


def test_a_regular_expression_says_the_group():
    data = dataset([0, 1] * 2, names=["a-1.png", "b-1.png", "a-2.png", "photo.png"])

    made = arranged(data, group=r"-(\d+)\.")

    assert made.groups == ("1", "1", "2", "photo.png, alone")
    assert [(issue.kind, issue.detail) for issue in made.issues] == [
        (
            "no-group",
            "group = '-(\\d+)\\.' says nothing about 1 image of 4; each is a group of its own",
        )
    ]


def test_a_column_says_the_group_and_joins_the_groups_that_are_there():
    data = replace(dataset([0, 1, 0, 1]), columns={"writer": ("x", "x", "y", "")})

    assert arranged(data, group="writer").groups == ("x", "x", "y", "000003.png, alone")
    tied = replace(data, groups=("a", "b", "b", "c"))
    assert arranged(tied, group="writer").groups == (*["000000.png"] * 3, "000003.png")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("writr", "; did you mean 'writer'?"),
        ("(a)(b)", ""),
        ("(", ""),
    ],
)
def test_a_group_that_is_neither_gets_a_sentence(wish, sentence):
    data = replace(dataset([0, 1]), columns={"writer": ("x", "y")})

    with pytest.raises(UsageError) as error:
        arranged(data, group=wish)

    assert str(error.value) == (
        f"group = '{wish}' is neither a column of pets (writer) nor a regular expression with one "
        f"group, such as '-(\\d+)\\.'{sentence}"
    )


def test_a_group_that_fits_no_name_is_refused():
    with pytest.raises(UsageError) as error:
        arranged(dataset([0, 1]), group="(writer)")

    assert str(error.value) == "group = '(writer)' says nothing about any image of pets"


def test_a_column_says_the_parts_and_stratified_forgets_them():
    data = dataset([0, 1, 0], parts=["train", "test", "test"])
    data = replace(data, columns={"fold": ("Test", "train", "")})

    assert arranged(data).parts == ("train", "test", "test")
    assert arranged(data, split="stratified").parts is None
    assert arranged(data, split="fold").parts == ("test", "train", None)
    with pytest.raises(UsageError, match="split = 'fild' is neither .*; did you mean 'fold'\\?"):
        arranged(data, split="fild")
    with pytest.raises(DataError, match="the column 'fold' says '3' of 000001.png; a part is"):
        arranged(replace(data, columns={"fold": ("train", "3", "")}), split="fold")


def test_english_characters_are_split_by_writer():
    """The writer is in the name; 55 writers wrote 62 characters each."""
    data = arranged(english(), group=r"-(\d+)\.")

    parts = split(data, duplicates=equal(data.names))

    assert parts.how == "2,356 train, 372 valid, 682 test (stratified, 55 groups kept together)"
    assert all(len(found) == 1 for found in parts_of_groups(data, parts).values())


def english() -> Dataset:
    folder = Path(__file__).parents[2] / "shared" / "data" / "english-characters"
    if not folder.exists():
        pytest.skip("shared/data/english-characters is not there")
    return eyespot.read(folder)


# A number per class


def test_a_number_per_class_is_met_to_the_image():
    data = dataset([0] * 100 + [1] * 40 + [2] * 13)

    parts = split(data, per_class={"test": 10, "valid": 2}, duplicates=equal(range(153)))
    counts = parts.counts(data.labels, 3)

    assert (counts["test"], counts["valid"]) == ([10, 10, 10], [2, 2, 2])
    assert parts.how == "117 train, 6 valid, 30 test (stratified)"


def test_a_class_too_small_for_the_number_is_named():
    data = dataset([0] * 100 + [1] * 12 + [2] * 10)

    with pytest.raises(DataError) as error:
        split(data, per_class={"test": 10, "valid": 2}, duplicates=equal(range(122)))

    assert str(error.value) == (
        "pets: class 'c2' has 10 images (and 1 more are too small), and test_per_class = 10 and "
        "valid_per_class = 2 leave none to train on; ask for at most 9 in all"
    )


def test_a_number_for_a_part_that_the_set_has_is_refused():
    data = dataset([0, 1] * 10, parts=["train"] * 10 + ["test"] * 10)

    with pytest.raises(UsageError, match="pets has a test part of its own, and test_per_class = 2"):
        split(data, per_class={"test": 2}, duplicates=equal(range(20)))


# A split that is written down


def loaded(data: Dataset) -> Loaded:
    return load_digests(data)


def test_a_split_is_read_back_by_names_in_any_order(tmp_path):
    data = loaded(dataset([0, 1] * 20))
    parts = split(data.dataset, seed=7).parts
    write_split(tmp_path / "split.csv", data, parts)
    header, *rows = (tmp_path / "split.csv").read_text().splitlines()
    (tmp_path / "split.csv").write_text("\n".join([header, *reversed(rows)]))

    again = named_split(tmp_path / "split.csv", data)

    assert again.parts == parts
    assert again.how == "28 train, 4 valid, 8 test (as split.csv says)"
    assert again.issues == ()


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_images_that_a_split_lacks_are_counted(tmp_path):
    path = table(tmp_path / "s.csv", "name,part\n000000.png,train\nold.png,test\nx.png,test\n")

    with pytest.raises(DataError) as error:
        named_split(path, loaded(dataset([0, 1, 0])))

    assert str(error.value) == (
        f"{path} knows 1 of 3 images of pets: 2 images, for instance 000001.png, are not in it, "
        "and 2 images, for instance old.png, are not in the set; "
        "add the rows, or make the split anew with eyespot split"
    )


def test_names_that_have_gone_and_labels_that_have_changed_are_told(tmp_path):
    text = "name,label,part\n000000.png,c1,train\n000001.png,c1,Test\n000002.png,c1,train\n"
    path = table(tmp_path / "s.csv", text + "gone.png,c0,test\n")
    data = loaded(dataset([0, 1, 1]))

    found = named_split(path, data)

    assert found.parts == ("train", "test", "train")
    assert [(issue.kind, issue.detail) for issue in found.issues[:2]] == [
        (
            "split-unknown",
            "1 image, for instance gone.png, is in s.csv and not in the set, or left out",
        ),
        (
            "split-label",
            "1 image, for instance 000000.png, is of another class in s.csv; "
            "the set's own label counts",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,label\na,b\n", "has name, label; a split has the columns name and part"),
        ("name,part\na,fold 3\n", "says 'fold 3' of a; a part is train, valid or test"),
        ("name,part\na,test\na,train\n", "puts a into two parts; leave one row"),
    ],
)
def test_a_table_that_is_no_split_gets_a_sentence(tmp_path, text, sentence):
    with pytest.raises(DataError) as error:
        named_split(table(tmp_path / "s.csv", text), loaded(dataset([0, 1])))

    assert str(error.value) == f"{tmp_path / 's.csv'} {sentence}"


# Through the line


def test_train_makes_the_split_that_plan_says_and_reads_it_back(tmp_path, no_report):
    data = write_pictures(tmp_path / "halves")
    wish = {"group": r"(\d+)\.png", "test_per_class": 5, "seed": 3}
    made = plan(data, settings=wish)
    write_split(tmp_path / "split.csv", made.loaded, made.split.parts)

    first = train(data, settings=TINY | wish, out=tmp_path / "a")
    second = train(data, settings=TINY, split=tmp_path / "split.csv", out=tmp_path / "b")

    assert first.counts == made.counts == {"train": [22, 22], "valid": [3, 3], "test": [5, 5]}
    tables = [read_table(run.run.split) for run in (first, second)]
    assert tables[0] == tables[1] == read_table(tmp_path / "split.csv")
    assert second.evaluation is not None
    again = train(data, recipe=first.run.recipe, out=tmp_path / "c")
    assert read_table(again.run.split) == tables[0]


def test_a_table_keeps_its_columns_for_group_and_split(tmp_path):
    write_pictures(tmp_path, num=4)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    rows = [
        f"{name},{name[:4]},w{index % 4},{'test' * (index % 4 == 0)}"
        for index, name in enumerate(names)
    ]
    path = table(tmp_path / "t.csv", "\n".join(["image,label,writer,fold", *rows]))

    data = eyespot.read(path)
    assert data.columns["writer"] == ("w0", "w1", "w2", "w3") * 2
    assert data.groups is None
    assert eyespot.read(path, columns={"group": "writer"}).groups == ("w0", "w1", "w2", "w3") * 2
    assert plan(path, settings={"split": "fold", "valid": 0}).split.indices("test") == [0, 4]
    made = plan(path, settings={"group": "writer", "valid": 0, "test": 0.25})
    assert [one % 4 for one in made.split.indices("test")] in [[n, n] for n in range(4)]


def test_a_source_is_a_group_only_if_it_names_images_of_the_table(tmp_path):
    write_pictures(tmp_path, num=2)
    head = "image,label,source\nleft/0.png,l,{}\nleft/1.png,l,\nright/0.png,r,{}\nright/1.png,r,\n"

    ours = table(tmp_path / "a.csv", head.format("left/1.png", "left/0.png"))
    assert eyespot.read(ours).groups == ("left/1.png", "left/1.png", "left/1.png", "right/1.png")
    web = table(tmp_path / "a.csv", head.format("web", "web"))
    assert eyespot.read(web).groups is None


def test_the_verb_writes_a_table_that_train_takes(eyespot, tmp_path, monkeypatch, no_report):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "halves")

    answer = eyespot("split", "halves", "--set=test_per_class=3", "--seed=1")

    assert answer.code == 0
    assert [line.split() for line in answer.out.splitlines()] == [
        ["class", "train", "valid", "test"],
        ["left", "24", "3", "3"],
        ["right", "24", "3", "3"],
        ["all", "48", "6", "6"],
    ]
    assert answer.err.splitlines() == [
        "split: 48 train, 6 valid, 6 test (stratified)",
        "split.csv; next: eyespot train halves --split split.csv",
    ]
    settings = [f"--set={key}={value}" for key, value in TINY.items()]
    trained = eyespot("train", "halves", "--split=split.csv", *settings)
    assert "on 6 images" in trained.out
    assert "split: 48 train, 6 valid, 6 test (as split.csv says); " in trained.err


def test_a_class_too_small_ends_the_verb_with_a_sentence(eyespot, tmp_path):
    data = write_pictures(tmp_path / "halves", num=4)

    answer = eyespot("split", data, "--out", tmp_path / "s.csv", "--set=test_per_class=2000")

    assert answer.code == 3
    assert answer.err == (
        "eyespot: halves: class 'left' has 4 images (and 1 more are too small), and "
        "test_per_class = 2000 leave none to train on; ask for at most 3 in all\n"
    )
    assert not (tmp_path / "s.csv").exists()
