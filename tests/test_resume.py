"""A training that is interrupted goes on to the same bits: what is saved, and what is refused."""

import json
import math
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import eyespot
from conftest import TINY, halves, write_pictures
from eyespot.errors import DataError, UsageError
from eyespot.files.lock import owned
from eyespot.files.run import Run
from eyespot.files.tables import write_table
from eyespot.line import Silence, learning, plan, train
from eyespot.models.file import read_model
from eyespot.training import loop
from eyespot.training.checkpoint import load_checkpoint, save_checkpoint
from eyespot.values.dataset import Dataset

pytestmark = pytest.mark.usefixtures("no_report")
# What an undisturbed run and a resumed one have in common, to the last bit.
EQUAL = (
    "recipe.toml",
    "split.csv",
    "issues.csv",
    "quarantine.csv",
    "history.csv",
    "model.safetensors",
    "predictions.npz",
    "predictions.csv",
    "suspects.csv",
    "evaluation.json",
)


class Stop(Silence):
    """Says Ctrl-C after so many epochs, and keeps what is said."""

    def __init__(self, after=None, number=signal.SIGINT):
        self.after, self.number, self.said, self.epochs = after, number, [], []

    def say(self, sentence):
        self.said.append(sentence)

    def epoch(self, epoch, num):
        self.epochs.append(epoch.epoch)
        if epoch.epoch == self.after:
            signal.raise_signal(self.number)


def pair(num=20):
    return np.concatenate([halves(num, bright=0), halves(num, bright=1)]), np.repeat(
        ["left", "right"], num
    )


LONGER = {**TINY, "epochs": 4, "batch": 8}  # three steps an epoch for 28 images


def interrupted(source, run, *, after=2, **options):
    options = {"settings": LONGER, **options}
    with pytest.raises(KeyboardInterrupt):
        train(source, out=run, progress=Stop(after), **options)
    return run


def contents(run):
    return {name: (run / name).read_bytes() for name in EQUAL}


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures", num=20)


@pytest.fixture
def halfway(tmp_path, pictures):
    """A run on a folder of pictures, interrupted in its third epoch of four."""
    return interrupted(pictures, tmp_path / "run")


def test_a_resumed_run_is_the_undisturbed_one_and_holds_nothing_else(tmp_path, pictures, halfway):
    whole = train(pictures, settings=LONGER, out=tmp_path / "whole")
    assert {"resume.json", "resume.pt"} <= set(os.listdir(halfway))
    listener = Stop()

    resumed = train(resume=halfway, progress=listener)

    assert contents(halfway) == contents(tmp_path / "whole")
    assert sorted(os.listdir(halfway)) == sorted(os.listdir(tmp_path / "whole"))
    assert "going on after 7 steps" in listener.said
    assert listener.epochs == [3, 4]
    assert resumed.evaluation == whole.evaluation
    assert resumed.run.path == halfway


def test_a_resumed_run_refuses_what_the_undisturbed_one_does(tmp_path):
    settings = {**LONGER, "batch": 16}
    train(pair(60), settings=settings, out=tmp_path / "whole")
    run = interrupted(pair(60), tmp_path / "run", settings=settings)

    train(pair(60), resume=run)

    assert contents(run) == contents(tmp_path / "whole")
    assert Run(run).read_predictions("test").refusal is not None


def test_a_run_may_be_interrupted_in_every_epoch(tmp_path, pictures):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    run = interrupted(pictures, tmp_path / "run", after=1)
    for number in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            train(resume=run, progress=Stop(number))

    train(resume=run)

    assert contents(run) == contents(tmp_path / "whole")


@pytest.mark.parametrize("step", ["judge", "write_record", "find_origin", "remove_checkpoints"])
def test_a_run_that_ends_while_it_is_judged_goes_on_there(
    step, tmp_path, pictures, monkeypatch, halfway
):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    place = {
        "find_origin": "eyespot.training.origin.find_origin",
        "remove_checkpoints": "eyespot.training.checkpoint.remove_checkpoints",
    }.get(step, f"eyespot.line.single.{step}")

    def die(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, die)
        with pytest.raises(KeyboardInterrupt):
            train(resume=halfway)
    listener = Stop()
    train(resume=halfway, progress=listener)

    assert listener.epochs == []
    assert contents(halfway) == contents(tmp_path / "whole")


