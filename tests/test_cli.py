import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyespot
from conftest import TINY, write_pictures
from eyespot.cli.talk import LiveProgress, printable, say
from eyespot.errors import EyespotError
from eyespot.values.training import Epoch

FORMS = (
    "give a folder per class, a labels table (.csv) with its images, IDX files, a table of pixels, "
    "an .npz or a .zip of these, or a named set; see eyespot train --help"
)
SETTINGS = [f"--set={key}={value}" for key, value in TINY.items()]
EPOCH = Epoch(
    epoch=1,
    train_loss=1.0,
    train_accuracy=0.5,
    valid_loss=1.0,
    valid_accuracy=0.5,
    rate=0.1,
    seconds=0.1,
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(*args, env=None, **options):
    """The command line in a process of its own, which Ctrl-C can reach."""
    return subprocess.Popen(
        [sys.executable, "-m", "eyespot", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(Path(eyespot.__file__).parents[1]), **(env or {})},
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


@pytest.mark.usefixtures("no_report")
class TestTrain:
    def test_data_go_to_stdout_and_talk_to_stderr(self, eyespot, trained, here):
        answer = eyespot("train", trained.data, *SETTINGS)

        assert answer.code == 0
        assert re.fullmatch(
            r"test accuracy \d\.\d{4} \(95 % interval \d\.\d{4} to \d\.\d{4}\) on 12 images\n",
            answer.out,
        )
        lines = answer.err.splitlines()
        assert lines[0] == "halves: a folder per class, 60 grey images of 2 classes"
        assert lines[1].startswith("split: 42 train, 6 valid, 12 test (stratified); ")
        assert lines[2].startswith("the model will never say unknown: ")
        assert [line[:9] for line in lines[3:5]] == ["epoch 1/2", "epoch 2/2"]
        assert lines[5].endswith("; report: runs/halves-1/report.html")
        assert lines[6:] == ["next: eyespot predict runs/halves-1 IMAGE..."]

    def test_json_is_one_object(self, eyespot, trained, here):
        answer = eyespot("train", trained.data, "--json", "--seed=3", *SETTINGS)

        (line,) = answer.out.splitlines()
        value = json.loads(line)
        assert value.keys() == {
            *("run", "model", "num_train", "num_valid", "num_test"),
            *("classes", "seconds", "accuracy", "num_doubted"),
        }
        assert value["run"] == "runs/halves-1"
        assert value["model"] == "runs/halves-1/model.safetensors"
        assert [value[f"num_{part}"] for part in ("train", "valid", "test")] == [42, 6, 12]
        assert value["classes"] == ["left", "right"]
        assert value["accuracy"].keys() == {"value", "low", "high"}
        assert "seed = 3\n" in Path("runs/halves-1/recipe.toml").read_text()

    def test_a_set_too_small_to_test_says_so(self, eyespot, here):
        data = write_pictures(here / "tiny", num=1)

        answer = eyespot("train", data, *SETTINGS)

        assert answer.code == 0
        assert answer.out == ("test accuracy unknown: no image was kept apart as a test part\n")
        assert json.loads(eyespot("train", data, "--json", *SETTINGS).out)["accuracy"] is None

    def test_the_next_command_can_be_pasted(self, eyespot, trained, here):
        answer = eyespot("train", trained.data, "--out=my run", *SETTINGS)

        assert answer.err.endswith("next: eyespot predict 'my run' IMAGE...\n")

    def test_without_a_report_none_is_named(self, eyespot, trained, here, monkeypatch):
        def report(run):
            raise ValueError("no glyph")

        monkeypatch.setattr("eyespot.line.single.report", report)
        answer = eyespot("train", trained.data, *SETTINGS)

        assert answer.code == 0
        assert "; report: " not in answer.err
        assert "try again: eyespot report runs/halves-1\n" in answer.err


class TestEvaluate:
    def test_json_gives_what_train_found(self, eyespot, trained):
        answer = eyespot("evaluate", trained.run, trained.data, "--json")

        (line,) = answer.out.splitlines()
        value, found = json.loads(line), trained.trained.evaluation
        assert value["accuracy"] == {
            "value": found.accuracy.value,
            "low": found.accuracy.low,
            "high": found.accuracy.high,
        }
        assert (value["num_train"], value["num_valid"], value["num_test"]) == (42, 6, 12)
        assert value["run"] == str(trained.run)
        assert value["model"] == str(trained.run / "model.safetensors")
        assert value["classes"] == ["left", "right"]
        assert value["seconds"] > 0
        assert answer.err == ""

    def test_a_person_gets_a_table(self, eyespot, trained):
        answer = eyespot("evaluate", trained.run, trained.data)

        lines = answer.out.splitlines()
        assert lines[0] == "12 images: the run's test part"
        assert lines[2].split("  ")[0] == "class"
        assert [line.split()[0] for line in lines[3:7]] == ["left", "right", "macro", "weighted"]
        assert any(line.startswith("accuracy ") for line in lines)

    def test_broken_images_are_named(self, eyespot, trained, tmp_path):
        data = write_pictures(tmp_path / "other", seed=1)
        (data / "left" / "0.png").write_bytes(b"")

        answer = eyespot("evaluate", trained.run, data)

        assert answer.code == 0
        assert answer.err.startswith("left out left/0.png: ")


class TestPredict:
    def test_a_line_for_each_picture(self, eyespot, trained):
        files = [trained.data / "left" / "1.png", trained.data / "right" / "2.png"]

        answer = eyespot("predict", trained.run, *files)

        rows = [line.split("\t") for line in answer.out.splitlines()]
        assert [(label, name) for label, _, name in rows] == [
            ("left", str(files[0])),
            ("right", str(files[1])),
        ]
        assert (answer.code, answer.err) == (0, "")

    def test_json_is_an_object_a_line(self, eyespot, trained):
        answer = eyespot("predict", trained.run, trained.data, "--json", "--top=9")

        values = [json.loads(line) for line in answer.out.splitlines()]
        assert len(values) == 60
        keys = ["name", "label", "probability", "unknown", "refusal", "ranked"]
        assert all(list(value) == keys for value in values)
        # Six validation images are too few to know when to refuse.
        assert all(value["unknown"] is False and value["refusal"] is None for value in values)
        assert all(len(value["ranked"]) == 2 for value in values)

    def test_folders_patterns_and_names_on_stdin(self, eyespot, trained, monkeypatch):
        monkeypatch.chdir(trained.data)
        folder = eyespot("predict", trained.run, "left").out
        pattern = eyespot("predict", trained.run, "left/*.png").out
        names = io.TextIOWrapper(io.BytesIO(b"left/1.png\n\nright/2.png\r\n"))
        monkeypatch.setattr(sys, "stdin", names)
        listed = eyespot("predict", trained.run, "-").out

        assert sorted(folder.splitlines()) == sorted(pattern.splitlines())
        assert [line.split("\t")[2] for line in listed.splitlines()] == [
            "left/1.png",
            "right/2.png",
        ]

    def test_a_table_of_answers(self, eyespot, trained, here):
        answer = eyespot("predict", trained.run, trained.data / "left", "--out=said.csv", "--top=5")

        lines = Path("said.csv").read_text().splitlines()
        assert lines[0] == "name,label,probability,label_2,probability_2,nearest,error"
        assert len(lines) == 31
        assert answer.err == "30 answers: said.csv\n"

    def test_the_form_of_kaggle(self, eyespot, trained, here):
        answer = eyespot("predict", trained.run, trained.data / "right", "--format=kaggle")

        lines = Path("result.csv").read_text().splitlines()
        assert lines[0] == "ImageId,Label"
        assert all(re.fullmatch(r"\d+,(left|right)", line) for line in lines[1:])
        assert (answer.out, answer.err) == ("", "30 answers: result.csv\n")

    def test_a_table_of_pixels_counts_from_one(self, eyespot, trained, here):
        rows = np.zeros((3, 144), int)
        header = ",".join(f"pixel{i}" for i in range(144))
        np.savetxt("test.csv", rows, "%d", delimiter=",", header=header, comments="")

        eyespot("predict", trained.run, "test.csv", "--format=kaggle", "--out=out.csv")

        assert [line.split(",")[0] for line in Path("out.csv").read_text().splitlines()] == [
            *("ImageId", "1", "2", "3")
        ]

    def test_a_broken_picture_is_named_and_the_others_answered(self, eyespot, trained, here):
        Path("bad.png").write_bytes(b"<html>")
        good = trained.data / "left" / "1.png"

        answer = eyespot("predict", trained.run, "bad.png", good, "--format=kaggle")
        table = eyespot("predict", trained.run, "bad.png", good)

        assert answer.code == table.code == 3
        assert table.out.endswith(f"\t{good}\n")
        lines = table.err.splitlines()
        assert lines[0].startswith("eyespot: bad.png ")
        assert lines[1:] == ["eyespot: 1 of 2 pictures cannot be read; see above"]
        assert Path("result.csv").read_text() == "ImageId,Label\nbad,\n1,left\n"

    def test_an_output_that_cannot_be_written_is_said_before_the_work(self, eyespot, trained, here):
        answers = [
            eyespot("predict", trained.run, trained.data, f"--out={out}")
            for out in (".", "no/x.csv")
        ]

        assert [(answer.code, answer.out, answer.err) for answer in answers] == [
            (4, "", "eyespot: . cannot be written: it is a folder\n"),
            (4, "", "eyespot: no/x.csv cannot be written: the folder no is not writable\n"),
        ]

    def test_names_cannot_speak_to_the_terminal(self, eyespot, trained, here):
        name = "[red]a\x1b[31m\tb\nc.png"
        Path(name).write_bytes((trained.data / "left" / "1.png").read_bytes())
        Path(f"bad{name}").write_bytes(b"")

        answer = eyespot("predict", trained.run, name, f"bad{name}")

        shown = r"[red]a\x1b[31m\tb\nc.png"
        assert answer.out.endswith(f"\t{shown}\n")
        assert answer.err.splitlines()[0].startswith(f"eyespot: bad{shown} ")
        assert len(answer.out.splitlines()) == 1


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    """The folder of a run that refuses, a picture that it knows and one that it does not."""
    root = tmp_path_factory.mktemp("knowing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0})
        patch.setattr("eyespot.line.single.report", lambda run: run.report.write_text(""))
        data = write_pictures(root / "halves", num=100)
        eyespot.train(data, settings={**TINY, "epochs": 4}, out=root / "run")
    noise = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(noise).save(root / "noise.png")
    return root / "run", data / "left" / "1.png", root / "noise.png"


class TestPredictUnknown:
    def test_what_the_model_does_not_know_is_unknown_with_the_nearest_class(self, eyespot, knowing):
        answer = eyespot("predict", *knowing)

        (left, other), names = [line.split("\t") for line in answer.out.splitlines()], knowing[1:]
        assert (left[0], left[2]) == ("left", str(names[0]))
        assert re.fullmatch(r"unknown \(nearest: (left|right)\)", other[0])
        assert other[2] == str(names[1]) and 0 < float(other[1]) <= 1
        assert (answer.code, answer.err) == (0, "")

    def test_all_are_accepted_where_that_is_asked_for(self, eyespot, knowing):
        unknown = eyespot("predict", *knowing).out.splitlines()
        accepted = eyespot("predict", *knowing, "--accept-all").out.splitlines()

        nearest = unknown[1].replace("unknown (nearest: ", "").replace(")", "", 1)
        assert accepted == [unknown[0], nearest]

    def test_json_says_how_unlike_a_picture_is(self, eyespot, knowing):
        def values(*more):
            out = eyespot("predict", *knowing, "--json", *more).out
            return [json.loads(line) for line in out.splitlines()]

        known, other = values()
        _, accepted = values("--accept-all")
        covered, _ = values("--coverage=0.9")

        assert (known["unknown"], other["unknown"], accepted["unknown"]) == (False, True, False)
        assert 0 <= known["refusal"] <= 1 < other["refusal"] == accepted["refusal"]
        assert other["label"] == other["ranked"][0]["label"] in ("left", "right")
        assert list(covered) == [*known, "possible"] and "left" in covered["possible"]

    def test_sets_of_a_coverage_are_a_column_more(self, eyespot, knowing):
        run, *names = knowing
        some = eyespot("predict", run, *names, "--coverage", "0.9").out.splitlines()
        every = eyespot("predict", run, *names, "--coverage", "0.9999").out.splitlines()

        plain = eyespot("predict", run, *names).out.splitlines()
        assert [line.rsplit("\t", 1)[0] for line in some] == plain
        assert [line.count("\t") for line in some] == [3, 3]
        assert some[0].split("\t")[3].startswith("left")
        # Twenty scores are too few for such a promise.
        assert every[0].split("\t")[3] == "left or right"

    @pytest.mark.parametrize("coverage", ["0.0", "1.0", "95.0", "-0.5", "nan"])
    def test_a_coverage_that_is_no_share_is_a_mistake_of_usage(self, eyespot, knowing, coverage):
        answer = eyespot("predict", *knowing, "--coverage", coverage)

        assert (answer.code, answer.out) == (2, "")
        assert coverage in answer.err

    def test_sets_of_a_model_without_validation_part_are_a_mistake_of_usage(
        self, eyespot, trained, here, no_report
    ):
        eyespot("train", trained.data, *SETTINGS, "--set=valid=0", "--out=run")

        answer = eyespot("predict", "run", trained.data / "left", "--coverage=0.9")

        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith("eyespot: the model keeps no scores of validation images, ")

    def test_a_table_says_unknown_the_nearest_class_and_the_set(self, eyespot, knowing, here):
        eyespot("predict", *knowing, "--out=said.csv", "--coverage=0.9", "--top=1")
        eyespot("predict", *knowing, "--out=taken.csv", "--accept-all", "--top=1")

        header, known, other = csv.reader(Path("said.csv").read_text().splitlines())
        assert header == ["name", "label", "probability", "nearest", "possible", "error"]
        assert (known[1], known[3], known[5]) == ("left", "", "")
        assert (other[1], other[3] in ("left", "right")) == ("unknown", True)
        assert other[3] in other[4].split(" | ")
        header, known, taken = csv.reader(Path("taken.csv").read_text().splitlines())
        assert header == ["name", "label", "probability", "nearest", "error"]
        assert (taken[1], taken[3]) == (other[3], "")

    def test_kaggle_gets_the_nearest_class(self, eyespot, knowing, here):
        eyespot("predict", *knowing, "--format=kaggle")

        *_, last = csv.reader(Path("result.csv").read_text().splitlines())
        assert last[0] == "noise" and last[1] in ("left", "right")

    def test_show_says_whether_a_model_refuses(self, eyespot, knowing, trained):
        facts = [
            json.loads(eyespot("show", run, "--json").out) for run in (knowing[0], trained.run)
        ]

        assert [fact["unknown"] for fact in facts] == [
            "said of 2 % of good pictures, and of what is like none of them",
            "never said: too few validation images, or refuse = 0",
        ]


class TestShow:
    def test_a_run_a_model_and_data(self, eyespot, trained):
        run = eyespot("show", trained.run, "--json")
        model = eyespot("show", trained.run / "model.safetensors", "--json")
        data = eyespot("show", trained.data)

        told = [json.loads(answer.out) for answer in (run, model)]
        measured = [[form.pop("latencies_ms") for form in one["forms"]] for one in told]
        assert all(len(form) for one in measured for form in one)
        assert told[0] == told[1]
        assert told[0]["classes"] == ["left", "right"]
        assert re.search(r"^classes +left 30, right 30$", data.out, re.MULTILINE)

    def test_of_many_classes_the_first_are_shown(self, eyespot, here):
        for number in range(25):
            folder = here / "data" / f"class{number}"
            folder.mkdir(parents=True)
            Image.new("L", (8, 8)).save(folder / "a.png")

        answer = eyespot("show", "data")

        assert re.search(r"class19 1 and 5 more$", answer.out, re.MULTILINE)

    def test_a_run_without_a_model_is_said(self, eyespot, here):
        Path("recipe.toml").touch()

        answer = eyespot("show", ".")

        assert (answer.code, answer.err) == (
            5,
            "eyespot: . holds no model.safetensors; name a run folder or a model file\n",
        )


class TestReport:
    def test_is_made_again_and_named(self, eyespot, trained):
        page = trained.run / "report.html"
        page.unlink()

        answer = eyespot("report", trained.run)

        assert (answer.code, answer.out) == (0, f"{page}\n")
        assert page.exists()

    def test_of_no_run_is_refused(self, eyespot, here):
        answer = eyespot("report", here)

        assert answer.code == 3
        assert answer.err.startswith(f"eyespot: {here} is not a finished run: ")


def folder_of(root, files):
    """Files by name; an integer is a picture of that brightness."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            Image.new("L", (8, 8), content).save(path)
        else:
            path.write_bytes(content)


TABLE = b"image,label\na.png,x\nb.png,y\n"
REFUSED_DATA = {
    "nothing of that name": (
        {},
        "digitz",
        "'digitz' is neither a file, a folder nor a named set; did you mean 'digits'?",
    ),
    "an empty folder": ({"d/.hidden": b""}, "d", f"d holds no images that eyespot knows; {FORMS}"),
    "a text file": ({"a.txt": b"hello"}, "a.txt", f"a.txt is nothing that eyespot knows; {FORMS}"),
    "one image": ({"a.png": 9}, "a.png", f"a.png is one image; {FORMS}"),
    "a pickle": (
        {"a.pkl": b"\x80\x04K\x01."},
        "a.pkl",
        "a.pkl is of a kind that may hold code or anything; save images and labels as .npz",
    ),
    "a tar archive": (
        {"a.tar.gz": b"\x1f\x8b"},
        "a.tar.gz",
        "a.tar.gz is an archive that eyespot does not open; unpack it and give the folder, "
        "or a .zip",
    ),
    "a torn zip": ({"a.zip": b"PK\x03\x04"}, "a.zip", None),
    "a torn npz": ({"a.npz": b"PK\x03\x04"}, "a.npz", None),
    "a table of nothing": ({"t.csv": b""}, "t.csv", None),
    "a header alone": ({"t.csv": b"image,label\n"}, "t.csv", None),
    "a table without its images": ({"t.csv": TABLE}, "t.csv", None),
    "a table that leads out": (
        {"d/t.csv": TABLE.replace(b"a.png", b"../../a.png")},
        "d/t.csv",
        None,
    ),
    "a table without labels": (
        {"t.csv": b"image,width,height\na.png,9,9\n", "a.png": 9},
        "t.csv",
        None,
    ),
    "no image that can be read": (
        {"d/x/1.png": b"", "d/y/2.png": b"<html>"},
        "d",
        "d: none of 2 images looked at can be read; the first is x/1.png, which is empty (0 bytes)",
    ),
    "pictures of other kinds": ({"d/x/1.heic": b"1", "d/y/2.heic": b"2"}, "d", None),
}


class TestErrors:
    @pytest.mark.parametrize("case", REFUSED_DATA)
    @pytest.mark.parametrize("verb", ["train", "evaluate", "show"])
    def test_data_that_are_no_good_end_with_a_sentence(self, eyespot, trained, here, case, verb):
        files, source, sentence = REFUSED_DATA[case]
        folder_of(here, files)

        answer = eyespot(*([verb, trained.run] if verb == "evaluate" else [verb]), source)

        assert (answer.code, answer.out) == (3, "")
        assert answer.err.startswith("eyespot: ")
        assert answer.err.count("\n") == 1
        if sentence and not (verb == "evaluate" and "looked at" in sentence):
            assert answer.err == f"eyespot: {sentence}\n"
        assert not list(here.glob("runs/*"))

    def test_one_class_is_nothing_to_train_on(self, eyespot, here):
        folder_of(here, {"d/cat/1.png": 1, "d/cat/2.png": 2})

        answer = eyespot("train", "d")

        assert (answer.code, answer.err) == (
            3,
            "eyespot: d holds one class only ('cat', 2 images); "
            "a classifier needs two classes or more\n",
        )

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            ("no.png", "'no.png' is not there; give image files, folders or tables of images"),
            ("*.gif", "'*.gif' matches no file; look at the pattern and the folder"),
            ("empty", "'empty' holds no images; give image files, folders or tables"),
            ("pipe", "'pipe' is a pipe or a device; give regular files"),
        ],
    )
    def test_pictures_that_are_not_there_end_with_a_sentence(
        self, eyespot, trained, here, source, sentence
    ):
        (here / "empty").mkdir()
        os.mkfifo(here / "pipe")

        answer = eyespot("predict", trained.run, source)

        assert (answer.code, answer.out, answer.err) == (3, "", f"eyespot: {sentence}\n")

    def test_no_names_on_stdin_end_with_a_sentence(self, eyespot, trained, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))

        answer = eyespot("predict", trained.run, "-")

        assert answer.err == (
            "eyespot: no image is named; give files, folders, patterns or tables of images\n"
        )
        assert answer.code == 3

    @pytest.mark.parametrize(
        ("args", "sentence"),
        [
            (["--set", "epoch=3"], "there is no field 'epoch'; did you mean 'epochs'?"),
            (["--set", "epochs"], "is not field=value; write for instance --set epochs=5"),
            (["--seed", "-1"], "seed"),
            (["--recipe", "standart"], "did you mean 'standard'?"),
            (["--recipe", "none.toml"], "recipe none.toml cannot be read: No such file"),
            (["--columns", "picture=a"], "--columns 'picture=a' is not understood; write image="),
            (["--out", "full"], "full is already there and not empty; name a new folder"),
            (["more"], "unexpected extra argument"),
            (["--fast"], "No such option: --fast"),
        ],
    )
    def test_a_command_that_cannot_be_meant_exits_with_2(
        self, eyespot, trained, here, args, sentence
    ):
        folder_of(here, {"full/letter.txt": b"dear"})

        answer = eyespot("train", trained.data, *args)

        assert (answer.code, answer.out) == (2, "")
        assert sentence in " ".join(answer.err.split())

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "is empty (0 bytes); train again or copy it again"),
            (b"hello, world", "is not a safetensors file"),
            (b"\x80\x04K\x01.", "can run code"),
            (b"PK\x03\x04" + b"x" * 20, "can run code"),
        ],
    )
    @pytest.mark.parametrize("verb", ["predict", "evaluate", "show"])
    def test_a_model_file_that_is_unsound_exits_with_5(
        self, eyespot, trained, here, content, sentence, verb
    ):
        Path("m.safetensors").write_bytes(content)

        answer = eyespot(verb, "m.safetensors", *([] if verb == "show" else [trained.data]))

        assert (answer.code, answer.out) == (5, "")
        assert answer.err.startswith("eyespot: m.safetensors ")
        assert sentence in answer.err

    def test_a_model_that_is_not_there_exits_with_5(self, eyespot, here):
        answer = eyespot("predict", "runs/none", "a.png")

        assert (answer.code, answer.err) == (
            5,
            "eyespot: runs/none is not there; name a run folder or a model file\n",
        )

    def test_a_class_that_the_model_has_not_exits_with_3(self, eyespot, trained, here):
        folder_of(here, {"d/left/1.png": 1, "d/rigth/2.png": 2})

        answer = eyespot("evaluate", trained.run, "d")

        assert (answer.code, answer.err) == (
            3,
            "eyespot: d: class 'rigth' is not one of the model's left, right; "
            "did you mean 'right'?\n",
        )

    def test_a_place_without_room_exits_with_4_before_training(
        self, eyespot, trained, here, monkeypatch
    ):
        Path("runs").touch()
        monkeypatch.setattr(
            "eyespot.line.planning.load_images", lambda *_, **__: pytest.fail("too late")
        )

        answer = eyespot("train", trained.data)

        assert (answer.code, answer.err) == (4, "eyespot: runs cannot be made: File exists\n")

    @pytest.mark.parametrize("package", ["torch", "matplotlib", "jinja2"])
    def test_a_missing_extra_is_one_sentence(self, eyespot, trained, monkeypatch, package):
        monkeypatch.setitem(sys.modules, package, None)

        answer = eyespot("train", trained.data)

        assert (answer.code, answer.err) == (
            1,
            f"eyespot: training needs {package}; install it with: pip install 'eyespot[train]'\n",
        )

    def test_digits_without_sklearn_are_one_sentence(self, eyespot, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

        answer = eyespot("show", "digits")

        assert (answer.code, answer.err) == (
            1,
            "eyespot: reading digits needs scikit-learn; "
            "install it with: pip install 'eyespot[train]'\n",
        )

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] can't allocate memory"),
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        ],
    )
    def test_too_little_memory_exits_with_4(self, eyespot, monkeypatch, error):
        def read(*_, **__):
            raise error

        monkeypatch.setattr("eyespot.data.read", read)

        assert eyespot("show", "digits") == type(eyespot("show", "digits"))(
            4,
            "",
            "eyespot: there is not enough memory; choose a smaller size or batch, "
            "or fewer images\n",
        )

    def test_a_fault_of_eyespot_keeps_its_traceback(self, eyespot, monkeypatch):
        def read(*_, **__):
            raise ZeroDivisionError

        monkeypatch.setattr("eyespot.data.read", read)

        with pytest.raises(ZeroDivisionError):
            eyespot("show", "digits")


@pytest.mark.usefixtures("no_report")
class TestInterrupted:
    @pytest.fixture
    def stopped_by(self, monkeypatch):
        """After the first epoch this process gets the signal, or the loop raises the error."""
        from eyespot.training import loop

        # A shell starts what it puts into the background with Ctrl-C ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)

        def arrange(cause):
            real = loop.fit

            def fit(*args, **options):
                epochs = real(*args, **options)
                yield next(epochs)
                if isinstance(cause, Exception):
                    raise cause
                signal.raise_signal(cause)
                yield from epochs

            monkeypatch.setattr(loop, "fit", fit)

        yield arrange
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize(
        ("cause", "code", "sentence"),
        [
            (signal.SIGINT, 130, "interrupted"),
            (signal.SIGTERM, 143, "terminated"),
            (
                OSError(28, "No space left on device", "x"),
                4,
                "x cannot be written: No space left on device",
            ),
        ],
    )
    def test_how_to_go_on_is_said(self, eyespot, trained, here, stopped_by, cause, code, sentence):
        stopped_by(cause)

        answer = eyespot("train", trained.data, *SETTINGS)

        assert (answer.code, answer.out) == (code, "")
        assert answer.err.splitlines()[-1] == (
            f"eyespot: {sentence}; go on with: eyespot train --resume runs/halves-1"
        )
        best = "runs/halves-1/model.safetensors"
        assert eyespot("predict", best, trained.data / "left").code == 0

    def test_where_it_would_fail_again_the_best_model_so_far_is_named(
        self, eyespot, trained, here, stopped_by
    ):
        stopped_by(EyespotError("the loss is not a finite number"))

        answer = eyespot("train", trained.data, *SETTINGS)

        best = "runs/halves-1/model.safetensors"
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.splitlines()[-1] == (
            f"eyespot: the loss is not a finite number; the best model so far is {best}"
        )
        assert eyespot("predict", best, trained.data / "left").code == 0

    def test_a_second_training_of_the_folder_is_refused(self, eyespot, trained, here):
        from eyespot.files.lock import owned
        from eyespot.files.run import Run

        Path("run").mkdir()
        with owned(Run(here / "run")):
            answer = eyespot("train", trained.data, "--out=run", *SETTINGS)

        assert answer.code in (2, 4)
        assert answer.err.startswith("eyespot: run is ")


class TestProcess:
    """What only a process of its own can show."""

    def test_ctrl_c_in_the_middle_of_an_epoch(self, trained, here):
        process = started(
            *("train", trained.data, "--set=epochs=5000", "--set=kind=ink", "--set=width=8"),
            env={"OMP_NUM_THREADS": "1"},
        )
        deadline = threading.Timer(60, process.kill)
        deadline.start()
        for line in process.stderr:
            if line.startswith(b"epoch    2/5000"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        deadline.cancel()

        assert (process.returncode, out) == (130, b"")
        assert err.decode().splitlines()[-1] == (
            "eyespot: interrupted; go on with: eyespot train --resume runs/halves-1"
        )
        assert b"Traceback" not in err

    def test_a_reader_that_goes_away_is_no_error(self, trained):
        process = started("show", trained.data)
        process.stdout.close()

        assert (process.stderr.read(), process.wait(10)) == (b"", 0)
        process.stderr.close()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
    def test_a_full_disk_under_stdout_is_a_sentence(self, trained):
        with open("/dev/full", "wb") as full:
            process = started("show", trained.data, stdout=full)
            _, err = process.communicate(timeout=20)

        assert (process.returncode, err) == (
            4,
            b"eyespot: the output cannot be written: No space left on device\n",
        )

    def test_no_home_and_an_ascii_locale_show_names_all_the_same(self, here):
        folder_of(here, {"d/köln/1.png": 1, "d/\udcff/2.png": 2})
        process = started(
            *("show", "d"),
            env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": ""},
        )
        out, err = process.communicate(timeout=20)

        assert (process.returncode, err) == (0, b"")
        assert re.search(rb"classes +k\S+ln 1, \\udcff 1", out), out


class TestTalk:
    def test_printable_text_is_one_line_and_obeys_nobody(self):
        assert printable("a\nb\x1b[0mü\udc80\u202e[red]") == r"a\nb\x1b[0mü\udc80\u202e[red]"

    def test_a_sentence_goes_to_stderr(self, capsys):
        say("[red]done")

        assert capsys.readouterr() == ("", "[red]done\n")

    def test_a_log_file_gets_plain_lines(self, capsys):
        with LiveProgress() as progress:
            for done in (5, 10):
                progress.download("images.gz", done * 1_000_000, 10_000_000)
            progress.image(16, 32)
            progress.epoch(EPOCH, 12)

        assert capsys.readouterr() == (
            "",
            "downloading images.gz, 10.0 MB\n"
            "epoch  1/12  loss 1.0000  train 0.5000  valid 0.5000  0.1 s\n",
        )

    def test_a_person_at_a_terminal_sees_a_bar_that_goes_away(self, monkeypatch):
        pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
        reader, writer = pty.openpty()
        monkeypatch.setenv("TERM", "xterm")
        with os.fdopen(writer, "w") as terminal, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", terminal)
            with pytest.raises(KeyboardInterrupt), LiveProgress() as progress:
                progress.download("[red]images.gz", 1, 2)
                progress.image(16, 32)
                progress.epoch(EPOCH, 2)
                raise KeyboardInterrupt
        written = b""
        with contextlib.suppress(OSError):  # the end of a terminal whose writer has gone
            while piece := os.read(reader, 65536):
                written += piece
        os.close(reader)
        shown = written.decode()

        for words in ("downloading [red]images.gz", "reading images", "training", "epoch 1/2"):
            assert words in shown
        assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")  # the cursor is back
