import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eyespot.data.loading
from eyespot.data.fingerprint import fingerprint
from eyespot.data.loading import load_digests, load_images
from eyespot.errors import DataError
from eyespot.images.decode import open_image
from eyespot.images.preparation import prepare
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset, Part


def dataset(
    images: Any, names: list[str] | None = None, parts: tuple[Part, ...] | None = None
) -> Dataset:
    return Dataset(
        name="pets",
        form="made up",
        images=images,
        names=tuple(names or (f"{index:05}" for index in range(len(images)))),
        labels=np.arange(len(images)) % 2,
        classes=("cat", "dog"),
        parts=parts,
    )


def pictures(num: int, *, side: int = 8, channels: int = 1) -> Array:
    return np.random.default_rng(0).integers(0, 256, (num, side, side, channels)).astype(np.uint8)


def files(folder: Path, num: int) -> list[Path]:
    """PNG files, each of its own brightness."""
    paths = [folder / f"{index:05}.png" for index in range(num)]
    for index, path in enumerate(paths):
        Image.new("L", (6, 6), index).save(path)
    return paths


def load(data: Dataset, **changes: Any):
    return load_images(data, **{"size": 8, "channels": 1, "fit": "pad", **changes})


# What comes out


def test_images_keep_their_order_though_many_threads_decode_them(tmp_path):
    data = dataset(files(tmp_path, 200))

    loaded = load(data)

    assert loaded.images.shape == (200, 8, 8, 1)
    assert loaded.images[:, 0, 0, 0].tolist() == list(range(200))
    assert loaded.dataset is data
    assert loaded.issues == ()


@pytest.mark.parametrize("fit", ["pad", "stretch", "crop"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "images",
    [
        pictures(5)[..., 0],
        pictures(5),
        pictures(5, channels=3),
        pictures(5, channels=4),
        pictures(5, side=13)[:, :9],
        pictures(5)[::-1, :, ::-1],
        pictures(5) > 128,
        pictures(5) / 255,
        pictures(5).astype(np.float32),
        pictures(5).astype(np.uint16) * 257,
        pictures(5).astype(np.int64),
    ],
    ids=lambda images: f"{images.dtype}{images.shape}",
)
def test_an_array_is_what_opening_and_preparing_each_image_gives(images, channels, fit):
    loaded = load(dataset(images), channels=channels, fit=fit)

    each = [
        prepare(open_image(image).pixels, size=8, channels=channels, fit=fit) for image in images
    ]
    assert loaded.images.dtype == np.uint8
    assert np.array_equal(loaded.images, np.stack(each))
    assert loaded.digests == load(dataset(list(images)), channels=channels, fit=fit).digests
    assert loaded.digests == load_digests(dataset(images)).digests


def test_an_array_of_the_wanted_shape_is_not_copied():
    images = pictures(5)[..., 0]

    assert np.shares_memory(load(dataset(images)).images, images)


def test_a_ready_array_is_neither_opened_nor_prepared_image_by_image(monkeypatch):
    """Each step is called for every image of another array, and for none of this one."""
    calls = Counter()

    def counted(name):
        step = getattr(eyespot.data.loading, name)

        def count(*args, **options):
            calls[name] += 1
            return step(*args, **options)

        monkeypatch.setattr(eyespot.data.loading, name, count)

    for name in ("open_image", "prepare", "thumbnails"):
        counted(name)

    load(dataset(pictures(50, side=9)))
    assert calls == {"open_image": 50, "prepare": 50, "thumbnails": 1}
    calls.clear()
    load(dataset(pictures(50, side=8)))
    assert calls == {"thumbnails": 1}


def test_equal_pictures_have_equal_digests_in_whatever_file(tmp_path):
    picture = pictures(1)[0, ..., 0]
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture).save(tmp_path / "b.bmp")
    images = [
        tmp_path / "a.png",
        tmp_path / "b.bmp",
        picture,
        255 - picture,
        picture.reshape(4, 16),
    ]

    digests = load(dataset(images)).digests

    assert len(set(digests[:3])) == 1
    assert len(set(digests)) == 3


def test_progress_is_told_up_to_the_last_image(tmp_path):
    told: list[int] = []

    load(dataset(files(tmp_path, 40)), on_image=told.append)
    load(dataset(pictures(30)), on_image=told.append)

    assert told == [*range(1, 41), 30]


def test_an_empty_set_is_loaded_as_nothing():
    loaded = load(dataset([]))

    assert loaded.images.shape == (0, 8, 8, 1)


# What is broken or odd


