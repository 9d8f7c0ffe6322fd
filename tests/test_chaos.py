"""Processes that are killed, interrupted or run out of disk, and what the next one makes of it."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import eyespot
from conftest import TINY, write_pictures

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
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
# Forks a process for each line of orders, {"arguments", "talk", "die_at", "eager"}, so that each
# starts with torch imported. eager: checkpoints after every step. die_at: kills itself at this
# call, from 1, of what changes a file system.
FORKER = """
import json, os, signal, sys, time
import sklearn.datasets, torch, torch._dynamo
import eyespot.line.learning as learning, eyespot.line.training as training
import eyespot.models.torch_model, eyespot.training.checkpoint, eyespot.training.loop
import eyespot.training.origin, eyespot.training.state
from eyespot.cli import main

training.report = lambda run: run.report.write_text("a page")
torch.set_num_threads(1)
calls = 0

def mortal(function, die_at):
    def call(*args, **options):
        global calls
        calls += 1
        if calls == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return call

def run(order):
    with open(order["talk"], "w") as talk:
        os.dup2(talk.fileno(), 1)
        os.dup2(talk.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["eager"]:
        learning._LEAST_SECONDS, learning._MOST_SHARE = 0, float("inf")
    if order["die_at"]:
        for name in ("fsync", "replace", "unlink", "mkdir"):
            setattr(os, name, mortal(getattr(os, name), order["die_at"]))
    sys.argv = ["eyespot", *order["arguments"]]
    try:
        main()
    except SystemExit as ended:
        return ended.code or 0
    finally:
        sys.stderr.flush()

print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if not pid:
        code = 99
        try:
            code = run(order)
        finally:
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Trainer:
    """Runs `eyespot train` in one process after the other."""

    def __init__(self, folder):
        self.talk = folder / "talk.txt"
        self.forker = subprocess.Popen(
            [sys.executable, "-c", FORKER],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(eyespot.__file__).parents[1]),
                "OMP_NUM_THREADS": "1",
                "GOMP_SPINCOUNT": "0",
            },
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_on_one_core,
        )
        assert self.forker.stdout.readline() == "ready\n"

    def start(self, *arguments, eager=False, die_at=0):
        """The number of the new process."""
        self.talk.unlink(missing_ok=True)
        order = {"arguments": [str(a) for a in arguments], "talk": str(self.talk)}
        print(json.dumps({**order, "eager": eager, "die_at": die_at}), file=self.forker.stdin)
        self.forker.stdin.flush()
        return int(self.forker.stdout.readline())

    def end(self):
        """The exit code, negative for a signal, and what was said."""
        return int(self.forker.stdout.readline()), self.talk.read_text()

    def run(self, *arguments, **options):
        self.start(*arguments, **options)
        return self.end()

    def close(self):
        self.forker.communicate()


def _on_one_core():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    trainer = Trainer(tmp_path_factory.mktemp("trainer"))
    yield trainer
    trainer.close()


def options(**fields):
    return [f"--set={field}={value}" for field, value in fields.items()]


def digests(run):
    """SHA-256 of what an undisturbed run and a resumed one have in common."""
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in EQUAL}


def wait_for(path, process):
    """Waits until the file is there, or the process is not."""
    deadline = time.monotonic() + 60
    while not path.exists():
        os.kill(process, 0)
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.001)


LONG = options(**{**TINY, "epochs": 60})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("chaos") / "pictures")


