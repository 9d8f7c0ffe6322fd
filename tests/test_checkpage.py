"""The page of a check and its verb: what they say, and that hostile names do nothing to them."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import TINY, halves, write_pictures
from eyespot.data import read
from eyespot.data.checkup import Checked, check
from eyespot.data.faintness import faint_images
from eyespot.data.quarantine import Row, read_quarantine, write_quarantine
from eyespot.errors import DataError
from eyespot.files.tables import read_table
from eyespot.reports import check_page
from eyespot.reports.findings import WORST_FIRST, counted, first_steps, groups, members
from eyespot.reports.thumbnails import SIDE, thumbnails
from eyespot.values.dataset import Dataset, Issue
from made_pictures import copied, dataset, photo

HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    '" onload="alert(1)',
    "bytes \udcff of another encoding",
    "\u202egnp.tac",
    "long " * 2000,
)
SETTINGS = [f"--set={key}={value}" for key, value in TINY.items()]


class Page(HTMLParser):
    """What a browser would load, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.words))


def page_of(data: Dataset, tmp_path: Path) -> str:
    (tmp_path / "page").mkdir()
    return check_page(check(data, cache=tmp_path), tmp_path / "page").read_text("utf-8")


def hostile() -> Dataset:
    """A blank picture and a contradiction under every hostile name and class."""
    num = len(HOSTILE)
    pictures = [
        photo(n // 2 % num) if n % 5 else np.zeros((40, 40, 3), np.uint8) for n in range(4 * num)
    ]
    return Dataset(
        name="<b>pets</b>",
        form="made <i>up</i>",
        images=pictures,
        names=tuple(f"{HOSTILE[n % num]} {n}" for n in range(4 * num)),
        labels=np.arange(4 * num) % num,
        classes=HOSTILE,
        parts=tuple("test" if n % 3 else "train" for n in range(4 * num)),
        issues=tuple(Issue(kind=f"odd {n}", name=n, detail=n, left_out=True) for n in HOSTILE),
    )


class TestPage:
    def test_hostile_names_run_nothing_and_load_nothing(self, tmp_path):
        page = Page(page_of(hostile(), tmp_path))

        assert not {"script", "iframe", "object", "link", "base", "form", "b>pets"} & set(page.tags)
        assert page.links
        assert all(link.startswith(("data:image/", "#")) for link in page.links)
        assert "<script>alert(1)</script>" in page.text
        assert "49" not in page.text.split()

    def test_nothing_is_asked_of_the_network(self, tmp_path):
        text = page_of(hostile(), tmp_path)

        assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
        assert re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", text) == []

    def test_ten_thousand_classes_and_noise_stay_below_four_megabytes(self, tmp_path):
        rng = np.random.default_rng(0)
        num = 10_000
        data = Dataset(
            name="many",
            form="noise",
            images=rng.integers(0, 256, (num, 40, 40, 3), dtype=np.uint8),
            names=tuple(f"{n} {'x' * 200}" for n in range(num)),
            labels=np.arange(num),
            classes=tuple(f"{n} {'c' * 200}" for n in range(num)),
            issues=tuple(
                Issue(kind="bad-row", name=f"line {n}", detail="x" * 900) for n in range(num)
            ),
        )

        assert len(page_of(data, tmp_path)) < 4_000_000

    def test_rows_are_capped_and_the_rest_is_counted(self, tmp_path):
        rows = tuple(
            Issue(kind="missing-file", name=f"a.csv line {n}", detail=f"'{n}' is not there")
            for n in range(593)
        )
        data = dataset([photo(n) for n in range(6)])
        page = Page(page_of(Dataset(**{**vars(data), "issues": rows}), tmp_path))

        assert "593 missing-file" in page.text
        assert "a.csv line 19 '19' is not there and 573 more in issues.csv" in page.text
        assert "593 rows of the table name no image: mend the names." in page.text

    def test_contradictions_come_before_leaks_and_these_before_copies(self, tmp_path):
        images = [photo(n // 2) for n in range(6)]
        data = dataset(
            images,
            labels=[0, 0, 0, 0, 0, 1],
            parts=["train", "train", "train", "test", "train", "train"],
        )
        found = check(data, cache=tmp_path)

        assert [group.places for group in groups(found)] == [(4, 5), (2, 3), (0, 1)]
        text = Page(page_of(data, tmp_path)).text
        assert text.index("two labels") < text.index("two parts") < text.rindex("the same pixels")
        assert "the same pixels, two labels , 2 images" in text

    def test_of_a_large_group_each_label_is_shown(self, tmp_path):
        data = dataset([photo(0)] * 12, labels=[0] * 11 + [1])
        (group,) = groups(check(data, cache=tmp_path))

        assert members(data, group, 8) == [0, 1, 2, 3, 4, 5, 6, 11]

    def test_a_group_is_shown_once_though_it_is_exact_and_near(self, tmp_path):
        images = [photo(0), photo(0), copied(photo(0)), photo(1)]
        found = check(dataset(images, labels=[0, 0, 0, 1]), cache=tmp_path)

        assert [group.places for group in groups(found)] == [(0, 1, 2)]

    def test_a_set_without_faults_says_so(self, tmp_path):
        page = Page(page_of(dataset([photo(n) for n in range(8)]), tmp_path))

        assert "0 of 8 images have something to look at." in page.text
        assert "Nothing found that has to be mended Go on with eyespot train DATA" in page.text

    def test_a_file_that_went_away_is_not_shown(self, tmp_path):
        write_pictures(tmp_path / "data", num=3)
        found = check(tmp_path / "data", cache=tmp_path / "cache")
        (tmp_path / "data" / "left" / "1.png").unlink()
        (tmp_path / "page").mkdir()

        page = Page(check_page(found, tmp_path / "page").read_text("utf-8"))

        assert page.words.count("not shown") >= 1

    def test_beside_the_page_lie_the_table_and_the_chart(self, tmp_path):
        page_of(hostile(), tmp_path)
        folder = tmp_path / "page"

        assert sorted(path.name for path in folder.iterdir()) == [
            "check.html",
            "class_distribution.png",
            "issues.csv",
        ]
        assert read_table(folder / "issues.csv")[0].keys() == {"name", "kind", "detail"}
        with Image.open(folder / "class_distribution.png") as chart:
            assert chart.width > 300


def test_thumbnails_are_small_and_the_rest_is_left_when_there_is_no_room():
    images = [photo(n, width=800, height=30) for n in range(20)]

    found = thumbnails(images, [3, 3, 5, 7], most_bytes=10**6)
    assert found.keys() == {3, 5, 7}
    most = 2 * len(found[3]) + len(found[5])
    assert thumbnails(images, [3, 3, 5, 7], most_bytes=most).keys() == {3, 5}
    data = base64.b64decode(found[3].partition(",")[2])
    assert Image.open(io.BytesIO(data)).size == (SIDE, 4)


def test_the_worst_kinds_come_first():
    kinds = ["other-files", "duplicate", "made-up", "unreadable", "leak", "missing-file", "leak"]
    found = counted([Issue(kind=kind, name="a", detail="") for kind in kinds])

    assert list(found.items()) == [
        ("unreadable", 1),
        ("leak", 2),
        ("missing-file", 1),
        ("duplicate", 1),
        ("other-files", 1),
        ("made-up", 1),
    ]
    assert len(set(WORST_FIRST)) == len(WORST_FIRST)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("alike", "1 image is like an earlier one to the backbone, which training does not keep"),
        ("odd-one-out", "1 image is unlike the others of the class to the backbone: look"),
    ],
)
def test_the_steps_say_what_to_do_about_what_a_backbone_finds(tmp_path, kind, step):
    found = check(read(write_pictures(tmp_path / "data", num=3)))
    issue = Issue(kind=kind, name=found.dataset.names[0], detail="as told")

    steps = first_steps(replace(found, issues=(*found.issues, issue)))

    assert any(one.words.startswith(step) for one in steps)


def test_the_steps_end_with_the_training(tmp_path):
    found = check(hostile(), cache=tmp_path)
    steps = first_steps(found)

    assert steps[-1].command == "eyespot train DATA"
    assert "eyespot check DATA --quarantine" in [step.command for step in steps]


@pytest.fixture
def pets(tmp_path, monkeypatch) -> Path:
    """30 left and 30 right halves; among the left ones a blank picture and one that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    write_pictures(tmp_path / "pets")
    Image.new("L", (12, 12), 200).save(tmp_path / "pets" / "left" / "blank.png")
    (tmp_path / "pets" / "left" / "broken.png").write_text("buy milk")
    return tmp_path / "pets"


class TestVerb:
    def test_a_summary_goes_to_stdout_and_where_it_lies_to_stderr(self, eyespot, pets):
        answer = eyespot("check", "pets")

        assert answer.code == 0
        assert answer.out == (
            "pets: a folder per class, 62 images of 2 classes; 2 to look at\n"
            "unreadable  1  cannot be decoded, with the reason\n"
            "blank       1  one colour all over\n"
            "0 groups of equal images, 0 of images that look the same\n"
            "the largest class has 1.1 times the images of the smallest\n"
        )
        first, second = answer.err.splitlines()
        assert re.fullmatch(r"\d+\.\d+ s; page: checks/pets-1/check.html", first)
        assert second == "next: eyespot check --quarantine pets"

    def test_json_is_one_object(self, eyespot, pets):
        answer = eyespot("check", "pets", "--json")

        value = json.loads(answer.out)
        seconds = value.pop("seconds")
        assert seconds > 0
        assert value == {
            "data": "pets",
            "form": "a folder per class",
            "num_images": 62,
            "classes": {"left": 32, "right": 30},
            "imbalance": 32 / 30,
            "issues": {"unreadable": 1, "blank": 1},
            "num_exact_groups": 0,
            "num_near_groups": 0,
            "page": "checks/pets-1/check.html",
            "issues_table": "checks/pets-1/issues.csv",
        }

    def test_no_check_overwrites_another(self, eyespot, pets):
        for number in (1, 2):
            eyespot("check", "pets")
            assert Path(f"checks/pets-{number}/check.html").exists()

        answer = eyespot("check", "pets", "--out=checks/pets-1")
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == (
            "eyespot: checks/pets-1 is already there and not empty; name a new folder for the "
            "check\n"
        )

    def test_data_that_cannot_be_read_end_with_3_and_leave_nothing(self, eyespot, pets):
        answer = eyespot("check", "pots")

        assert answer.code == 3
        assert answer.err.startswith("eyespot: 'pots' is neither a file, a folder nor a named set")
        assert not Path("checks").exists()

    def test_help_says_what_the_exit_code_means(self, eyespot):
        words = " ".join(eyespot("check", "--help").out.split())

        assert "The exit code is 0 when the check was done, whatever it found" in words

    def test_a_folder_that_is_read_only_is_left_alone_and_the_way_out_is_named(self, eyespot, pets):
        pets.chmod(0o555)
        answer = eyespot("check", "pets", "--quarantine")
        pets.chmod(0o755)

        assert answer.code == 4
        assert answer.err.splitlines()[1:] == [
            "eyespot: pets/quarantine.csv cannot be written: the folder is read-only; train and "
            "evaluate leave it out with --quarantine checks/pets-1/quarantine.csv"
        ]
        assert not (pets / "quarantine.csv").exists()
        assert Path("checks/pets-1/quarantine.csv").read_text().count("\n") == 3

    def test_a_named_set_has_no_place_for_a_quarantine(self, eyespot, pets):
        Path("digits").mkdir()  # the named set wins over a folder of its name
        answer = eyespot("check", "digits", "--quarantine")

        assert answer.code == 0
        assert "nothing put in quarantine: no image is wrong for certain\n" in answer.err
        assert list(Path("digits").iterdir()) == []

    def test_what_is_in_quarantine_already_stays(self, eyespot, pets):
        write_quarantine(pets / "quarantine.csv", [Row("right/3.png", "mine", "I do not like it")])

        answer = eyespot("check", "pets", "--quarantine")

        assert "2 images put in quarantine: pets/quarantine.csv\n" in answer.err
        assert answer.err.endswith("next: eyespot train pets\n")
        assert (pets / "quarantine.csv").read_text().splitlines() == [
            "name,kind,detail",
            "right/3.png,mine,I do not like it",
            'left/blank.png,blank,"one colour all over, 78% bright"',
            "left/broken.png,unreadable,is not a picture (it begins with 'buy milk')",
        ]


class TestQuarantine:
    @pytest.mark.usefixtures("no_report")
    def test_train_leaves_out_what_a_check_set_aside_until_its_row_goes(self, eyespot, pets):
        eyespot("check", "pets", "--quarantine")

        answer = eyespot("train", "pets", *SETTINGS)

        assert answer.code == 0
        assert answer.err.startswith("pets: a folder per class, 60 grey images of 2 classes\n")
        assert "2 x quarantined, for instance left/blank.png: blank: one colour all" in answer.err
        kept = Path("runs/pets-1/quarantine.csv").read_text()
        assert "left/broken.png,quarantined,unreadable: is not a picture (it begins" in kept

        table = pets / "quarantine.csv"
        rows = [line for line in table.read_text().splitlines() if "blank" not in line]
        table.write_text("\n".join(rows) + "\n")
        answer = eyespot("train", "pets", *SETTINGS)

        assert answer.err.startswith("pets: a folder per class, 61 grey images of 2 classes\n")
        assert "1 x blank, for instance left/blank.png: one colour all over, 78% br" in answer.err

    def test_show_and_check_leave_it_out_too(self, eyespot, pets):
        eyespot("check", "pets", "--quarantine")

        assert json.loads(eyespot("show", "pets", "--json").out)["images"] == 60
        value = json.loads(eyespot("check", "pets", "--json").out)
        assert value["num_images"] == 60
        assert value["issues"] == {"quarantined": 2}

    def test_evaluate_leaves_it_out_and_says_so(self, eyespot, trained, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        other = write_pictures(tmp_path / "other", num=6, seed=1)
        write_quarantine(other / "quarantine.csv", [Row("left/0.png", "blank", "grey")])
        write_quarantine(tmp_path / "more.csv", [Row("left/1.png", "blank", "grey")])

        answer = eyespot("evaluate", trained.run, "other")
        more = eyespot("evaluate", trained.run, "other", "--quarantine=more.csv")

        assert "1 x quarantined, for instance left/0.png: blank: grey\n" in answer.err
        assert "11 images: all images" in answer.out
        assert "10 images: all images" in more.out

    @pytest.fixture
    def labels(self, pets):
        """A table in the folder, which is read by it from then on; its fifth `cat` is a dog."""
        rows = [f"left/{number}.png,cat" for number in range(5)]
        rows += [f"right/{number}.png,dog" for number in range(5)]
        rows += ["left/broken.png,cat", "left/blank.png,cat", "left/twin.png,dog"]
        (pets / "left" / "twin.png").write_bytes((pets / "left" / "4.png").read_bytes())
        (pets / "labels.csv").write_text("\n".join(["image,label", *rows]) + "\n")
        return pets / "labels.csv"

    def test_what_is_broken_stays_out_whether_the_folder_or_its_table_is_named(
        self, eyespot, pets, labels
    ):
        eyespot("check", "pets", "--quarantine")

        assert read_quarantine(pets / "quarantine.csv")
        kept = read(labels)

        assert {"left/broken.png", "left/blank.png"}.isdisjoint(kept.names)
        assert [issue for issue in kept.issues if issue.kind == "quarantined"][0] == Issue(
            kind="quarantined",
            name="left/blank.png",
            detail="blank: one colour all over, 78% bright (in quarantine.csv)",
            left_out=True,
        )

    def test_what_goes_by_labels_that_may_be_others_is_told_and_used(self, eyespot, pets, labels):
        eyespot("check", "pets", "--quarantine")

        kept = read(labels)

        assert {"left/4.png", "left/twin.png"} <= set(kept.names)
        assert [issue for issue in kept.issues if issue.kind == "other-quarantine"] == [
            Issue(
                kind="other-quarantine",
                name="quarantine.csv",
                detail="names 2 more images for labels of its own; copy its rows to "
                "labels.csv.quarantine.csv if they fit",
                score=0.0,
            )
        ]

    def test_a_folder_that_is_read_by_a_table_leaves_out_all_of_its_quarantine(
        self, eyespot, pets, labels
    ):
        eyespot("check", "pets/labels.csv", "--quarantine")

        assert len(read_quarantine(pets / "labels.csv.quarantine.csv")) == 4
        assert read(pets).names == read(labels).names
        assert not any(issue.kind == "other-quarantine" for issue in read(pets).issues)

    def test_tables_of_other_labels_share_what_is_broken_alone(self, eyespot, pets, labels):
        eyespot("check", "pets/labels.csv", "--quarantine")
        other = labels.rename(pets / "other.csv")

        kept = read(other)

        assert {"left/4.png", "left/twin.png"} <= set(kept.names)
        assert {"left/broken.png", "left/blank.png"}.isdisjoint(kept.names)

    def test_a_check_puts_nothing_aside_twice(self, eyespot, pets, labels):
        eyespot("check", "pets/labels.csv", "--quarantine")

        answer = eyespot("check", "pets", "--quarantine")

        assert "nothing put in quarantine: no image is wrong for certain\n" in answer.err
        assert not (pets / "quarantine.csv").exists()

    def test_a_quarantine_is_no_labels_table(self, pets):
        (pets / "quarantine.csv").write_text("image,label\nleft/1.png,cat\n")

        with pytest.raises(DataError, match="quarantine.csv has no column 'name'"):
            read(pets)
        (pets / "quarantine.csv").write_text("name,class\nleft/1.png,cat\n")

        assert len(read(pets)) == 61
        assert read(pets).form == "a folder per class"

    def test_a_quarantine_that_is_not_there_is_named(self, pets):
        with pytest.raises(DataError, match="there is no quarantine gone.csv; name a table as ey"):
            read(pets, quarantine="gone.csv")


class TestFaintImages:
    def test_blank_and_nearly_constant_images_are_told(self):
        images = halves(20, bright=0, side=48)[..., None]
        images[3] = 7
        images[5] = 128 + images[5] // 64
        found = faint_images(dataset(list(images)), images)

        assert [(one.kind, one.name) for one in found] == [
            ("blank", "00003"),
            ("nearly-constant", "00005"),
        ]
        assert not any(one.left_out for one in found)

    def test_a_thin_stroke_between_the_sampled_pixels_is_no_blank(self):
        images = np.zeros((40, 64, 64, 1), np.uint8)
        images[:, 20, 10:50] = 255

        assert faint_images(dataset(list(images)), images) == []

    def test_a_class_of_nothing_is_meant_so(self):
        images = halves(20, bright=0)[..., None]
        images[::2] = 0

        assert faint_images(dataset(list(images)), images) == []


def test_check_is_public():
    import eyespot

    assert eyespot.check is check
    assert Checked.__module__ == "eyespot.data.checkup"
