import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eyespot.data import read
from eyespot.errors import DataError


def pixels(num: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, *(shape or (4, 4))), dtype=np.uint8)


def save(folder: Path, **arrays) -> Path:
    np.savez_compressed(folder / "set.npz", **arrays)
    return folder / "set.npz"


def error(source) -> str:
    with pytest.raises(DataError) as caught:
        read(source)
    return str(caught.value)


@pytest.mark.parametrize("keys", [("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target")])
def test_one_pair_of_arrays_is_read(tmp_path, keys):
    images = pixels(3)

    data = read(save(tmp_path, **dict(zip(keys, (images, [5, 2, 5]), strict=True))))

    assert (data.name, data.form) == ("set", "an .npz file of arrays")
    assert (data.images == images).all()
    assert data.classes == ("2", "5")
    assert data.labels.tolist() == [1, 0, 1]
    assert data.names == ("00000", "00001", "00002")
    assert data.parts is None


@pytest.mark.parametrize("form", ["{kind}_{part}", "{part}_{kind}"])
def test_parts_are_read_in_order(tmp_path, form):
    arrays = {}
    for part, num in (("test", 1), ("val", 2), ("train", 3)):
        arrays[form.format(kind="x", part=part)] = pixels(num, 4, 4, 3)
        arrays[form.format(kind="y", part=part)] = np.arange(num)[:, None]

    data = read(save(tmp_path, **arrays))

    assert data.names[2:4] == ("train/00002", "valid/00000")
    assert data.parts == ("train",) * 3 + ("valid",) * 2 + ("test",)
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 0]


def test_labels_are_names_or_point_at_classes(tmp_path):
    assert read(save(tmp_path, x=pixels(2), y=["b ", "a"])).classes == ("a", "b")

    data = read(save(tmp_path, x=pixels(2), y=[1, 0], classes=["dog", "cat"]))
    assert data.classes == ("dog", "cat")
    assert data.labels.tolist() == [1, 0]

    assert error(save(tmp_path, x=pixels(2), y=[1, 2], classes=["dog", "cat"])) == (
        "set holds labels from 1 to 2 for 2 classes; labels count from 0"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([[[0.0, 0.5], [0.25, 1.0]]]), [[0, 128], [64, 255]]),
        (np.array([[[0.0, 7.6], [16.0, 255.0]]]), [[0, 8], [16, 255]]),
        (np.array([[[0, 1], [2, 255]]], dtype=np.int64), [[0, 1], [2, 255]]),
        (np.array([[[False, True], [True, False]]]), [[0, 255], [255, 0]]),
    ],
)
def test_other_types_become_defined_bytes(given, expected):
    data = read((np.concatenate([given, given]), [0, 1]))

    assert data.images.dtype == np.uint8
    assert data.images[1].tolist() == expected


def test_channels_in_front_are_moved_behind():
    planes = pixels(2, 3, 8, 9)

    assert (read((planes, [0, 1])).images == planes.transpose(0, 2, 3, 1)).all()


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (
            np.zeros((2, 4), np.uint8),
            "images has the shape (2, 4); images are (N, height, width) or (N, height, width, "
            "channels)",
        ),
        (np.zeros((2, 8, 8, 2), np.uint8), "images has 2 channels; images have 1, 3 or 4"),
        (np.full((2, 4, 4), -1.0), "images runs from -1 to -1; bring it to 0..255 or 0..1"),
        (np.full((2, 4, 4), np.nan), "images runs from nan to nan; bring it to 0..255 or 0..1"),
        (np.full((2, 4, 4), "a"), "images is of the type <U1; images are numbers from 0 to 255"),
    ],
)
def test_arrays_that_are_no_images_get_a_sentence(images, sentence):
    assert error((images, [0, 1])) == sentence


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0], "arrays holds 1 label for 2 images; give one label for each image"),
        ([[0, 1], [1, 0]], "labels has the shape (2, 2); give one label for each image"),
        ([0.5, 1], "labels is of the type float64; labels are whole numbers or strings"),
    ],
)
def test_labels_that_do_not_fit_get_a_sentence(labels, sentence):
    assert error((pixels(2), labels)) == sentence


def test_any_images_in_memory_are_passed_on_as_they_are():
    images = [b"bytes", Path("a.png")]

    data = read((images, ["x", "y"]))

    assert data.images is images
    assert data.classes == ("x", "y")
    assert error((images, ["x"])) == "1 labels for 2 images; give one for each"


def test_python_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = save(tmp_path, x=pixels(2), y=np.array([Trap(), 1], dtype=object))

    assert error(path) == (
        f"{path} cannot be read as .npz: y.npy holds Python objects, which are never loaded; save "
        "numbers or strings (numpy.array(labels, dtype=str))"
    )
    assert not (tmp_path / "sprung").exists()


def test_other_arrays_get_a_sentence(tmp_path):
    path = save(tmp_path, a=[1], b=[2])

    assert error(path) == (
        f"{path} holds the arrays a, b; it needs images and labels, or x_train, y_train, x_test "
        "and "
        "y_test"
    )


def test_an_array_that_promises_more_than_it_holds_is_refused(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())

    assert error(path) == (
        f"{path} cannot be read as .npz: x.npy promises (1099511627776, 28, 28) uint8 and is "
        "shorter"
    )


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 torn", b"text"])
def test_a_file_that_is_no_npz_gets_a_sentence(tmp_path, data):
    path = tmp_path / "set.npz"
    path.write_bytes(data)

    assert error(path) == f"{path} cannot be read as .npz: File is not a zip file"
