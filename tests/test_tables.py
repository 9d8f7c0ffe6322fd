"""A table keeps every name, and a spreadsheet runs none of it."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyespot.errors import DataError
from eyespot.files.tables import read_table, table_text, write_issues, write_table
from eyespot.values.dataset import Issue

HOSTILE = [
    "",
    " ",
    "plain.png",
    "a,b;c\td",
    'say "cheese"',
    "two\nlines",
    "a return\rand\r\nboth",
    "=cmd|' /C calc'!A0",
    "+1",
    "-rf",
    "@SUM(A1)",
    "\tindented",
    "\rreturned",
    "\n=broken",
    "＝1+1",  # full-width: spreadsheets take it for =
    "'quoted",
    "''",
    "'=both",
    "'\\u0041",
    "😀",
    "e\u0301 and \u00e9",
    "\u202egpj.exe",
    "bytes \udcff\udc80",
    "half \ud800 a pair, bytes \udcff",
    "\udfff",
    "\ufeffmark",
    "nul\0",
    "x" * 100_000,
]


@pytest.mark.parametrize("cell", HOSTILE, ids=lambda cell: ascii(cell)[:20])
def test_every_name_survives_the_table(tmp_path, cell):
    write_table(tmp_path / "t.csv", ("name", "label"), [(cell, "x"), ("y", cell)])

    assert read_table(tmp_path / "t.csv") == [
        {"name": cell, "label": "x"},
        {"name": "y", "label": cell},
    ]


@given(st.lists(st.tuples(st.text(st.characters()), st.text(st.characters())), max_size=5))
def test_any_text_survives_the_table(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "any.csv"

    write_table(path, ("a", "b"), rows)

    assert [(row["a"], row["b"]) for row in read_table(path)] == rows


@pytest.mark.parametrize("cell", HOSTILE, ids=lambda cell: ascii(cell)[:20])
def test_no_cell_is_live_in_a_spreadsheet(cell):
    text = table_text(("name",), [(cell,)])

    (row,) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_a_path_is_quieted_like_its_text_and_a_number_is_not():
    assert table_text(("a", "b"), [(Path("-rf"), -1.5)]) == "a,b\n'-rf,-1.5\n"


def test_plain_cells_are_written_plainly():
    rows = [("a.png", 3, 0.5), ("b c.png", "", None), ("d,e", 'f"g', np.float32(0.25))]

    assert table_text(("name", "n", "p"), rows) == (
        'name,n,p\na.png,3,0.5\nb c.png,,\n"d,e","f""g",0.25\n'
    )


def test_bytes_that_are_not_utf8_stay_the_same_bytes(tmp_path):
    write_table(tmp_path / "t.csv", ("name",), [(b"\xff.png".decode("utf-8", "surrogateescape"),)])

    assert (tmp_path / "t.csv").read_bytes() == b"name\n\xff.png\n"


def test_a_table_that_a_spreadsheet_saved_again_is_read(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufeffname,label\r\na é,b\r\n\r\n".encode())

    assert read_table(tmp_path / "t.csv") == [{"name": "a é", "label": "b"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{} is empty; make it anew"),
        ("a,b\n1,2\n3\n", "{} line 3: 1 cells under 2 column names; mend the line"),
        ("a,b\n1,2,3\n", "{} line 2: 3 cells under 2 column names; mend the line"),
        ('a,b\n1,"2', "{} line 2: unexpected end of data; mend the line"),
        ('a,b\n1,"2"3\n', "{} line 2: ',' expected after '\"'; mend the line"),
        ("a,b\n1,'\\\\x\n", "{} line 2: '\\\\x is not an escaped name; mend the line"),
    ],
)
def test_a_torn_table_is_refused_by_line(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(DataError) as error:
        read_table(path)

    assert str(error.value) == message.format(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "t.csv")

    assert str(error.value) == f"{tmp_path / 't.csv'} cannot be read: No such file or directory"


def test_issues_are_a_table_of_name_kind_and_detail(tmp_path):
    write_issues(tmp_path / "q.csv", [Issue(kind="link", name="-a", detail="leads, nowhere")])

    assert (tmp_path / "q.csv").read_text() == 'name,kind,detail\n\'-a,link,"leads, nowhere"\n'
