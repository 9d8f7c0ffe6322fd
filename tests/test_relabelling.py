"""Labels from a table: whose row means which image, and what a spreadsheet does to a table."""

import os
from collections import Counter

import numpy as np
import pytest

from conftest import TINY, halves
from eyespot.data.edited import edited_rows
from eyespot.data.relabelling import relabelled
from eyespot.errors import DataError
from eyespot.files.tables import read_table, write_table
from eyespot.line import Silence, train
from eyespot.values.dataset import Dataset, Issue


def pets(*names: str) -> Dataset:
    """A cat, a dog, a cat, ..."""
    return Dataset(
        name="pets",
        form="made up",
        images=np.zeros((len(names), 8, 8), np.uint8),
        names=names,
        labels=np.arange(len(names)) % 2,
        classes=("cat", "dog"),
        issues=(Issue(kind="quarantined", name="blank.png", detail="it is blank", left_out=True),),
    )


def table(folder, *rows, header=("image", "label")):
    write_table(folder / "labels.csv", header, rows)
    return folder / "labels.csv"


def test_a_row_gives_its_image_another_label_and_the_others_keep_theirs(tmp_path):
    before = pets("a.png", "b.png", "c.png")

    after = relabelled(before, table(tmp_path, ("c.png", "dog"), ("a.png", "cat")))

    assert after.labels.tolist() == [0, 1, 1]
    assert before.labels.tolist() == [0, 1, 0]
    assert (after.names, after.classes, after.issues) == (
        before.names,
        before.classes,
        before.issues,
    )


def test_other_columns_and_rows_of_images_that_were_left_out_count_for_nothing(tmp_path):
    path = table(
        tmp_path,
        ("sure", "dog", "blank.png"),
        ("no", "dog", "a.png"),
        header=("why", "Label", "Image"),
    )

    assert relabelled(pets("a.png"), path).labels.tolist() == [1]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("a.pgn", "dog"), "the image 'a.pgn' is not one of a.png, b.png, blank.png; did you mean"),
        (("a.png", "catt"), "the class 'catt' is not one of cat, dog; did you mean 'cat'?"),
        (("a.png", ""), "the class '' is not one of cat, dog; mend the row or remove it"),
        (("b.png", "dog"), "'b.png' has another label in line 2; leave one"),
    ],
)
def test_a_row_that_means_nothing_in_the_set_is_refused_with_its_line(row, told, tmp_path):
    path = table(tmp_path, ("b.png", "cat"), row)

    with pytest.raises(DataError) as error:
        relabelled(pets("a.png", "b.png"), path)

    assert str(error.value).startswith(f"{path} line 3: {told}")


def test_a_table_that_is_not_there_or_has_other_columns_is_refused(tmp_path):
    with pytest.raises(DataError, match="there is no table .*nix.csv; name one with the columns"):
        relabelled(pets("a.png"), tmp_path / "nix.csv")
    with pytest.raises(DataError, match="has no column 'label'; it needs the columns image, label"):
        relabelled(pets("a.png"), table(tmp_path, ("a.png", 1), header=("image", "kind")))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize(("delimiter", "end"), [(",", "\n"), (";", "\r\n"), ("\t", "\r\n")])
def test_a_table_is_read_however_a_spreadsheet_saves_it(encoding, delimiter, end, tmp_path):
    lines = [("image", "label", "sure", "own"), ("é.png", "dog", "YES", "0,25"), ("", "", "", "")]
    text = "".join(delimiter.join(line).replace("0,25", '"0,25"') + end for line in lines)
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))

    (row,) = edited_rows(tmp_path / "labels.csv", ("image", "label", "sure", "own"))

    assert row.one_of("image", {"é.png"}, "the image") == "é.png"
    assert (row.line, row.word("label"), row.answer("sure"), row.number("own")) == (
        2,
        "dog",
        True,
        0.25,
    )


def test_names_that_eyespot_quotes_and_names_with_odd_bytes_are_found_again(tmp_path):
    names = ("=1+1", "'=1", "-a", " space ", "two\nlines", os.fsdecode(b"odd-\xff"), "ü", "\ud800")
    path = table(tmp_path, *((name, "dog") for name in names))

    assert relabelled(pets(*names), path).labels.tolist() == [1] * len(names)


def test_a_run_with_other_labels_goes_on_with_them(tmp_path, no_report):
    class Stop(Silence):
        def epoch(self, epoch, num):
            if epoch.epoch == 1:
                raise KeyboardInterrupt

    np.savez(
        tmp_path / "halves.npz",
        images=np.concatenate([halves(20, bright=0), halves(20, bright=1)]),
        labels=np.repeat(["left", "right"], 20),
    )
    labels = table(tmp_path, ("00003", "right"))
    data, options = tmp_path / "halves.npz", {"settings": TINY, "labels": labels}
    whole = train(data, out=tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        train(data, out=tmp_path / "run", progress=Stop(), **options)

    train(resume=tmp_path / "run")

    rows = read_table(tmp_path / "run" / "split.csv")
    assert Counter(row["label"] for row in rows) == {"left": 19, "right": 21}
    for name in ("split.csv", "model.safetensors", "suspects.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (whole.run.path / name).read_bytes()
