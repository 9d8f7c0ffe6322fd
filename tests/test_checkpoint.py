"""The two files from which a training goes on, and what becomes of damaged ones."""

import hashlib
import io
import os
from pathlib import Path

import pytest
import torch

from eyespot.errors import ResourceError
from eyespot.files.run import Run
from eyespot.training.checkpoint import load_checkpoint, remove_checkpoints, save_checkpoint


def saved(run, *numbers):
    for number in numbers:
        save_checkpoint(run, {"number": number, "tensor": torch.arange(1000)}, plan="p")


def test_the_last_checkpoint_is_loaded_and_the_one_before_is_kept(tmp_path):
    run = Run(tmp_path)
    saved(run, 1, 2, 3)

    assert load_checkpoint(run, plan="p")[0]["number"] == 3
    assert sorted(os.listdir(tmp_path)) == ["resume-previous.pt", "resume.pt"]
    run.resume.unlink()
    assert load_checkpoint(run, plan="p")[0]["number"] == 2


def flipped(data):
    return data[:700] + bytes([data[700] ^ 1]) + data[701:]


def by_hand(payload):
    """A checkpoint whose SHA-256 is right, around something else."""
    return b"eyespot checkpoint 1 " + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def of_torch(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


TORN = {
    "empty": (lambda data: b"", "it is empty"),
    "half of it": (lambda data: data[: len(data) // 2], "it is torn, its SHA-256 is another"),
    "the head alone": (lambda data: data[:30], "it is torn, its SHA-256 is another"),
    "one bit flipped": (flipped, "it is torn, its SHA-256 is another"),
    "longer": (lambda data: data + b"x", "it is torn, its SHA-256 is another"),
    "text": (lambda data: b"hello", "it does not begin as a checkpoint of this eyespot does"),
    "a plain torch file": (
        lambda data: data.partition(b"\n")[2],
        "it does not begin as a checkpoint of this eyespot does",
    ),
    "another version": (
        lambda data: data.replace(b"checkpoint 1", b"checkpoint 2", 1),
        "it does not begin as a checkpoint of this eyespot does",
    ),
    "no torch file": (lambda data: by_hand(b"hello"), "it is no checkpoint"),
    "a pickle that runs code": (
        lambda data: by_hand(of_torch(Attack())),
        "it is no checkpoint",
    ),
    "a list": (lambda data: by_hand(of_torch([1])), "it is of another training"),
    "another training": (
        lambda data: by_hand(of_torch({"plan": "q", "number": 9})),
        "it is of another training",
    ),
}


@pytest.mark.parametrize("kind", TORN)
def test_a_file_that_cannot_be_used_gives_way_to_the_one_before(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path)
    saved(run, 1, 2)
    spoil, reason = TORN[kind]
    run.resume.write_bytes(spoil(run.resume.read_bytes()))

    content, unusable = load_checkpoint(run, plan="p")

    assert content["number"] == 1
    assert unusable == [f"{run.resume} cannot be used: {reason}"]
    assert not Path("attacked").exists()


def test_where_both_are_torn_there_is_nothing_to_go_on_with(tmp_path):
    run = Run(tmp_path)
    saved(run, 1, 2)
    for path in (run.resume, run.previous):
        path.write_bytes(path.read_bytes()[:-1])

    content, unusable = load_checkpoint(run, plan="p")

    assert content is None
    assert len(unusable) == 2


def test_a_kill_between_the_two_renames_leaves_the_one_before(tmp_path, monkeypatch):
    run = Run(tmp_path)
    saved(run, 1)
    real = os.replace

    def replace_and_die(source, target):
        real(source, target)
        if target == run.previous:
            raise SystemExit  # stands for the kill

    monkeypatch.setattr(os, "replace", replace_and_die)
    with pytest.raises(SystemExit):
        saved(run, 2)
    monkeypatch.undo()

    content, unusable = load_checkpoint(run, plan="p")
    assert (content["number"], unusable) == (1, [])
    saved(run, 3)
    assert load_checkpoint(run, plan="p")[0]["number"] == 3
    run.resume.unlink()
    assert load_checkpoint(run, plan="p")[0]["number"] == 1


def test_removing_leaves_nothing_of_them(tmp_path):
    run = Run(tmp_path)
    saved(run, 1, 2)
    run.fresh.touch()
    run.asked.touch()

    remove_checkpoints(run)

    assert not os.listdir(tmp_path)


def test_a_full_disk_leaves_both_files_as_they_were(tmp_path, full_disk):
    run = Run(tmp_path)
    saved(run, 1, 2)
    before = {path: (tmp_path / path).read_bytes() for path in os.listdir(tmp_path)}

    with full_disk(5000), pytest.raises(ResourceError, match="resume.new cannot be written: File"):
        saved(run, 3)

    assert {path: (tmp_path / path).read_bytes() for path in os.listdir(tmp_path)} == before
    saved(run, 4)
    assert load_checkpoint(run, plan="p")[0]["number"] == 4
