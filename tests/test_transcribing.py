import csv
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from eyespot.errors import ImageError, UsageError
from eyespot.line.transcribing import Transcript, transcripts, write_characters
from eyespot.values.dataset import Pictures
from eyespot.values.preparation import InkStyle, Preparation, Range


def usual(middle, low, high):
    return Range(least=low, low=low, middle=middle, high=high, most=high)


STYLE = InkStyle(
    ground=0,
    full=255,
    bright=True,
    by_mass=False,
    side=usual(20 * 64, 20 * 64, 20 * 64),
    stroke=usual(128, 0, 640),
    down=usual(0, 0, 0),
    right=usual(0, 0, 0),
    peak=usual(255, 255, 255),
    clear=usual(0, 0, 0),
)


class RingsAndBars:
    """A model that knows rings, o, and bars, l; a filled or a flat thing is neither."""

    classes = ("o", "l")
    scores = None
    preparation = Preparation(size=28, channels=1, fit="pad", mean=(0.1,), std=(0.3,), ink=STYLE)

    def examine(self, images):
        probs, refusals = [], []
        for image in images[..., 0]:
            rows, columns = (np.flatnonzero(image.max(axis=axis) > 60) for axis in (1, 0))
            wide = np.ptp(columns) / np.ptp(rows)
            own = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            full = own.mean() > 170
            probs.append((0.1, 0.9) if full and wide < 0.5 else (0.9, 0.1))
            known = wide < 0.5 if full else 0.6 < wide < 1.2
            refusals.append(0.2 if known else 2.0)
        return np.array(probs, np.float32), np.array(refusals, np.float32)

    def probabilities(self, images):
        return self.examine(images)[0]


def page(*lines, ink=40, paper=230, size=(900, 420)):
    """A page with lines of o and l; x is a dash, + moves a character against the one before."""
    image = Image.new("L", size, paper)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        x, y = 60, 60 + 110 * row
        for character in line:
            if character == "o":
                draw.ellipse((x, y, x + 46, y + 60), outline=ink, width=7)
                x += 60
            elif character == "l":
                draw.rectangle((x, y, x + 8, y + 60), fill=ink)
                x += 24
            elif character == "x":
                draw.rectangle((x, y + 26, x + 50, y + 34), fill=ink)
                x += 66
            else:
                x += {"+": -19, " ": 50}[character]
    return np.asarray(image)


def read(*pages, **options):
    names = tuple(f"page {number}" for number in range(len(pages)))
    return list(transcripts(RingsAndBars(), Pictures(images=pages, names=names), **options))


def text(*lines, **options):
    (found,) = read(page(*lines, **options))
    return found.text


def test_characters_come_in_lines_and_words():
    assert text("oll olo", "l lo", "ooo") == "oll olo\nl lo\nooo"


def test_light_ink_on_dark_paper_is_read():
    assert text("oll olo", "loo", ink=230, paper=30) == "oll olo\nloo"


def test_what_touches_is_parted_where_both_parts_are_known():
    assert text("lo+oll", "o+oo l") == "looll\nooo l"


def test_boxes_are_in_pixels_of_the_picture():
    (found,) = read(page("lo"))

    bar, ring = (one.box for one in found.characters)
    assert np.abs(np.array(bar) - (60, 60, 9, 61)).max() <= 2
    assert np.abs(np.array(ring) - (84, 60, 47, 61)).max() <= 2


def test_large_pages_are_read_small_and_their_boxes_are_large():
    large = np.asarray(Image.fromarray(page("lo ol", "lll")).resize((8100, 3780)))

    (found,) = read(large)

    assert found.text == "lo ol\nlll"
    assert np.abs(np.array(found.characters[0].box) - 9 * np.array((60, 60, 9, 61))).max() <= 20


def test_what_the_model_refuses_is_a_question_mark():
    (found,) = read(page("lox l"))

    assert found.text == "lo? l"
    assert found.num_unknown == 1


def test_accept_all_gives_the_nearest_class():
    (found,) = read(page("lox l"), accept_all=True)

    assert found.text == "loo l"
    assert found.num_unknown == 0


def test_labels_that_are_words_keep_a_space_between_them():
    class Words(RingsAndBars):
        classes = ("ring", "bar")

    (found,) = transcripts(Words(), Pictures(images=[page("lo ol")], names=("a",)))

    assert found.text == "bar ring  ring bar"


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_page_without_writing_has_no_characters(value):
    (found,) = read(np.full((300, 400), value, np.uint8))

    assert found == Transcript(name="page 0", characters=())
    assert found.text == ""


def test_a_page_that_cannot_be_read_gives_its_error_in_its_place():
    first, second, third = read(page("l"), b"buy milk", page("o"))

    assert (first.text, third.text) == ("l", "o")
    name, error = second
    assert name == "page 1"
    assert isinstance(error, ImageError)