def test_a_run_that_is_killed_before_its_first_checkpoint_begins_anew(tmp_path, pictures, halfway):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    for name in os.listdir(halfway):
        if name != "resume.json":
            (halfway / name).unlink()

    train(resume=halfway)

    assert contents(halfway) == contents(tmp_path / "whole")


@pytest.mark.parametrize("missing", ["recipe.toml", "split.csv", "issues.csv"])
def test_a_run_whose_plan_is_not_all_written_goes_on(missing, tmp_path, pictures, halfway):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    (halfway / missing).unlink()

    train(resume=halfway)

    assert contents(halfway) == contents(tmp_path / "whole")


@pytest.mark.parametrize("both", [False, True])
def test_a_torn_checkpoint_is_said_and_costs_no_bit(both, tmp_path, pictures):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    path = interrupted(pictures, tmp_path / "run", after=1)
    with pytest.raises(KeyboardInterrupt):
        train(resume=path, progress=Stop(3))
    run, listener = Run(path), Stop()
    for torn in (run.resume, run.previous)[: 1 + both]:
        torn.write_bytes(torn.read_bytes()[:-5])

    train(resume=path, progress=listener)

    assert contents(path) == contents(tmp_path / "whole")
    torn = "cannot be used: it is torn, its SHA-256 is another"
    if both:
        assert f"{run.resume} {torn}" in listener.said
        assert f"{run.previous} {torn}" in listener.said
        assert "the training begins anew" in listener.said
        assert listener.epochs == [1, 2, 3, 4]
    else:
        assert f"{run.resume} {torn}; the one before it is used" in listener.said
        assert listener.epochs[0] > 1


def test_a_checkpoint_of_another_run_is_not_used(tmp_path, pictures, halfway):
    other = interrupted(pictures, tmp_path / "other", settings={**LONGER, "seed": 1})
    shutil.copy(other / "resume.pt", halfway / "resume.pt")
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    listener = Stop()

    train(resume=halfway, progress=listener)

    said = f"{halfway / 'resume.pt'} cannot be used: it is of another training"
    assert any(sentence.startswith(said) for sentence in listener.said)
    assert contents(halfway) == contents(tmp_path / "whole")


def test_what_a_kill_has_left_half_written_is_swept(halfway):
    torn = halfway / f".resume.new-{'0f' * 8}"
    torn.write_bytes(b"half")
    mine = halfway / ".notes-of-mine"
    mine.touch()

    train(resume=halfway)

    assert not torn.exists()
    assert mine.exists()


def test_other_threads_or_another_torch_go_on_and_are_named(halfway, monkeypatch):
    real = learning._facts
    monkeypatch.setattr(
        learning, "_facts", lambda world: {**real(world), "threads": 99, "torch": "9.0"}
    )
    listener = Stop()

    train(resume=halfway, progress=listener)

    assert f"not bit-exact any more: torch {torch.__version__} is now 9.0, threads 1 is now 99" in (
        listener.said
    )


# --- where it does not go on


def redrawn(path):
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)