@pytest.fixture(scope="module")
def undisturbed(trainer, pictures, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    code, talk = trainer.run("train", pictures, *LONG, "--out", run)
    assert code == 0, talk
    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_process_whose_run_goes_on(
    trainer, pictures, undisturbed, tmp_path, number, code
):
    run = tmp_path / "run"
    process = trainer.start("train", pictures, *LONG, "--out", run, eager=True)
    wait_for(run / "resume.pt", process)
    os.kill(process, number)
    ended, talk = trainer.end()

    assert ended == code, talk
    assert "epoch 60/60" not in talk
    assert talk.splitlines()[-1].endswith(f"; go on with: eyespot train --resume {run}")
    code, talk = trainer.run("train", "--resume", run)
    assert code == 0, talk
    assert digests(run) == digests(undisturbed)


def test_a_second_ctrl_c_ends_it_at_once_and_harms_nothing(
    trainer, pictures, undisturbed, tmp_path
):
    run = tmp_path / "run"
    process = trainer.start("train", pictures, *LONG, "--out", run, eager=True)
    wait_for(run / "resume.pt", process)
    for _ in range(2):
        os.kill(process, signal.SIGINT)
    ended, talk = trainer.end()

    assert ended == 130, talk
    assert "Traceback" not in talk
    code, talk = trainer.run("train", "--resume", run)
    assert code == 0, talk
    assert digests(run) == digests(undisturbed)


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of another process")
def test_a_disk_that_fills_up_in_the_middle_ends_with_4(trainer, pictures, undisturbed, tmp_path):
    import resource

    run = tmp_path / "run"
    process = trainer.start("train", pictures, *LONG, "--out", run, eager=True)
    wait_for(run / "resume-previous.pt", process)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    ended, talk = trainer.end()

    assert ended == 4, talk
    last = talk.splitlines()[-1]
    assert "cannot be written: File too large" in last
    assert last.endswith(f"; go on with: eyespot train --resume {run}")
    assert not [name for name in os.listdir(run) if name.startswith(".")]
    code, talk = trainer.run("train", "--resume", run)
    assert code == 0, talk
    assert "going on after" in talk
    assert "cannot be used" not in talk
    assert digests(run) == digests(undisturbed)


def test_two_processes_cannot_train_one_run(trainer, pictures, tmp_path):
    run = tmp_path / "run"
    process = trainer.start("train", pictures, *LONG, "--out", run, eager=True)
    wait_for(run / "resume.pt", process)
    os.kill(process, signal.SIGSTOP)
    try:
        second = subprocess.run(
            [sys.executable, "-m", "eyespot", "train", "--resume", str(run)],
            env={**os.environ, "PYTHONPATH": str(Path(eyespot.__file__).parents[1])},
            capture_output=True,
            text=True,
        )
    finally:
        os.kill(process, signal.SIGCONT)
        os.kill(process, signal.SIGKILL)
        trainer.end()

    assert (second.returncode, second.stdout) == (4, "")
    assert second.stderr == (
        f"eyespot: {run} is being written by another process; wait for it or name another folder\n"
    )
    # The lock went with its owner.
    assert trainer.run("train", "--resume", run)[0] == 0


# --- at every moment

DIGITS = options(epochs=12, width=8, batch=128)


@pytest.fixture(scope="module")
def digits(trainer, tmp_path_factory):
    """The run that nothing disturbs, and the seconds it took."""
    run = tmp_path_factory.mktemp("digits") / "run"
    started = time.monotonic()
    code, talk = trainer.run("train", "digits", *DIGITS, "--out", run)
    assert code == 0, talk
    return digests(run), time.monotonic() - started


@pytest.mark.slow
def test_fifty_kills_at_random_moments_change_no_bit(trainer, digits, tmp_path):
    """Every other process saves after every step, so that many are killed while they do."""
    expected, seconds = digits
    moments = random.Random(0)
    num_kills, found, unfinished = 0, [], False
    while num_kills < 50 or unfinished:
        run = tmp_path / f"run-{len(found)}"
        unfinished = (run / "resume.json").exists()
        if not unfinished:
            shutil.rmtree(run, ignore_errors=True)  # killed before it was asked for anything
        arguments = ["--resume", run] if unfinished else ["digits", *DIGITS, "--out", run]
        process = trainer.start("train", *arguments, eager=num_kills % 2 == 1)
        moment = moments.uniform(0, 0.9 * seconds)
        timer = threading.Timer(moment if num_kills < 50 else 600, os.kill, (process, 9))
        timer.start()
        code, talk = trainer.end()
        timer.cancel()
        timer.join()
        if code == -9:
            num_kills, unfinished = num_kills + 1, True
        else:
            assert code == 0, talk
            found.append(digests(run))
            unfinished = False

    assert found == [expected] * len(found)
    assert found


@pytest.mark.slow
def test_a_kill_at_every_change_of_a_file_changes_no_bit(trainer, tmp_path):
    """Each file operation of a small training is the last one of a process."""
    data = write_pictures(tmp_path / "pictures", num=8)
    settings = options(**{**TINY, "epochs": 1, "batch": 8})
    whole = tmp_path / "whole"
    assert trainer.run("train", data, *settings, "--out", whole, eager=True)[0] == 0
    expected, names = digests(whole), sorted(os.listdir(whole))

    for die_at in range(1, 1000):
        run = tmp_path / f"run-{die_at}"
        arguments = ["train", data, *settings, "--out", run]
        code, talk = trainer.run(*arguments, eager=True, die_at=die_at)
        if code == 0:  # it has fewer operations
            break
        assert code == -9, talk
        if not run.exists():
            continue
        finished = (run / "origin.json").exists() and not (
            (run / "resume.pt").exists() or (run / "resume-previous.pt").exists()
        )
        if (run / "resume.json").exists() and not finished:
            code, talk = trainer.run("train", "--resume", run)
            assert code == 0, (die_at, talk)
        elif not finished:  # not even resume.json: there is nothing to lose
            assert not [name for name in os.listdir(run) if not name.startswith(".")], die_at
            continue
        assert digests(run) == expected, die_at
        left = sorted(set(os.listdir(run)) - {"resume.json", ".lock"})
        assert left == names, die_at

    assert die_at > 30


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_two_thousand_epochs_leave_memory_and_file_handles_flat(monkeypatch, tmp_path):
    from eyespot.line import Silence, learning, train

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr("eyespot.line.single.report", lambda run: None)
    monkeypatch.setattr(learning, "_LEAST_SECONDS", 0.01)
    monkeypatch.setattr(learning, "_MOST_SHARE", 0.5)
    page, found = os.sysconf("SC_PAGE_SIZE"), {}

    class Watch(Silence):
        def epoch(self, epoch, num):
            if epoch.epoch in (500, 2000):
                resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
                found[epoch.epoch] = resident, len(os.listdir("/proc/self/fd"))

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (24, 8, 8)).astype(np.uint8)

    train(
        (images, np.arange(24) % 2),
        settings={**TINY, "epochs": 2000, "patience": 5000},
        out=tmp_path / "run",
        progress=Watch(),
    )

    (early, handles), (late, handles_later) = found[500], found[2000]
    assert late - early < 8 * 2**20
    assert handles_later == handles