def test_a_broken_file_is_left_out_and_named(tmp_path):
    paths = files(tmp_path, 40)
    paths[3].write_bytes(b"")
    paths[39].write_text("<html>not found</html>")
    given: tuple[Part, ...] = ("train",) * 30 + ("test",) * 10

    loaded = load(dataset(paths, parts=given))

    assert [(i.kind, i.name, i.detail, i.left_out) for i in loaded.issues] == [
        ("unreadable", "00003", "is empty (0 bytes)", True),
        ("unreadable", "00039", "is not a picture (it begins with '<html>not found</htm')", True),
    ]
    kept = [index for index in range(40) if index not in (3, 39)]
    assert loaded.images[:, 0, 0, 0].tolist() == kept
    assert loaded.dataset.names == tuple(f"{index:05}" for index in kept)
    assert loaded.dataset.labels.tolist() == [index % 2 for index in kept]
    assert loaded.dataset.parts == ("train",) * 29 + ("test",) * 9
    assert [Path(image).name for image in loaded.dataset.images][:4] == [
        "00000.png", "00001.png", "00002.png", "00004.png",
    ]  # fmt: skip
    assert len(loaded.digests) == 38


def test_a_broken_image_in_an_array_is_left_out_too():
    images = pictures(40).astype(np.float64)
    images[7, 0, 0, 0] = np.nan

    loaded = load(dataset(images))

    assert [(issue.name, issue.detail) for issue in loaded.issues] == [
        ("00007", "holds values that are not finite numbers (float64)")
    ]
    assert isinstance(loaded.dataset.images, np.ndarray)
    assert len(loaded.images) == len(loaded.dataset.images) == 39


def test_a_file_that_vanished_since_it_was_listed_is_left_out(tmp_path):
    paths = files(tmp_path, 20)
    paths[5].unlink()

    (issue,) = load(dataset(paths)).issues

    assert (issue.name, issue.detail) == ("00005", "is missing")


def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes among the files of this system")
    paths = files(tmp_path, 20)
    paths[5].unlink()
    os.mkfifo(paths[5])

    (issue,) = load(dataset(paths)).issues

    assert issue.detail == "is a pipe or device, not a file"


def test_one_bad_image_in_twenty_is_the_most_that_training_bears(tmp_path):
    paths = files(tmp_path, 40)
    for path in paths[:2]:
        path.write_bytes(b"")
    assert len(load(dataset(paths)).images) == 38
    paths[2].unlink()

    with pytest.raises(DataError) as error:
        load(dataset(paths))

    assert str(error.value) == (
        "pets: 3 of 40 images cannot be read, more than 5%; the first is 00000, "
        "which is empty (0 bytes); mend or remove them"
    )


def test_what_is_odd_about_a_picture_is_said_and_it_is_used(tmp_path):
    frames = [Image.new("L", (6, 6), value) for value in (10, 20)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.jpg", format="PNG")
    images = [tmp_path / "a.gif", tmp_path / "b.jpg"]

    loaded = load(dataset(images, ["a.gif", "b.jpg"]))

    assert [(i.kind, i.name, i.detail, i.left_out) for i in loaded.issues] == [
        ("odd-file", "a.gif", "animated; the first frame is used", False),
        ("odd-file", "b.jpg", "PNG data under the name .jpg", False),
    ]
    assert loaded.images[:, 0, 0, 0].tolist() == [10, 10]


def test_a_file_that_is_rewritten_meanwhile_is_one_picture_or_the_other(tmp_path):
    """Digest and pixels come from one reading."""
    path = tmp_path / "a.bmp"
    old, new = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    Image.fromarray(old).save(path)
    over = threading.Event()

    def rewrite() -> None:
        while not over.is_set():
            for picture in (new, old):
                Image.fromarray(picture).save(tmp_path / "b.bmp")
                os.replace(tmp_path / "b.bmp", path)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        loaded = load(dataset([path] * 500))
    finally:
        over.set()
        writer.join()

    known = dict(zip(load(dataset([old, new])).digests, (0, 255), strict=True))
    for image, digest in zip(loaded.images, loaded.digests, strict=True):
        assert set(image.ravel().tolist()) == {known[digest]}


# The fingerprint


def test_the_fingerprint_does_not_depend_on_the_order_or_on_where_the_files_lie():
    images = pictures(10)
    data = dataset(images)
    order = [3, 1, 4, 0, 2, 9, 7, 8, 6, 5]
    moved = Dataset(
        name="elsewhere",
        form="another",
        images=images[order],
        names=tuple(data.names[index] for index in order),
        labels=data.labels[order],
        classes=data.classes,
    )

    assert fingerprint(data, load_digests(data).digests) == fingerprint(
        moved, load_digests(moved).digests
    )


def test_the_fingerprint_changes_with_a_name_a_label_or_a_pixel():
    images = pictures(4)
    other = images.copy()
    other[0, 0, 0, 0] ^= 1
    base = dataset(images)
    changed = [
        dataset(other),
        dataset(images, ["x", *base.names[1:]]),
        Dataset(
            name="pets",
            form="",
            images=images,
            names=base.names,
            labels=1 - base.labels,
            classes=base.classes,
        ),
        dataset(images, ["half \ud800", "\udcff", "new\nline", "'),("]),
    ]

    prints = {fingerprint(data, load_digests(data).digests) for data in [base, *changed]}

    assert len(prints) == 5