CHANGES = {
    "an image is another": (
        lambda root: redrawn(root / "left" / "3.png"),
        "1 image, for instance left/3.png, is another picture",
    ),
    "an image is new": (
        lambda root: Image.new("L", (9, 9)).save(root / "left" / "new.png"),
        "1 image, for instance left/new.png, is new",
    ),
    "an image is gone": (
        lambda root: (root / "right" / "0.png").unlink(),
        "1 image, for instance right/0.png, is gone",
    ),
    "an image cannot be read any more": (
        lambda root: (root / "right" / "0.png").write_bytes(b"<html>"),
        "1 image, for instance right/0.png, is gone",
    ),
    "a class has another name": (
        lambda root: (root / "left").rename(root / "links"),
        "20 images, for instance links/0.png, are new; "
        "20 images, for instance left/0.png, are gone",
    ),
    "a class is new": (
        lambda root: shutil.copytree(root / "left", root / "middle"),
        "20 images, for instance middle/0.png, are new",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_other_images_are_refused_with_what_is_different(kind, pictures, halfway):
    change, told = CHANGES[kind]
    before = (halfway / "resume.pt").read_bytes()
    change(pictures)

    with pytest.raises(DataError) as error:
        train(resume=halfway)

    assert str(error.value) == (f"{halfway} cannot go on, because {told}; undo that, or train anew")
    assert (halfway / "resume.pt").read_bytes() == before


def labelled(folder, *, swap=False):
    """A table of 40 pictures beside it."""
    folder.mkdir(exist_ok=True)
    images, labels = pair()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")
    labels = ["right", *labels[1:]] if swap else list(labels)
    rows = [(f"{number}.png", label) for number, label in enumerate(labels)]
    write_table(folder / "labels.csv", ("image", "label"), rows)
    return folder / "labels.csv"


def test_another_label_is_refused(tmp_path):
    table = labelled(tmp_path / "set")
    run = interrupted(table, tmp_path / "run")
    labelled(tmp_path / "set", swap=True)

    with pytest.raises(DataError, match="1 image, for instance 0.png, is of another class"):
        train(resume=run)


def dataset_of(*, classes=("left", "right"), backwards=False):
    images, labels = pair()
    read = eyespot.read((images, labels))
    order = np.arange(40)[::-1] if backwards else np.arange(40)
    return Dataset(
        name="mine",
        form="made by hand",
        images=images[order],
        labels=read.labels[order],
        classes=classes,
        names=tuple(read.names[place] for place in order),
    )


def test_other_classes_are_refused_even_if_no_image_is_of_them(tmp_path):
    run = interrupted(dataset_of(), tmp_path / "run")

    with pytest.raises(DataError) as error:
        train(dataset_of(classes=("left", "right", "up")), resume=run)

    assert str(error.value) == (
        f"{run} cannot go on, because the classes were left, right and are left, right, up; "
        "undo that, or train anew"
    )


def test_another_order_of_the_images_is_refused(tmp_path):
    run = interrupted(dataset_of(), tmp_path / "run")

    with pytest.raises(DataError, match="because the images come in another order; undo"):
        train(dataset_of(backwards=True), resume=run)


def test_a_changed_recipe_is_refused_field_by_field(eyespot, halfway):
    path = halfway / "recipe.toml"
    text = path.read_text()
    path.write_text(text.replace("epochs = 4", "epochs = 5").replace("zoom = 0.15", "zoom = 0.1"))

    answer = eyespot("train", "--resume", halfway)

    assert (answer.code, answer.out) == (3, "")
    assert answer.err.splitlines()[-1] == (
        f"eyespot: {halfway} cannot go on, because epochs was 4 and is 5 in recipe.toml; "
        "zoom was 0.15 and is 0.1 in recipe.toml; undo that, or train anew"
    )
    path.write_text("# a comment of mine\n" + text)
    assert eyespot("train", "--resume", halfway).code == 0


def test_a_changed_split_is_refused(halfway):
    path = halfway / "split.csv"
    lines = path.read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if ",test," in line)
    name = lines[place].split(",")[0]
    lines[place] = lines[place].replace(",test,", ",train,")
    path.write_text("".join(lines))

    with pytest.raises(DataError) as error:
        train(resume=halfway)

    assert str(error.value) == (
        f"{halfway} cannot go on, because 1 image, for instance {name}, is in another part of "
        "split.csv; undo that, or train anew"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is not JSON"),
        ("[]", "was changed"),
        ('{"source": "x"}', "was changed"),
        (None, "was changed ("),
    ],
)
def test_a_changed_resume_json_is_a_sentence(eyespot, halfway, content, sentence):
    path = halfway / "resume.json"
    if content is None:
        content = json.dumps({**json.loads(path.read_text()), "fitted": "epochs = -1"})
    path.write_text(content)

    answer = eyespot("train", "--resume", halfway)

    assert (answer.code, answer.err.count("\n")) == (3, 1)
    assert sentence in answer.err


@pytest.mark.parametrize("leftover", [False, True])
def test_a_finished_run_is_said_to_be_finished(eyespot, tmp_path, leftover):
    train(pair(), settings=TINY, out=tmp_path / "run")
    if leftover:  # of a kill while it was tidied up
        (tmp_path / "run" / "resume.json").write_text("{}")

    answer = eyespot("train", "--resume", tmp_path / "run")

    assert (answer.code, answer.err) == (
        2,
        f"eyespot: {tmp_path / 'run'} is finished; there is nothing to go on with\n",
    )


