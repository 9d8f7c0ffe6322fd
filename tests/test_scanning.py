import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import eyespot.data.inspection
from eyespot.data.inventory import MAGIC, read_inventory
from eyespot.data.loading import load_digests
from eyespot.data.measurement import fingerprints, measure
from eyespot.data.scanning import scan_images
from eyespot.images.decode import open_image
from eyespot.values.dataset import Dataset
from made_pictures import copied, dataset, photo

OLD = time.time() - 3600


def files(folder: Path, num: int = 6) -> list[Path]:
    """PNG files, written an hour ago."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{index}.png" for index in range(num)]
    for index, path in enumerate(paths):
        write(path, index)
    return paths


def write(path: Path, seed: int, *, at: float = OLD) -> None:
    Image.fromarray(photo(seed)).save(path, path.suffix[1:].replace("jpg", "jpeg"))
    os.utime(path, (at, at))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every source that is decoded."""
    sources: list[object] = []

    def watched(source):
        sources.append(source)
        return open_image(source)

    monkeypatch.setattr(eyespot.data.inspection, "open_image", watched)
    return sources


def scan(data: Dataset, cache: Path | None = None):
    return list(scan_images(data, cache=cache))


# What a look says


def test_facts_are_those_of_the_decoded_picture(tmp_path):
    path = tmp_path / "a.png"
    pixels = photo(0)
    Image.fromarray(pixels).save(path)

    (facts,) = scan(dataset([path], names=["a.png"]))

    grey = np.asarray(Image.fromarray(pixels).convert("L")) / 255
    assert (facts.name, facts.width, facts.height, facts.mode) == ("a.png", 160, 120, "RGB")
    assert facts.num_bytes == path.stat().st_size
    assert facts.brightness == pytest.approx(grey.mean(), abs=1e-6)
    assert facts.contrast == pytest.approx(grey.std(), abs=1e-6)
    assert facts.digest == load_digests(dataset([pixels])).digests[0]
    assert facts.error is None and facts.remarks == ()


def test_facts_stand_in_the_order_of_the_images(tmp_path):
    data = dataset(files(tmp_path / "a", 100))

    facts = scan(data)

    assert tuple(one.name for one in facts) == data.names
    assert tuple(one.digest for one in facts) == load_digests(data).digests


def test_what_cannot_be_decoded_says_why_and_measures_nothing(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_text("<html>not found</html>")
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "gone.jpg")]

    facts = scan(dataset(paths))

    assert [one.error for one in facts] == [
        "is empty (0 bytes)",
        "is not a picture (it begins with '<html>not found</htm')",
        "is missing",
    ]
    assert {one.digest for one in facts} == {b""}
    assert {(one.width, one.contrast, one.mode) for one in facts} == {(0, 0.0, "")}


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("RGB", "jpg"), ("RGBA", "png"), ("CMYK", "jpg"), ("I;16", "png"), ("F", "tif")],
)
def test_the_mode_is_that_of_the_file(tmp_path, mode, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (9, 7)).save(path)

    (facts,) = scan(dataset([path]))

    assert (facts.mode, facts.width, facts.height) == (mode, 9, 7)


def test_a_fifo_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")

    (facts,) = scan(dataset([tmp_path / "a.jpg"]))

    assert facts.error == "is a pipe or device, not a file"


def test_arrays_bytes_and_pil_images_are_looked_at_too(tmp_path):
    pixels = photo(1)
    images = [pixels, copied(pixels, scale=1, quality=95), Image.fromarray(pixels)]

    facts = scan(dataset(images), tmp_path)

    assert [one.mode for one in facts] == ["RGB"] * 3
    assert facts[0].digest == facts[2].digest != facts[1].digest
    assert scan(dataset(images), tmp_path) == facts


def test_progress_counts_every_image(tmp_path):
    data, told = dataset(files(tmp_path / "a")), []

    for _ in range(2):
        scan_images(data, cache=tmp_path, progress=lambda done, num: told.append((done, num)))

    assert told == [*((done, 6) for done in range(7)), (6, 6)]


def test_a_large_picture_is_measured_like_its_smaller_self():
    pixels = photo(2, width=1500, height=3000)

    large, small = measure(pixels), measure(pixels[::5, ::5])

    assert large.brightness == pytest.approx(small.brightness, abs=0.01)
    assert np.abs(large.thumb.astype(int) - small.thumb).max() < 16


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 1), (2, 1, 3), (5000, 3, 3)])
def test_odd_shapes_are_measured(shape):
    measured = measure(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))

    assert all(0 <= value <= 1 for value in measured[:4])


