"""Pixels in a file, where memory would not hold them. N images, H height, W width, C channels."""

import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import eyespot
from conftest import TINY, write_pictures
from eyespot.data import room
from eyespot.data.faintness import faint_images
from eyespot.data.folds import in_folds, make_folds
from eyespot.data.loading import load_images
from eyespot.data.room import copied, expect, room_for
from eyespot.errors import DataError, ResourceError
from eyespot.files.run import Run
from eyespot.images.brightness import mean_and_deviation
from eyespot.line.model import predictions_of
from eyespot.line.progress import Silence
from eyespot.models.predict import batch_size
from eyespot.training.samples import Samples
from eyespot.training.world import World
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset

CPU = World(torch.device("cpu"), torch.float32, 1)


def pictures(num: int, *, side: int = 8, channels: int = 3) -> Array:
    return np.random.default_rng(0).integers(0, 256, (num, side, side, channels)).astype(np.uint8)


def dataset(images: object) -> Dataset:
    num = len(images)
    return Dataset(
        name="pets",
        form="made up",
        images=images,
        names=tuple(f"{index:05}" for index in range(num)),
        labels=np.arange(num) % 2,
        classes=("cat", "dog"),
    )


def load(data: Dataset, *, size: int = 8, **more):
    return load_images(data, size=size, channels=3, fit="pad", **more)


def lies_in_file(images: Array) -> bool:
    return room._mapping(images) is not None


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    """The folder that pixels go to."""
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pixels"


@pytest.fixture
def no_memory(monkeypatch, cache) -> Path:
    """The folder that all pixels go to, on a machine whose memory would hold none."""
    monkeypatch.setattr(room, "_memory", lambda: 0)
    return cache


def filled(images: Array) -> Array:
    """These pictures in the room there is for them."""
    with room_for("pets", images.shape) as place:
        for image in images:
            place.add(image)
        return place.filled()


# --- the same pictures


def test_pictures_in_a_file_are_those_in_memory(monkeypatch, cache, tmp_path):
    sources: list[object] = list(pictures(60, side=11))
    sources[7] = tmp_path / "none.png"
    memory = load(dataset(sources))
    monkeypatch.setattr(room, "_memory", lambda: 0)

    file = load(dataset(sources))

    assert lies_in_file(file.images) and not lies_in_file(memory.images)
    assert file.images.dtype == np.uint8 and file.images.shape == (59, 8, 8, 3)
    assert np.array_equal(file.images, memory.images)
    assert (file.digests, file.issues) == (memory.digests, memory.issues)
    assert file.dataset.names == memory.dataset.names


class Talk(Silence):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def test_a_training_from_a_file_is_one_from_memory_to_the_last_bit(
    monkeypatch, cache, tmp_path, no_report
):
    data, talk = write_pictures(tmp_path / "halves"), Talk()
    eyespot.train(data, settings=TINY, out=tmp_path / "memory")
    monkeypatch.setattr(room, "_memory", lambda: 2000)

    eyespot.train(data, settings=TINY, out=tmp_path / "file", progress=talk)

    memory, file = Run(tmp_path / "memory"), Run(tmp_path / "file")
    for name in ("model", "predictions", "evaluation", "split", "issues"):
        assert getattr(file, name).read_bytes() == getattr(memory, name).read_bytes(), name
    assert talk.sentences[1] == (
        f"pixels: 0.0 GB in a temporary file in {cache}; memory may hold 0.0 GB of them"
    )


def test_memory_is_taken_up_to_its_share(monkeypatch, cache):
    images = pictures(10)

    monkeypatch.setattr(room, "_memory", lambda: 2 * images.nbytes)
    assert not lies_in_file(filled(images))

    monkeypatch.setattr(room, "_memory", lambda: 2 * images.nbytes - 1)
    assert lies_in_file(filled(images))


def test_memory_that_cannot_be_had_is_not_needed(monkeypatch, cache):
    """As under `ulimit -v`."""

    def refused(*_: object) -> Array:
        raise MemoryError

    images = pictures(10)
    monkeypatch.setattr(np, "empty", refused)

    assert np.array_equal(filled(images), images)


def test_a_containers_memory_limit_counts(monkeypatch, cache, tmp_path):
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text("1000\n")
    files = (str(tmp_path / "max"), str(tmp_path / "none"), str(tmp_path / "limit"))
    monkeypatch.setattr(room, "_LIMITS", files)

    assert lies_in_file(filled(pictures(10)))


# --- nothing is copied


def test_no_step_of_a_training_copies_the_set_into_memory(no_memory):
    images = pictures(6000, side=64, channels=1)
    data, mapped = dataset(images), filled(images)
    largest = []

    class Fake:
        classes, preparation = ("cat", "dog"), SimpleNamespace(size=64)

        def examine(self, images: Array) -> tuple[Array, None]:
            largest.append(len(images))
            return np.full((len(images), 2), 0.5, np.float32), None

    loaded = SimpleNamespace(dataset=data, images=mapped)
    places = np.random.default_rng(0).permutation(6000)[:5000].tolist()
    faint = faint_images(data, images[::-1])  # also imports what it needs
    tracemalloc.start()
    try:
        faint_images(data, mapped)
        moments = mean_and_deviation(mapped, places)
        samples = Samples.of(mapped, data.labels, CPU, places)
        batch = samples.batch(torch.arange(30))
        said = predictions_of(Fake(), loaded, places)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert faint == []
    assert moments == mean_and_deviation(images, places)
    assert np.array_equal(batch[:, 0].numpy(), images[places[:30], :, :, 0])
    assert max(largest) == batch_size(64) and sum(largest) == len(said) == 5000
    assert peak < images.nbytes / 2  # 12 MB; counting the levels of some pictures takes 10