def test_no_run_is_a_sentence(eyespot, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()

    answers = [
        eyespot("train", "--resume", tmp_path / name).err for name in ("none", "file", "empty")
    ]

    assert answers == [
        f"eyespot: {tmp_path / 'none'} is no run folder; name one that `eyespot train` has made\n",
        f"eyespot: {tmp_path / 'file'} is no run folder; name one that `eyespot train` has made\n",
        f"eyespot: {tmp_path / 'empty'} holds no resume.json, so nothing says what to go on with; "
        "train anew\n",
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set=epochs=9"], "a run that is resumed goes on as it began; leave settings away"),
        (["--seed=1"], "a run that is resumed goes on as it began; leave settings away"),
        (["--recipe=quick"], "a run that is resumed goes on as it began; leave recipe away"),
        (["--columns=image=a,label=b"], "leave columns away"),
        (["--quarantine=q.csv", "--split=s.csv"], "leave quarantine and split away"),
        (["--out=new"], "leave out away"),
        (["digits"], "leave yours away"),
    ],
)
def test_nothing_else_is_given_with_it(eyespot, halfway, options, sentence):
    answer = eyespot("train", "--resume", halfway, *options)

    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert sentence in answer.err


def test_neither_data_nor_run_is_a_sentence(eyespot):
    answer = eyespot("train")

    assert (answer.code, answer.err) == (
        2,
        "eyespot: name the data to train on, or the run to resume\n",
    )


def test_a_second_trainer_is_refused_and_changes_nothing(eyespot, halfway):
    before = {path.name: path.read_bytes() for path in halfway.iterdir()}

    with owned(Run(halfway)):
        answer = eyespot("train", "--resume", halfway)

    assert (answer.code, answer.err) == (
        4,
        f"eyespot: {halfway} is being written by another process; "
        "wait for it or name another folder\n",
    )
    assert {path.name: path.read_bytes() for path in halfway.iterdir()} == before


