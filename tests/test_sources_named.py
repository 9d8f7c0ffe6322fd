import gzip
import io
import re
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eyespot.data import read
from eyespot.data.sources import named, published
from eyespot.data.sources.named import NAMED_SETS
from eyespot.errors import DataError, MissingExtra


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch) -> Path:
    """Empty folders of data and cache, and no network."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("EYESPOT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return tmp_path / "data"


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes())


def pairs(prefix: str = "", *, test: str = "t10k", labels: tuple[int, ...] = (1, 2, 9)) -> dict:
    """The four IDX files of a small set; image n is all n but its upper right pixel."""
    files = {}
    for part in ("train", test):
        images = np.zeros((len(labels), 28, 28), np.uint8)
        images[:, 0, 27] = 255
        files[f"{prefix}{part}-images-idx3-ubyte.gz"] = idx(images)
        files[f"{prefix}{part}-labels-idx1-ubyte.gz"] = idx(np.array(labels, np.uint8))
    return files


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_digits_are_scaled_to_bytes():
    data = read("digits")

    assert (data.name, data.form) == ("digits", "scikit-learn's handwritten digits")
    assert data.images.shape == (1797, 8, 8)
    assert (data.images.dtype, data.images.min(), data.images.max()) == (np.uint8, 0, 255)
    assert data.classes == tuple("0123456789")
    assert data.names[:2] == ("00000", "00001")
    assert data.parts is None


def test_digits_without_sklearn_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(MissingExtra) as caught:
        read("digits")

    assert str(caught.value) == (
        "reading digits needs scikit-learn; install it with: pip install 'eyespot[train]'"
    )


@pytest.mark.parametrize("place", ["data", "cache"])
def test_mnist_is_found_on_this_computer(tmp_path, place):
    put(tmp_path / place / "mnist", pairs())

    data = read("mnist")

    assert (data.name, data.form) == ("mnist", "MNIST's handwritten digits")
    assert data.classes == tuple("0123456789")
    assert data.labels.tolist() == [1, 2, 9, 1, 2, 9]
    assert data.parts == ("train",) * 3 + ("test",) * 3


def test_fashion_mnist_has_its_class_names(offline):
    put(offline / "fashion-mnist", pairs())

    data = read("fashion-mnist")

    assert [data.classes[label] for label in data.labels[:3]] == [
        "Trouser",
        "Pullover",
        "Ankle boot",
    ]


def test_emnist_is_set_upright_and_its_letters_count_from_one(offline):
    put(offline / "emnist-letters", pairs("emnist-letters-", test="test"))
    data = read("emnist-letters")

    assert data.images[0, 27, 0] == 255
    assert [data.classes[label] for label in data.labels[:3]] == ["A", "B", "I"]
    assert data.form == "EMNIST's handwritten characters (letters)"


def test_every_emnist_is_taken_from_the_one_archive(offline):
    files = {**pairs("emnist-byclass-", test="test", labels=(0, 10, 61)), **pairs()}
    files |= pairs("emnist-balanced-", test="test", labels=(9, 35, 46))
    (offline / "emnist").mkdir()
    with zipfile.ZipFile(offline / "emnist" / "gzip.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(f"gzip/{name}", data)

    characters = {name: read(name) for name in ("emnist-byclass", "emnist-balanced")}

    assert {
        name: [data.classes[label] for label in data.labels[:3]]
        for name, data in characters.items()
    } == {"emnist-byclass": ["0", "A", "z"], "emnist-balanced": ["9", "Z", "t"]}
    with pytest.raises(DataError, match="gzip.zip is not the archive of EMNIST"):
        read("emnist-mnist")


def batches() -> dict[str, bytes]:
    record = bytes([3]) + b"\1" * 1024 + b"\2" * 1024 + b"\3" * 1024
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    return {name: record + bytes([8]) + record[1:] for name in names}


def test_cifar10_is_read_from_its_archive(offline):
    (offline / "cifar10").mkdir()
    with tarfile.open(offline / "cifar10" / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name, data in batches().items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))

    data = read("cifar10")

    assert data.images.shape == (12, 32, 32, 3)
    assert data.images[0, 0, 0].tolist() == [1, 2, 3]
    assert [data.classes[label] for label in data.labels[:2]] == ["cat", "ship"]
    assert data.parts == ("train",) * 10 + ("test",) * 2


def test_cifar10_is_read_from_its_unpacked_folder(offline):
    put(offline / "cifar10" / "cifar-10-batches-bin", batches())
    assert len(read("cifar10")) == 12

    (offline / "cifar10" / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(b"torn")
    with pytest.raises(DataError, match="test_batch.bin is no whole number of records"):
        read("cifar10")


def test_offline_says_where_to_put_which_files(tmp_path):
    with pytest.raises(DataError) as caught:
        read("mnist")

    assert str(caught.value) == (
        "mnist is not on this computer and train-images-idx3-ubyte.gz cannot be downloaded "
        "(storage.googleapis.com: Network is unreachable; ossci-datasets.s3.amazonaws.com: Network "
        "is unreachable); put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        f"t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz into {tmp_path}/cache/mnist, or "
        "into a folder mnist in the one that EYESPOT_DATA names"
    )


@pytest.mark.parametrize(
    ("name", "file", "place"),
    [("emnist-digits", "gzip.zip", "emnist"), ("cifar10", "cifar-10-binary.tar.gz", "cifar10")],
)
def test_offline_names_the_one_archive(tmp_path, name, file, place):
    with pytest.raises(DataError) as caught:
        read(name)

    assert str(caught.value).endswith(
        f"; put {file} into {tmp_path}/cache/{place}, or into a folder {place} in the one that "
        "EYESPOT_DATA names"
    )


def test_a_named_set_wins_over_a_folder_and_a_path_means_the_folder(tmp_path, offline, monkeypatch):
    put(offline / "mnist", pairs())
    put(tmp_path / "here" / "mnist" / "a", {"1.png": b""})
    put(tmp_path / "here" / "mnist" / "b", {"1.png": b""})
    monkeypatch.chdir(tmp_path / "here")

    assert read("mnist").form == "MNIST's handwritten digits"
    assert read("./mnist").form == "a folder per class"
    assert read(Path("mnist")).form == "a folder per class"


def test_every_named_set_can_be_asked_for():
    for name in set(NAMED_SETS) - {"digits"}:
        with pytest.raises(DataError, match=f"^{name} is not on this computer"):
            read(name)


def test_every_published_file_has_two_mirrors_and_a_hash():
    files = [*published.MNIST_FILES, *published.FASHION_FILES]
    files += [published.EMNIST_FILE, published.CIFAR10_FILE]

    assert all(len(file.urls) >= 2 for file in files)
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files)
    assert len({file.sha256 for file in files}) == len(files) == 10
    assert [len(classes) for classes in named.EMNIST_CLASSES.values()] == [47, 62, 47, 10, 26, 10]