def test_pictures_that_are_read_only_are_not_copied_either():
    images = pictures(10)
    images.flags.writeable = False

    samples = Samples.of(images, np.arange(10), CPU, [7, 2])

    assert np.shares_memory(samples.images, images)
    assert np.array_equal(
        samples.batch(torch.tensor([1, 0])).permute(0, 2, 3, 1).numpy(), images[[2, 7]]
    )


class Noting(mmap.mmap):
    """A mapped file that notes the bytes it is asked to have read."""

    def madvise(self, advice: int, start: int, length: int) -> None:
        super().madvise(advice, start, length)
        assert advice == mmap.MADV_WILLNEED
        self.asked.update(range(start, start + length))


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="no such advice here")
def test_what_is_expected_is_read_wherever_in_the_file_it_lies():
    num_bytes = 40 * 3000
    with tempfile.TemporaryFile() as file:
        file.write(bytes(num_bytes))
        file.flush()
        mapping = Noting(file.fileno(), 0)
    whole = np.frombuffer(mapping, np.uint8).reshape(40, 50, 60, 1)

    for images, rows in ((whole, range(40)), (whole[10:], range(10, 40)), (whole[::-2], None)):
        mapping.asked = set()
        expect(images, np.array([3, 5]))
        rows = rows or range(39, -1, -2)
        wanted = {
            byte for row in (rows[3], rows[5]) for byte in range(3000 * row, 3000 * row + 3000)
        }
        assert wanted <= mapping.asked <= set(range(num_bytes))
        assert len(mapping.asked) <= len(wanted) + 2 * mmap.PAGESIZE


def test_what_lies_in_memory_is_expected_without_ado():
    expect(pictures(5), np.array([3]))


def test_folds_copy_what_is_in_them_into_a_file_where_memory_would_not_hold_both(
    monkeypatch, cache
):
    images = pictures(40)
    loaded = load(dataset(images))
    assert np.shares_memory(loaded.images, images)
    folds = make_folds(loaded.dataset, 2, seed=0, duplicates=loaded.duplicates, test_per_class=4)
    places = folds.split.indices("train")
    assert len(places) == 32

    for memory, in_file in ((2 * (40 + 32) * 192, False), (2 * (40 + 32) * 192 - 1, True)):
        monkeypatch.setattr(room, "_memory", lambda memory=memory: memory)
        kept = in_folds(loaded, folds)[0].images
        assert lies_in_file(kept) == in_file
        assert np.array_equal(kept, images[list(places)])


def test_a_copy_of_a_file_takes_only_its_own_memory(monkeypatch, no_memory):
    file = filled(pictures(40))
    monkeypatch.setattr(room, "_memory", lambda: 2 * 10 * 192)

    assert not lies_in_file(copied("pets", file, np.arange(10)))
    assert lies_in_file(copied("pets", file, np.arange(11)))


# --- the disk


def test_the_file_has_no_name_and_leaves_nothing(no_memory):
    with room_for("pets", (10, 8, 8, 3)) as place:
        assert list(no_memory.iterdir()) == []
        for image in pictures(10):
            place.add(image)
        images = place.filled()

    assert list(no_memory.iterdir()) == []
    assert np.array_equal(images, pictures(10))


def test_a_kill_while_pixels_are_written_leaves_nothing(no_memory, tmp_path):
    code = (
        "import numpy as np, time\n"
        "from eyespot.data import room\n"
        "room._memory = lambda: 0\n"
        "with room.room_for('pets', (9, 99, 99, 3)) as place:\n"
        "    place.add(np.ones((99, 99, 3), np.uint8))\n"
        "    print('half way', flush=True)\n"
        "    time.sleep(60)\n"
    )
    path = str(Path(eyespot.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)

    assert list(no_memory.iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_decoded(monkeypatch, cache, tmp_path):
    monkeypatch.setattr(room, "_memory", lambda: 2e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=4_073_741_824))
    missing = [tmp_path / "none.png"] * 100_000

    with pytest.raises(ResourceError) as error:
        load(dataset(missing), size=128)

    assert str(error.value) == (
        "pets: 100,000 images of 128 x 128 pixels are 4.9 GB, too much for memory, and "
        f"{cache} has room for 3.0 GB; name a folder on another disk by EYESPOT_CACHE, or choose a "
        "smaller size, for instance --set size=32"
    )


def test_a_disk_that_fills_up_meanwhile_is_a_sentence(no_memory, full_disk, tmp_path):
    for index, image in enumerate(pictures(30, side=40)):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    data = dataset([tmp_path / f"{index}.png" for index in range(30)])

    with full_disk(50_000), pytest.raises(ResourceError) as error:
        load(data, size=40)

    assert str(error.value) == (
        f"pets: the pixels cannot be written to {no_memory}: File too large; make room there, or "
        "name a folder on another disk by EYESPOT_CACHE"
    )
    assert list(no_memory.iterdir()) == []


def test_a_cache_that_is_no_folder_is_a_sentence(no_memory):
    no_memory.parent.write_text("a file")

    with pytest.raises(ResourceError, match="^pets: the pixels cannot be written to .*: Not a dir"):
        load(dataset(list(pictures(3))))


def test_what_is_wrong_with_the_pictures_is_told_as_ever(no_memory, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load(dataset([tmp_path / "none.png"] * 3))