def test_a_run_that_another_process_finishes_meanwhile_is_not_trained_again(halfway, monkeypatch):
    from eyespot.line import training

    real = training.read_source

    def read_source(*args):
        monkeypatch.setattr(training, "read_source", real)
        train(resume=halfway)
        return real(*args)

    monkeypatch.setattr(training, "read_source", read_source)

    with pytest.raises(UsageError, match="is finished; there is nothing to go on with"):
        train(resume=halfway)
    assert not (halfway / "resume.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_a_sentence(eyespot, halfway):
    halfway.chmod(0o500)
    try:
        answer = eyespot("train", "--resume", halfway)
    finally:
        halfway.chmod(0o700)

    assert (answer.code, answer.err.count("\n")) == (4, 1)


# --- where the data come from


def test_data_named_relative_are_found_from_everywhere(tmp_path, monkeypatch, pictures):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    monkeypatch.chdir(tmp_path)
    interrupted("pictures", "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    train(resume=tmp_path / "run")

    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_named_set_stays_one_beside_a_folder_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()

    interrupted("digits", "run", after=1, settings={**LONGER, "width": 4, "batch": 512})

    assert json.loads((tmp_path / "run" / "resume.json").read_text())["source"] == "digits"


@pytest.mark.parametrize("form", ["arrays", "a data set"])
def test_pictures_in_memory_are_given_again(form, tmp_path):
    source = pair() if form == "arrays" else dataset_of()
    train(source, settings=LONGER, out=tmp_path / "whole")
    run = interrupted(source, tmp_path / "run")

    with pytest.raises(UsageError) as error:
        train(resume=run)
    train(source, resume=run)

    assert str(error.value) == (
        "the run was trained on pictures in memory; give them again, as in "
        "train(pictures, resume=run)"
    )
    assert contents(run) == contents(tmp_path / "whole")


def test_columns_quarantine_and_split_are_remembered(tmp_path, monkeypatch):
    labelled(tmp_path / "set")
    table = tmp_path / "set" / "labels.csv"
    rows = table.read_text().replace("image,label", "picture,kind")
    table.write_text(rows)
    write_table(tmp_path / "out.csv", ("name", "kind", "detail"), [("3.png", "mine", "ugly")])
    options = {"columns": {"image": "picture", "label": "kind"}, "quarantine": "out.csv"}
    monkeypatch.chdir(tmp_path)
    planned = plan(table, settings={**LONGER, "seed": 5}, **options)
    names, parts = planned.loaded.dataset.names, planned.split.parts
    write_table(tmp_path / "mine.csv", ("name", "part"), zip(names, parts, strict=True))
    options["split"] = "mine.csv"
    train(table, settings=LONGER, out="whole", **options)
    runs = [interrupted(table, Path(name), **options) for name in ("run", "other")]

    train(resume=runs[0])
    (tmp_path / "mine.csv").unlink()  # the run has kept it
    train(resume=runs[1])

    assert contents(runs[0]) == contents(runs[1]) == contents(Path("whole"))
    assert "3.png" in Path("run/quarantine.csv").read_text()


# --- numbers that are not finite, and disks that are full


@pytest.fixture
def every_step(monkeypatch):
    """Checkpoints after every step."""
    monkeypatch.setattr(learning, "_LEAST_SECONDS", 0)
    monkeypatch.setattr(learning, "_MOST_SHARE", math.inf)


@pytest.fixture
def poisoned(monkeypatch):
    """The net's weights are not numbers after these steps, as often as they are made."""

    def arrange(*steps):
        real = loop.take_step

        def step(state, *args, **more):
            finite = real(state, *args, **more)
            if finite and state.step in steps:
                next(state.net.parameters()).data.fill_(math.nan)
            return finite

        monkeypatch.setattr(loop, "take_step", step)

    return arrange


def test_a_weight_that_is_not_finite_is_never_saved(
    eyespot, every_step, poisoned, monkeypatch, pictures, tmp_path
):
    poisoned(5)  # the second epoch is steps 4, 5 and 6
    saved_states = []
    monkeypatch.setattr(
        "eyespot.training.checkpoint.save_checkpoint",
        lambda run, content, plan: (
            saved_states.append(content["state"]["step"]),
            save_checkpoint(run, content, plan=plan),
        ),
    )
    settings = [f"--set={field}={value}" for field, value in LONGER.items()]

    answer = eyespot("train", pictures, *settings, "--out", tmp_path / "run")

    run = Run(tmp_path / "run")
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == (
        "eyespot: the loss or a weight is not a finite number in epoch 2, even with 1/8 of the "
        "rate; train with a lower one, for instance --set rate=0.00016; the best model so far is "
        f"{run.model}"
    )
    assert 4 in saved_states
    assert 5 not in saved_states
    content, _ = load_checkpoint(run, plan=learning._plan(run))
    assert all(torch.isfinite(t).all() for t in content["state"]["moved"]["net"].values())
    assert all(np.isfinite(array).all() for array in read_model(run.model)[1].values())


def test_half_the_rate_is_said(every_step, monkeypatch, tmp_path, pictures):
    real, left = loop.take_step, [5, 5]

    def step(state, *args, **more):
        finite = real(state, *args, **more)
        if finite and state.step in left:
            left.remove(state.step)
            next(state.net.parameters()).data.fill_(math.nan)
        return finite

    monkeypatch.setattr(loop, "take_step", step)
    listener = Stop()

    train(pictures, settings=LONGER, out=tmp_path / "run", progress=listener)

    assert (
        "a number was not finite any more in epoch 2, which was begun again; "
        "the rate is now 1/4 of the recipe's"
    ) in listener.said


def test_a_disk_that_fills_up_leaves_a_run_that_goes_on(
    eyespot, tmp_path, pictures, full_disk, monkeypatch
):
    train(pictures, settings=LONGER, out=tmp_path / "whole")
    run = interrupted(pictures, tmp_path / "run")
    before = {name: (run / name).read_bytes() for name in ("resume.pt", "resume.json")}

    with full_disk(12_000):  # room for the tables, not for a checkpoint
        answer = eyespot("train", "--resume", run)

    assert answer.code == 4
    assert answer.err.splitlines()[-1].endswith(f"; go on with: eyespot train --resume {run}")
    assert "cannot be written: File too large" in answer.err.splitlines()[-1]
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not [name for name in os.listdir(run) if name.startswith(".")]
    train(resume=run)
    assert contents(run) == contents(tmp_path / "whole")


def test_errors_of_the_data_leave_the_run_as_it_was(pictures, halfway):
    pictures.rename(pictures.with_name("away"))
    before = {path.name: path.read_bytes() for path in halfway.iterdir()}

    with pytest.raises(DataError, match="is neither a file, a folder nor a named set"):
        train(resume=halfway)

    assert {path.name: path.read_bytes() for path in halfway.iterdir()} == before
    pictures.with_name("away").rename(pictures)
    train(resume=halfway)