def test_a_model_of_photos_is_refused_before_anything_is_read():
    class Photos(RingsAndBars):
        preparation = RingsAndBars.preparation.model_copy(update={"ink": None})

    with pytest.raises(UsageError, match="transcribe needs a model of characters"):
        transcripts(Photos(), Pictures(images=[b""], names=("a",)))


def test_the_table_has_a_row_for_each_character_and_each_broken_page(tmp_path):
    write_characters(tmp_path / "out.csv", read(page("lo x"), b"buy milk"))

    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["page"], row["line"], row["word"], row["label"]) for row in rows] == [
        ("page 0", "1", "1", "l"),
        ("page 0", "1", "1", "o"),
        ("page 0", "1", "2", "o"),
        ("page 1", "", "", ""),
    ]
    assert [row["unknown"] for row in rows] == ["no", "no", "yes", ""]
    assert rows[3]["error"].startswith("is not a picture")
    assert [int(rows[1][side]) for side in ("x", "y", "width", "height")] == pytest.approx(
        [84, 60, 47, 61], abs=2
    )


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with two pages, an empty one and a broken one; the model is RingsAndBars."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eyespot.models.loading.load", lambda path: RingsAndBars())
    for name, pixels in {"one": page("lo ol", "oo"), "two": page("lx")}.items():
        Image.fromarray(pixels).save(f"{name}.png")
    Image.new("L", (200, 200), 255).save("empty.png")
    (tmp_path / "notes.jpg").write_text("buy milk")
    return tmp_path


@pytest.mark.usefixtures("desk")
class TestTheVerb:
    def test_the_text_goes_to_stdout(self, eyespot):
        done = eyespot("transcribe", "model", "one.png")

        assert (done.code, done.out, done.err) == (0, "lo ol\noo\n", "")

    def test_several_pages_are_told_apart_by_their_names(self, eyespot):
        done = eyespot("transcribe", "model", "one.png", "two.png")

        assert done.out == "==> one.png <==\nlo ol\noo\n==> two.png <==\nl?\n"
        assert done.err == "1 of 8 characters are unknown: ?\n"

    def test_broken_pages_are_named_and_the_others_read(self, eyespot):
        done = eyespot("transcribe", "model", "notes.jpg", "one.png")

        assert done.code == 3
        assert done.out == "==> one.png <==\nlo ol\noo\n"
        assert done.err.splitlines() == [
            "eyespot: notes.jpg is not a picture (it begins with 'buy milk')",
            "eyespot: 1 of 2 pages cannot be read; see above",
        ]

    def test_an_empty_page_is_said(self, eyespot):
        done = eyespot("transcribe", "model", "empty.png")

        assert (done.code, done.out) == (0, "")
        assert done.err == "eyespot: nothing is written on empty.png\n"

    def test_json_is_an_object_a_page(self, eyespot):
        done = eyespot("transcribe", "model", "one.png", "notes.jpg", "--json")

        first, second = map(json.loads, done.out.splitlines())
        assert (first["name"], first["text"]) == ("one.png", "lo ol\noo")
        assert [one["label"] for one in first["characters"]] == list("looloo")
        assert first["characters"][2] | {"x": 0, "y": 0, "width": 0, "height": 0} == {
            "line": 1,
            "word": 2,
            "x": 0,
            "y": 0,
            "width": 0,
            "height": 0,
            "label": "o",
            "probability": pytest.approx(0.9),
            "unknown": False,
        }
        assert second["error"].startswith("is not a picture")

    def test_pages_are_drawn_with_what_was_found(self, eyespot, desk):
        done = eyespot("transcribe", "model", "one.png", "two.png", "--show", "marked")

        assert "2 marked pages: marked" in done.err
        drawn = np.asarray(Image.open(desk / "marked" / "two.png"))
        plain = np.asarray(Image.open(desk / "two.png"))
        assert drawn.shape == (*plain.shape, 3)
        red = (drawn[..., 0] > 150) & (drawn[..., 1] < 80)
        assert red[60:140, 80:150].any()
        assert not red[:, 200:].any()

    def test_a_table_is_written(self, eyespot, desk):
        done = eyespot("transcribe", "model", "one.png", "--out", "table.csv")

        assert done.err == "6 characters: table.csv\n"
        assert len((desk / "table.csv").read_text().splitlines()) == 7

    def test_a_folder_that_holds_something_is_not_drawn_into(self, eyespot, desk):
        done = eyespot("transcribe", "model", "one.png", "--show", desk)

        assert done.code == 2
        assert done.err.endswith("name a new folder for the marked pages\n")
