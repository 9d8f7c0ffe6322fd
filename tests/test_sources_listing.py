import os
from pathlib import Path

import pytest

from eyespot.data import read
from eyespot.errors import DataError, UsageError


def table(root: Path, text: str, *names: str, name="labels.csv", encoding="utf-8") -> Path:
    """A labels table with these images beside it."""
    for image in names:
        path = root / image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / name).write_bytes(text.encode(encoding))
    return root / name


def said(dataset) -> dict[str, tuple[str, str]]:
    return {issue.name: (issue.kind, issue.detail) for issue in dataset.issues}


def labels(dataset) -> dict[str, str]:
    return {
        name: dataset.classes[label]
        for name, label in zip(dataset.names, dataset.labels, strict=True)
    }


def error(source, **options) -> str:
    with pytest.raises(DataError) as caught:
        read(source, **options)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_every_delimiter_and_encoding_is_read(tmp_path, delimiter, encoding):
    text = "image,label\na.png,chat\nb.png,chien né\n".replace(",", delimiter)

    data = read(table(tmp_path, text, "a.png", "b.png", encoding=encoding))

    assert labels(data) == {"a.png": "chat", "b.png": "chien né"}
    assert data.form == "a labels table (labels.csv) with its images"
    assert data.name == tmp_path.name
    assert data.issues == ()


@pytest.mark.parametrize(
    "header", ["Image,LABEL", "file_name,class", "id,breed", " Path ,target", "x,path,category"]
)
def test_the_usual_headers_are_known(tmp_path, header):
    rows = ["a.png,1", "b.png,2"]
    if header.startswith("x"):
        rows = [f"0,{row}" for row in rows]

    data = read(table(tmp_path, "\n".join([header, *rows]), "a.png", "b.png"))

    assert labels(data) == {"a.png": "1", "b.png": "2"}


def test_a_table_without_a_header_is_read(tmp_path):
    data = read(table(tmp_path, "a.png,1\nb.png,2\n", "a.png", "b.png"))

    assert labels(data) == {"a.png": "1", "b.png": "2"}


def test_other_columns_are_named(tmp_path):
    path = table(tmp_path, "one,two,label\nx,a.png,1\ny,b.png,2\n", "a.png", "b.png")

    assert labels(read(path, columns={"image": "two", "label": "one"})) == {
        "a.png": "x",
        "b.png": "y",
    }
    assert labels(read(path, columns={"image": "two"})) == {"a.png": "1", "b.png": "2"}


def test_columns_that_are_not_there_get_a_sentence(tmp_path):
    path = table(tmp_path, "pictures,kinds,more\na.png,1,2\n", "a.png")

    assert error(path) == (
        f"{path} has pictures, kinds, more: no column is called image, filename, file_name, "
        "file or "
        "the like; name it with --columns image=NAME"
    )
    with pytest.raises(UsageError) as caught:
        read(path, columns={"image": "picture"})
    assert str(caught.value) == f"{path} has no column 'picture'; did you mean 'pictures'?"
    with pytest.raises(UsageError) as caught:
        read(path, columns={"images": "picture"})
    assert str(caught.value) == "--columns knows image, label, part and group, not 'images'"


def test_columns_are_refused_where_no_table_is(tmp_path):
    table(tmp_path, "", "cat/1.png", "dog/1.png", name="readme.txt")
    for source, words in (
        ("digits", "digits is a named set"),
        (tmp_path / "readme.txt", f"{tmp_path}/readme.txt is no labels table"),
        (tmp_path, f"{tmp_path} holds no labels table"),
    ):
        with pytest.raises(UsageError) as caught:
            read(source, columns={"label": "kind"})
        assert str(caught.value) == f"{words}; --columns is for labels tables"


def test_a_broken_table_beside_class_folders_does_no_harm(tmp_path):
    table(tmp_path, 'a,"b\n', "cat/1.png", "dog/1.png")

    assert read(tmp_path).form == "a folder per class"


def test_images_are_found_below_the_table_and_without_suffix(tmp_path):
    text = (
        "id,breed\n0001,pug\ntrain/0002,poodle\n0003.jpg,pug\n./train/0004.jpg,pug\nb\\5.jpg,pug\n"
    )
    names = ["train/0001.jpg", "train/0002.jpg", "train/0003.jpg", "train/0004.jpg", "b/5.jpg"]

    data = read(table(tmp_path, text, *names))

    assert data.names == tuple(sorted(names))
    assert data.issues == ()


