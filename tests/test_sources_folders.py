import os
from pathlib import Path

import pytest

from eyespot.data import read
from eyespot.errors import DataError

FORMS = (
    "give a folder per class, a labels table (.csv) with its images, IDX files, a table of pixels, "
    "an .npz or a .zip of these, or a named set; see eyespot train --help"
)


def files(root: Path, *names: str) -> Path:
    """Empty files: reading never looks into an image."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def issues(dataset) -> list[tuple[str, str]]:
    return [(issue.kind, issue.name) for issue in dataset.issues]


def test_a_folder_per_class_is_read_at_any_depth(tmp_path):
    data = read(files(tmp_path / "pets", "cat/1.jpg", "cat/a/b/2.JPG", "dog/1.png"))

    assert data.name == "pets"
    assert data.form == "a folder per class"
    assert data.names == ("cat/1.jpg", "cat/a/b/2.JPG", "dog/1.png")
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 1]
    assert data.parts is None
    assert data.images[1] == tmp_path / "pets" / "cat/a/b/2.JPG"
    assert list(data.images[1:]) == [data.images[1], data.images[2]]


def test_classes_come_in_natural_order(tmp_path):
    data = read(files(tmp_path, "10/a.png", "2/a.png", "1/a.png", "x1/a.png", "Z/a.png"))

    assert data.classes == ("1", "2", "10", "Z", "x1")
    assert [data.classes[label] for label in data.labels] == ["1", "10", "2", "Z", "x1"]


@pytest.mark.parametrize("valid", ["val", "valid", "Validation"])
def test_part_folders_keep_their_parts(tmp_path, valid):
    data = read(
        files(tmp_path, "train/a/1.png", "train/b/1.png", f"{valid}/a/2.png", "test/b/3.png")
    )

    assert data.form == "a folder per class in train and valid and test folders"
    assert dict(zip(data.names, data.parts, strict=True)) == {
        "train/a/1.png": "train",
        "train/b/1.png": "train",
        f"{valid}/a/2.png": "valid",
        "test/b/3.png": "test",
    }


def test_a_class_called_train_among_others_is_a_class(tmp_path):
    data = read(files(tmp_path, "train/1.png", "bus/1.png", "car/1.png"))

    assert data.classes == ("bus", "car", "train")
    assert data.parts is None


def test_a_lone_train_folder_leaves_the_split_free(tmp_path):
    data = read(files(tmp_path, "train/a/1.png", "train/b/1.png"))

    assert data.parts is None
    assert data.classes == ("a", "b")


def test_one_wrapping_folder_is_looked_through(tmp_path):
    data = read(files(tmp_path / "outer", "inner/cat/1.png", "inner/dog/1.png"))

    assert data.name == "outer"
    assert data.names == ("cat/1.png", "dog/1.png")


def test_stray_empty_and_foreign_files_become_issues(tmp_path):
    (tmp_path / "empty").mkdir()
    data = read(
        files(tmp_path, "cat/1.png", "dog/1.png", "dog/2.HEIC", "loose.png", "cat/notes.txt", "r")
    )

    assert issues(data) == [
        ("unsupported", "dog/2.HEIC"),
        ("other-files", tmp_path.name),
        ("no-label", "loose.png"),
        ("empty-class", "empty"),
    ]
    assert data.issues[0].detail == ".heic pictures cannot be read; save it as .png or .jpg"
    assert data.issues[1].detail == "2 other files left aside (.txt 1, no suffix 1)"


def test_hidden_files_and_litter_are_ignored(tmp_path):
    data = read(
        files(
            tmp_path,
            *("cat/1.png", "dog/1.png", ".git/x.png", "cat/.DS_Store", "cat/._1.png"),
            *("dog/Thumbs.db", "__MACOSX/cat/1.png", "cat/.hidden.jpg"),
        )
    )

    assert data.names == ("cat/1.png", "dog/1.png")
    assert data.issues == ()


def test_links_bring_each_real_file_once(tmp_path):
    outside = files(tmp_path / "outside", "secret.jpg")
    root = files(tmp_path / "set", "cat/1.jpg", "dog/1.jpg", ".store/9.bin")
    (root / "dog/again.jpg").symlink_to(root / "cat/1.jpg")
    (root / "dog/stored.jpg").symlink_to("../.store/9.bin")
    (root / "dog/twice.jpg").symlink_to("../.store/9.bin")
    (root / "dog/out.jpg").symlink_to(outside / "secret.jpg")
    (root / "dog/gone.jpg").symlink_to("nowhere.jpg")
    (root / "dog/loop").symlink_to(root)
    (root / "dog/self.jpg").symlink_to("self.jpg")

    data = read(root)

    assert data.names == ("cat/1.jpg", "dog/1.jpg", "dog/stored.jpg")
    assert {issue.name: issue.detail for issue in data.issues} == {
        "dog/again.jpg": "the link leads to 'cat/1.jpg', which is in the set already",
        "dog/twice.jpg": "the link leads to '.store/9.bin', which is in the set already",
        "dog/out.jpg": "the link leads out of the folder; copy the file if it belongs to the set",
        "dog/gone.jpg": "the link leads nowhere",
        "dog/self.jpg": "the link leads nowhere",
        "dog/loop": "links to folders are not followed; its files count where they really lie",
    }


def test_pipes_and_folders_named_like_images_are_no_images(tmp_path):
    root = files(tmp_path, "cat/1.jpg", "dog/1.jpg", "dog/a.jpg/2.png")
    os.mkfifo(root / "cat/pipe.jpg")

    assert read(root).names == ("cat/1.jpg", "dog/1.jpg", "dog/a.jpg/2.png")


def test_strange_names_survive(tmp_path):
    names = ["a b.png", "new\nline.png", 'quo"te,.png', "\U0001f600.png", "-rf.png", "=cmd.png"]
    names += ["é.png", "e\u0301.png", os.fsdecode(b"\xff\xfe.png"), "x" * 250 + ".png"]
    root = files(tmp_path, "dog/1.png", *(f"cat/{name}" for name in names))

    data = read(root)

    assert sorted(data.names) == sorted(["dog/1.png", *(f"cat/{name}" for name in names)])
    assert all(path.is_file() for path in data.images)


def test_classes_that_look_alike_are_named_not_merged(tmp_path):
    data = read(files(tmp_path, "Cat/1.png", "cat /1.png", "a/1.png", "A/1.png"))

    assert data.classes == ("A", "Cat", "a", "cat")
    assert [issue.detail for issue in data.issues] == [
        "the class 'cat' looks like the class 'Cat'; give them one name if they are one class"
    ]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "{} holds no images that eyespot knows; " + FORMS),
        (["a/1.heic"], "{} holds no images that eyespot knows, only others ('a/1.heic'); " + FORMS),
        (["1.png"], "{} holds 1 image but no class folders and no labels table; " + FORMS),
    ],
)
def test_a_folder_without_classes_gets_a_sentence(tmp_path, names, sentence):
    root = tmp_path / "pets"
    root.mkdir()
    files(root, *names)

    with pytest.raises(DataError) as caught:
        read(root)

    assert str(caught.value) == sentence.format(root)


def test_the_order_does_not_hang_on_the_disk(tmp_path):
    names = [f"c{i % 3}/{i}.png" for i in range(50)]

    first = read(files(tmp_path / "a", *names))
    second = read(files(tmp_path / "b", *reversed(names)))

    assert first.names == second.names == tuple(sorted(names))
    assert (first.labels == second.labels).all()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("mnsit", "'mnsit' is neither a file, a folder nor a named set; did you mean 'mnist'?"),
        ("./no/such", f"'./no/such' is neither a file, a folder nor a named set; {FORMS}"),
    ],
)
def test_a_source_that_is_nowhere_gets_a_sentence(source, sentence):
    with pytest.raises(DataError) as caught:
        read(source)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("one.png", "is one image; " + FORMS),
        (
            "set.tar.gz",
            "is an archive that eyespot does not open; unpack it and give the folder, or a .zip",
        ),
        ("set.pkl", "is of a kind that may hold code or anything; save images and labels as .npz"),
        ("train-images-idx3-ubyte.gz", "is one of several IDX files; give their folder, {}"),
        ("words.txt", "is nothing that eyespot knows; " + FORMS),
    ],
)
def test_a_file_that_is_no_set_gets_a_sentence(tmp_path, name, sentence):
    path = files(tmp_path, name) / name

    with pytest.raises(DataError) as caught:
        read(path)

    assert str(caught.value) == f"{path} {sentence}".format(tmp_path)