def test_blur_lowers_sharpness_whatever_the_contrast():
    for pixels in (photo(3), (photo(3) // 4 + 90).astype(np.uint8)):
        image = Image.fromarray(pixels)
        radii = (0, 1, 2, 6)
        softened = [np.asarray(image.filter(ImageFilter.GaussianBlur(r))) for r in radii]
        sharp = [measure(one).sharpness for one in softened]

        assert sharp == sorted(sharp, reverse=True)
        assert sharp[0] > 0.7 and sharp[-1] < 0.325


def test_a_copy_has_nearly_the_same_fingerprint_and_another_picture_has_not():
    thumbs = [measure(photo(seed)).thumb for seed in range(20)]
    copies = [measure(open_image(copied(photo(seed))).pixels).thumb for seed in range(20)]
    first, second = fingerprints(np.array(thumbs)), fingerprints(np.array(copies))

    bits = np.bitwise_count(first[:, None] ^ second[None, :])

    assert bits.diagonal().max() <= 8
    assert bits[~np.eye(20, dtype=bool)].min() > 8


# What is remembered


def test_a_second_look_opens_no_file(tmp_path, opened):
    paths = [*files(tmp_path / "a"), tmp_path / "a" / "broken.gif"]
    paths[-1].write_bytes(b"GIF8")
    os.utime(paths[-1], (OLD, OLD))
    data = dataset(paths)
    first = scan(data, tmp_path / "cache")
    opened.clear()

    second = scan(data, tmp_path / "cache")

    assert opened == []
    assert second == first


def test_only_what_has_changed_is_decoded(tmp_path, opened):
    paths = files(tmp_path / "a")
    scan(dataset(paths), tmp_path / "cache")
    opened.clear()
    write(paths[2], 77, at=OLD + 60)

    facts = scan(dataset(paths), tmp_path / "cache")

    assert opened == [paths[2]]
    assert facts == scan(dataset(paths))


def test_a_file_that_was_only_touched_is_not_decoded(tmp_path, opened):
    paths = files(tmp_path / "a")
    first = scan(dataset(paths), tmp_path / "cache")
    opened.clear()
    os.utime(paths[2], (OLD + 60, OLD + 60))

    assert scan(dataset(paths), tmp_path / "cache") == first
    assert opened == []


def test_a_file_of_the_same_size_and_time_but_just_written_is_compared(tmp_path):
    now = time.time()
    path = tmp_path / "a.bmp"
    write(path, 1, at=now)
    scan(dataset([path]), tmp_path / "cache")
    write(path, 2, at=now)

    assert scan(dataset([path]), tmp_path / "cache") == scan(dataset([path]))


def test_removed_added_and_renamed_files_get_their_own_facts(tmp_path, opened):
    paths = files(tmp_path / "a")
    scan(dataset(paths), tmp_path / "cache")
    opened.clear()
    paths[4].rename(tmp_path / "a" / "moved.png")
    write(tmp_path / "a" / "new.png", 99)
    # The cache of a set is found by its first image.
    now = [*paths[:3], tmp_path / "a" / "new.png", tmp_path / "a" / "moved.png"]

    facts = scan(dataset(now), tmp_path / "cache")

    assert opened == [now[3]]
    assert facts == scan(dataset(now))


def test_the_same_bytes_under_another_suffix_get_their_own_remark(tmp_path):
    paths = files(tmp_path / "a", 2)
    scan(dataset(paths), tmp_path / "cache")
    paths[1] = paths[1].rename(paths[1].with_suffix(".jpg"))

    assert scan(dataset(paths), tmp_path / "cache")[1].remarks == ("PNG data under the name .jpg",)


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path):
    paths = files(tmp_path / "a", 2)
    paths[1].unlink()
    assert scan(dataset(paths), tmp_path / "cache")[1].error == "is missing"

    write(paths[1], 1)

    assert scan(dataset(paths), tmp_path / "cache")[1].error is None


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign", "longer", "version"])
def test_a_cache_that_is_torn_or_foreign_is_made_anew(tmp_path, damage, opened):
    data = dataset(files(tmp_path / "a"))
    first = scan(data, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    flipped = bytearray(whole)
    flipped[200] ^= 1
    kept.write_bytes(
        {
            "empty": b"",
            "cut": whole[:-9],
            "flipped": bytes(flipped),
            "foreign": b"\x80\x04cos\nsystem\n" * 40,
            "longer": whole + b"x",
            "version": whole.replace(MAGIC, MAGIC[:-2] + b"0\n"),
        }[damage]
    )
    assert read_inventory(kept) is None
    opened.clear()

    assert scan(data, tmp_path / "cache") == first
    assert len(opened) == 6
    assert kept.read_bytes() == whole


def test_a_cache_folder_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "cache").write_text("a file is in its place")
    data = dataset(files(tmp_path / "a"))

    assert scan(data, tmp_path / "cache") == scan(data)


def test_names_that_are_no_utf_8_are_remembered_too(tmp_path, opened):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    write(path, 0)
    first = scan(dataset([path]), tmp_path / "cache")
    opened.clear()

    assert scan(dataset([path]), tmp_path / "cache") == first
    assert opened == []