def test_a_name_that_eyespot_has_quoted_is_found_and_one_that_is_called_so_comes_first(tmp_path):
    text = "image,label\n'=a/1.png,x\n'=b.png,x\n'-c.png,y\n"

    data = read(table(tmp_path, text, "=a/1.png", "=b.png", "'=b.png", "-c.png"))

    assert labels(data) == {"=a/1.png": "x", "'=b.png": "x", "-c.png": "y"}


def test_a_table_with_a_names_odd_bytes_finds_images_in_folders_below(tmp_path):
    names = [os.fsdecode(b"set/odd-\xff.png"), "set/\xe9.png"]
    listing = table(tmp_path, "", *names)
    listing.write_bytes(b"image,label\nodd-\xff.png,x\n\xc3\xa9.png,y\n")

    assert labels(read(listing)) == dict(zip(names, "xy", strict=True))


def test_a_name_that_fits_two_images_is_not_guessed(tmp_path):
    text = "id,breed\n1,pug\n2,poodle\n3,pug\n"
    data = read(table(tmp_path, text, "a/1.jpg", "b/1.jpg", "2.jpg", "z/2.jpg", "3.png"))

    assert labels(data) == {"2.jpg": "poodle", "3.png": "pug"}
    assert said(data)["labels.csv line 2"] == (
        "ambiguous-file",
        "'1' may be 'a/1.jpg' and 'b/1.jpg'; write the whole path",
    )


def test_unicode_composition_does_not_matter_and_twins_are_told_apart(tmp_path):
    composed, apart = "\u00e9.png", "e\u0301.png"
    data = read(table(tmp_path, f"image,label\n{composed},1\nb.png,2\n", apart, "b.png"))
    assert labels(data) == {apart: "1", "b.png": "2"}

    both = tmp_path / "both"
    data = read(table(both, f"image,label\n{composed},1\n{apart},2\n", apart, composed))
    assert labels(data) == {composed: "1", apart: "2"}


def test_each_bad_row_is_named_by_its_line(tmp_path):
    text = (
        "image,label\n"
        "a.png,cat\n"  # 2
        '"b\n.png",dog\n'  # 3 and 4
        "\n"  # 5
        "c.png,\n"  # 6
        "d.png\n"  # 7
        "e.png,cat,more\n"  # 8
        "gone.png,cat\n"  # 9
        "../../etc/passwd,cat\n"  # 10
        "/etc/passwd,cat\n"  # 11
        "A.PNG,cat\n"  # 12
        "a.png,cat\n"  # 13
        "f.png,cat\n"  # 14
        "f.png,dog\n"  # 15
        ",dog\n"  # 16
        "g.png,dog\nh.png,dog\ni.png,cat\nj.heic,cat\n"  # 17 to 20
    )
    names = ["a.png", "b\n.png", *(f"{letter}.png" for letter in "cdefghi"), "extra.png", "j.heic"]

    data = read(table(tmp_path, text, *names))

    assert labels(data) == {
        "a.png": "cat",
        "b\n.png": "dog",
        "g.png": "dog",
        "h.png": "dog",
        "i.png": "cat",
    }
    assert said(data) == {
        "j.heic": ("unsupported", ".heic pictures cannot be read; save it as .png or .jpg"),
        "labels.csv line 6": ("no-label", "the label of 'c.png' is empty"),
        "labels.csv line 7": ("bad-row", "1 cell under 2 column names"),
        "labels.csv line 8": ("bad-row", "3 cells under 2 column names"),
        "labels.csv line 9": ("missing-file", "'gone.png' is not there"),
        "labels.csv line 10": ("outside", "'../../etc/passwd' leads out of the table's folder"),
        "labels.csv line 11": (
            "outside",
            "'/etc/passwd' is an absolute path; name images below the table",
        ),
        "labels.csv line 12": ("missing-file", "'A.PNG' is not there; did you mean 'a.png'?"),
        "labels.csv line 13": ("repeated-row", "'a.png' has its row in line 2 already"),
        "labels.csv line 16": ("bad-row", "the image's name is empty"),
        "labels.csv line 20": (
            "unsupported",
            "'j.heic' is a picture of a kind that cannot be read",
        ),
        "f.png": (
            "contradicting-label",
            "labels.csv calls it 'cat' in line 14, 'dog' in line 15; left out until one label "
            "remains",
        ),
        "c.png": ("no-row", "no row of labels.csv names it"),
        "d.png": ("no-row", "no row of labels.csv names it"),
        "e.png": ("no-row", "no row of labels.csv names it"),
        "extra.png": ("no-row", "no row of labels.csv names it"),
    }


