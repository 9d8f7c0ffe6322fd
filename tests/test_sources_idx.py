import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from eyespot.data import read
from eyespot.errors import DataError

DATA = Path(__file__).parents[2] / "shared" / "data"


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def sample(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(seed).integers(0, 256, (num, 4, 5), dtype=np.uint8)
    return images, np.arange(num, dtype=np.uint8) % 3


def write(folder: Path, part: str, num: int = 6, *, dot: str = "-", packed: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    for kind, array in zip(("images-idx3", "labels-idx1"), sample(num), strict=True):
        name = f"{part}-{kind}-ubyte".replace("-idx", f"{dot}idx")
        data = idx(array)
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder


def error(source) -> str:
    with pytest.raises(DataError) as caught:
        read(source)
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
def test_both_pairs_are_read_under_both_names(tmp_path, packed, dot):
    write(tmp_path / "set", "train", 6, dot=dot, packed=packed)
    data = read(write(tmp_path / "set", "t10k", 3, dot=dot, packed=packed))

    assert (data.name, data.form) == ("set", "IDX files")
    assert (data.images[:6] == sample(6)[0]).all()
    assert data.images.flags.writeable
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert data.classes == ("0", "1", "2")
    assert data.names[5:7] == ("train/00005", "test/00000")
    assert data.parts == ("train",) * 6 + ("test",) * 3
    assert data.issues == ()


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_one_pair_alone_leaves_the_split_free(tmp_path, part):
    data = read(write(tmp_path / "set", part))

    assert data.names[0] == "00000"
    assert data.parts is None
    assert data.images.flags.writeable


def test_a_gz_name_on_a_plain_file_is_read(tmp_path):
    folder = write(tmp_path / "set", "train")
    path = folder / "train-images-idx3-ubyte"
    path.rename(f"{path}.gz")

    assert len(read(folder)) == 6


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        (
            "images-idx3",
            lambda data: b"<htm" + data[4:],
            "is no IDX file of images: it starts with 0x3c68746d, not with 0x00000803; get it "
            "again",
        ),
        (
            "labels-idx1",
            lambda data: b"",
            "is no IDX file of labels: it starts with 0x, not with 0x00000801; get it again",
        ),
        (
            "images-idx3",
            lambda data: data[:-7],
            "is damaged: its header promises 6 x 4 x 5 bytes, the file ends after 113; get it "
            "again",
        ),
        (
            "images-idx3",
            lambda data: data + b"x",
            "is damaged: its header promises 6 x 4 x 5 bytes, the file goes on after them; get "
            "it again",
        ),
        (
            "images-idx3",
            lambda data: data[:4] + b"\xff" * 12 + data[16:],
            "is damaged: its header promises 4,294,967,295 x 4,294,967,295 x 4,294,967,295 "
            "bytes, the "
            "file is shorter; get it again",
        ),
        (
            "images-idx3",
            lambda data: gzip.compress(data)[:-30],
            "is damaged (Compressed file ended before the end-of-stream marker was reached); "
            "get it again",
        ),
    ],
)
def test_a_damaged_file_gets_a_sentence(tmp_path, kind, change, sentence):
    folder = write(tmp_path / "set", "train")
    path = folder / f"train-{kind}-ubyte"
    path.write_bytes(change(path.read_bytes()))

    assert error(folder) == f"{path} {sentence}"


def test_labels_of_another_set_are_refused(tmp_path):
    folder = write(tmp_path / "set", "train")
    labels = folder / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(5, np.uint8)))

    assert error(folder) == (
        f"{labels} holds 5 labels for the 6 images of train-images-idx3-ubyte; "
        "get both files from one place"
    )


def test_images_without_labels_are_refused(tmp_path):
    folder = write(tmp_path / "set", "train")
    (folder / "train-labels-idx1-ubyte").unlink()

    images = folder / "train-images-idx3-ubyte"
    assert error(folder) == f"{images} has no labels file beside it; put it there and try again"


def test_two_sets_in_one_folder_are_not_mixed(tmp_path):
    folder = write(tmp_path / "set", "a-train")
    write(folder, "b-train")

    assert error(folder) == (
        f"{folder} holds two sets of IDX files, a-train-labels-idx1-ubyte and "
        "b-train-labels-idx1-ubyte; give each a folder"
    )


def test_parts_of_two_shapes_are_refused(tmp_path):
    folder = write(tmp_path / "set", "train")
    write(folder, "t10k")
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((6, 2, 2), np.uint8)))

    assert error(folder) == "set holds images of 2 x 2 and 4 x 5; bring its parts to one shape"


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason="no shared data here")
def test_mnist_is_read_whole():
    data = read(DATA / "mnist")

    assert data.images.shape == (70_000, 28, 28)
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.parts.count("test") == 10_000
    assert data.issues == ()
