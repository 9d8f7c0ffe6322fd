import csv

import numpy as np
import pytest

from eyespot.data import read
from eyespot.errors import DataError


def rows(num: int, pixels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, pixels))


def write(path, values, *, header=True, labels=(7, 3, 7, 0), last=False, end="\n", delimiter=","):
    """A table of these pixels with a label in front of each row, or behind it."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator=end, delimiter=delimiter)
        names = [f"pixel{i}" for i in range(values.shape[1])]
        if header:
            writer.writerow([*names, "label"] if last else ["label", *names])
        for label, row in zip(labels, values.tolist(), strict=True):
            writer.writerow([*row, label] if last else [label, *row])
    return path


def error(source) -> str:
    with pytest.raises(DataError) as caught:
        read(source)
    return str(caught.value)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_labels_and_pixels_are_exact(tmp_path, header, end, delimiter):
    values = rows(4, 784)
    path = write(tmp_path / "digits.csv", values, header=header, end=end, delimiter=delimiter)

    data = read(path)

    assert (data.name, data.form) == ("digits", "a table of pixels, 28 x 28")
    assert data.images.dtype == np.uint8
    assert (data.images.reshape(4, 784) == values).all()
    assert data.classes == ("0", "3", "7")
    assert data.labels.tolist() == [2, 1, 2, 0]
    assert data.names == ("00000", "00001", "00002", "00003")
    assert data.issues == ()


def test_colour_pixels_and_a_label_behind_them(tmp_path):
    values = rows(4, 8 * 8 * 3)

    data = read(write(tmp_path / "a.csv", values, last=True, labels=["b", "a", "b", "c"]))

    assert data.form == "a table of pixels, 8 x 8 x 3"
    assert (data.images == values.reshape(4, 8, 8, 3)).all()
    assert data.classes == ("a", "b", "c")


def test_a_byte_order_mark_and_utf_16_are_read(tmp_path):
    values = rows(4, 64)
    path = write(tmp_path / "a.csv", values)
    text = path.read_text()

    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))
        assert (read(path).images.reshape(4, 64) == values).all()


def test_whole_numbers_written_with_a_point_or_quotes_are_read(tmp_path):
    values = rows(4, 64)
    path = write(tmp_path / "a.csv", values)
    text = path.read_text()

    path.write_text(text.replace(",", ".0,").replace("pixel", "p").replace("label.0", "label"))
    assert (read(path).images.reshape(4, 64) == values).all()

    path.write_text("\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in text.split()))
    data = read(path)
    assert (data.images.reshape(4, 64) == values).all()
    assert data.classes == ("0", "3", "7")


def test_blocks_of_lines_join_without_a_seam(tmp_path, monkeypatch):
    monkeypatch.setattr("eyespot.data.sources.pixels._BLOCK_BYTES", 1000)
    values = rows(50, 64)

    data = read(write(tmp_path / "a.csv", values, labels=[i % 2 for i in range(50)]))

    assert (data.images.reshape(50, 64) == values).all()


def test_bad_rows_are_named_by_their_line(tmp_path):
    path = write(tmp_path / "a.csv", rows(9, 64), labels=[i % 2 for i in range(9)])
    lines = path.read_text().splitlines()
    lines[2] += ",5"
    lines[3] = lines[3].rsplit(",", 1)[0] + ",256"
    lines[4] = lines[4].rsplit(",", 1)[0] + ",0.5"
    lines[5] = "," + lines[5].split(",", 1)[1]
    lines.insert(6, "")
    path.write_text("\n".join(lines))

    data = read(path)

    assert len(data) == 5
    assert data.labels.tolist() == [0, 1, 0, 1, 0]
    assert [(issue.kind, issue.name, issue.detail) for issue in data.issues] == [
        ("bad-row", "a.csv line 3", "65 pixels instead of 64"),
        ("bad-row", "a.csv line 4", "the pixel '256' is not a whole number from 0 to 255"),
        ("bad-row", "a.csv line 5", "the pixel '0.5' is not a whole number from 0 to 255"),
        ("no-label", "00001", "the label is empty"),
    ]


def test_shifted_cells_are_not_taken_for_rows(tmp_path):
    path = write(tmp_path / "a.csv", rows(6, 64), labels=[0, 1, 0, 1, 0, 1])
    lines = path.read_text().splitlines()
    lines[2], moved = lines[2].rsplit(",", 1)
    lines[3] += f",{moved}"
    path.write_text("\n".join(lines))

    assert [issue.name for issue in read(path).issues] == ["a.csv line 3", "a.csv line 4"]


def test_a_table_of_fractions_gets_a_sentence(tmp_path):
    path = write(tmp_path / "a.csv", rows(4, 64) / 255)

    assert error(path).startswith(
        f"{path}: 4 of 4 rows cannot be read, the first is line 2: the pixel '0."
    )


def test_a_table_without_rows_or_labels_gets_a_sentence(tmp_path):
    path = tmp_path / "a.csv"
    names = ",".join(f"pixel{i}" for i in range(64))
    path.write_text(f"{names}\n{','.join('0' * 64)}\n")
    assert error(path) == (
        f"{path} is a table of pixels, 8 x 8 without a label column; it can only be predicted"
    )


def test_a_folder_with_the_one_table_is_that_table(tmp_path):
    write(tmp_path / "train.csv", rows(4, 64))

    assert len(read(tmp_path)) == 4


def test_tables_called_after_parts_are_one_set(tmp_path):
    write(tmp_path / "mnist_test.csv", rows(4, 64, seed=1), labels=[1, 0, 1, 10])
    write(tmp_path / "mnist_train.csv", rows(4, 64), labels=[0, 1, 2, 2])

    data = read(tmp_path)

    assert data.classes == ("0", "1", "2", "10")
    assert data.labels.tolist() == [0, 1, 2, 2, 1, 0, 1, 3]
    assert data.parts == ("train",) * 4 + ("test",) * 4
    assert data.names[4] == "test/00000"


def test_the_labelled_one_of_two_tables_is_taken(tmp_path):
    write(tmp_path / "train.csv", rows(4, 64))
    names = ",".join(f"pixel{i}" for i in range(64))
    (tmp_path / "test.csv").write_text(f"{names}\n{','.join('0' * 64)}\n")
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")

    assert len(read(tmp_path)) == 4