def test_a_table_of_other_images_shows_both_lists(tmp_path):
    path = table(tmp_path, "image,label\nx1.jpg,a\nx2.jpg,b\nx3.jpg,b\nx4.jpg,b\n", "p/1.png")

    assert error(path) == (
        f"{path} names 4 images that are not there, in 4 rows: it says 'x1.jpg', 'x2.jpg', "
        "'x3.jpg' "
        "and 1 more, the folder and those below it hold 'p/1.png'; put the table beside its images "
        "or mend the names"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "{} is empty; a labels table has a header and a row for each image"),
        ("image,label\n", "{} holds a header and no row; add a row for each image"),
        ('image,label\na.png,"cat\n', "{} line 2: unexpected end of data; mend the row"),
        ("a\0b,c\n", "{} is not a text table; save it as CSV in UTF-8"),
    ],
)
def test_a_table_that_is_none_gets_a_sentence(tmp_path, text, sentence):
    path = table(tmp_path, text, "a.png")

    assert error(path) == sentence.format(path)


@pytest.mark.parametrize("header", ["part", "Split", "set"])
def test_a_column_of_parts_is_kept(tmp_path, header):
    text = f"image,label,{header}\na.png,1,train\nb.png,2,Val\nc.png,1,TEST\nd.png,1,\n"

    data = read(table(tmp_path, text, "a.png", "b.png", "c.png", "d.png"))

    assert data.parts == ("train", "valid", "test", None)


def test_a_column_of_other_words_is_no_split(tmp_path):
    text = "image,label,set\na.png,1,red\nb.png,2,train\n"

    assert read(table(tmp_path, text, "a.png", "b.png")).parts is None


def test_a_folder_with_one_table_is_that_table(tmp_path):
    table(tmp_path, "id,label\n1,x\n", name="sample_submission.csv")
    table(tmp_path, "kind,legs\ncat,4\n", name="animals.csv")
    path = table(tmp_path, "image,label\na/1.png,x\nb/2.png,y\n", "a/1.png", "b/2.png")

    assert labels(read(tmp_path)) == labels(read(path)) == {"a/1.png": "x", "b/2.png": "y"}


def test_a_folder_with_two_tables_asks_which(tmp_path):
    table(tmp_path, "image,label\na.png,x\nb.png,y\n", "a.png", "b.png")
    table(tmp_path, "image,label\na.png,1\nb.png,2\n", name="other.csv")

    assert error(tmp_path) == (
        f"{tmp_path} holds 2 labels tables (labels.csv, other.csv); name the one to use"
    )


def test_class_names_are_stripped_and_twins_named(tmp_path):
    text = "image,label\na.png, Cat \nb.png,Cat\nc.png,cat\n"

    data = read(table(tmp_path, text, "a.png", "b.png", "c.png"))

    assert data.classes == ("Cat", "cat")
    assert [issue.kind for issue in data.issues] == ["similar-class"]


def test_ten_thousand_classes_with_long_numbers_are_sorted(tmp_path):
    names = [f"{i}.png" for i in range(10_000)]
    rows = "\n".join(f"{name},{'9' * 5000 if i == 0 else i}" for i, name in enumerate(names))

    data = read(table(tmp_path, f"image,label\n{rows}\n", *names))

    assert data.classes[:2] == ("1", "2")
    assert data.classes[-1] == "9" * 5000


DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.skipif(not (DATA / "photographed-characters").is_dir(), reason="no shared data here")
def test_the_dirty_table_of_photographed_characters_names_its_593_rows():
    data = read(DATA / "photographed-characters" / "english.csv")

    missing = [issue for issue in data.issues if issue.kind == "missing-file"]
    assert len(missing) == 593
    assert missing[0].name == "english.csv line 2602"
    assert (
        missing[0].detail == "'PNG/SMALL_a_0.png' is not there; did you mean 'PNG/SMALL_a_0.PNG'?"
    )
    assert len(data) == 6200 - 593
    assert sum(issue.kind == "no-row" for issue in data.issues) == 593


@pytest.mark.skipif(not (DATA / "english-characters").is_dir(), reason="no shared data here")
def test_english_characters_are_62_classes_of_55():
    data = read(DATA / "english-characters" / "english.csv")

    assert (len(data), len(data.classes), data.issues) == (3410, 62, ())
