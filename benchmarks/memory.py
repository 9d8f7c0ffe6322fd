"""How much memory a training takes, and what it costs to train from a file instead of memory.

    python benchmarks/memory.py path/to/cats-dogs

First whole commands, `eyespot train DATA --set size=N --set views=8000`: the most memory that the
process held. Then the same with the pixels in a file, as where they would take more than half of
the memory; what it holds of the file can be taken from it at any time, so that only the rest, which
cannot, is told.

Then epochs of some steps, in turns, with the pixels in memory, in a file that has been read before,
and in a file that is not in memory at all. For the last one the system forgets the whole file after
every step (posix_fadvise), so that every picture is read from the disk every time. A set a little
larger than memory is at an advantage over that: part of what it needs is still there. How long
forgetting takes does not count. All three must give the same losses to the last bit.

Prints the tables and writes memory.json. Needs Linux.
"""

import argparse
import copy
import itertools
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from eyespot.data import read
from eyespot.data.loading import Loaded, load_images
from eyespot.data.room import _mapping
from eyespot.data.survey import survey
from eyespot.images.brightness import mean_and_deviation
from eyespot.nets.build import build_net, fitted_net
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.loop import fit
from eyespot.training.origin import versions
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import read_recipe
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import find_world
from eyespot.values.dataset import Dataset
from eyespot.values.preparation import Preparation
from eyespot.values.training import Epoch

# No memory may be taken by pixels: as on a machine that is too small for the set.
NO_ROOM = "eyespot.data.room._memory"
FORCED = (
    "from unittest import mock; from eyespot.cli import main\n"
    f"with mock.patch('{NO_ROOM}', lambda: 0): main()"
)


def peak_of(data: str, size: int, *, forced: bool) -> dict[str, Any]:
    """The most bytes of a whole training: of all memory, and of what is no file."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", data, "--set", f"size={size}", "--set", "views=8000"]
        start = ["-c", FORCED] if forced else ["-m", "eyespot"]
        started, anonymous = time.perf_counter(), 0
        process = subprocess.Popen(
            [sys.executable, *start, *words, "--out", f"{folder}/run"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        status = Path(f"/proc/{process.pid}/status")
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            held = [line for line in status.read_text().splitlines() if "RssAnon" in line]
            anonymous = max([anonymous, *(1024 * int(line.split()[1]) for line in held)])
            time.sleep(0.02)
        assert process.stderr
        talk = process.stderr.read()
    if ended[1]:
        raise SystemExit(f"the training ended with status {ended[1]}\n{talk}")
    return {
        "size": size,
        "in a file": forced,
        "peak": 1024 * ended[2].ru_maxrss,
        "peak without files": anonymous,
        "seconds": time.perf_counter() - started,
    }


def load(data: Dataset, recipe: Recipe) -> Loaded:
    assert recipe.size and recipe.channels
    return load_images(data, size=recipe.size, channels=recipe.channels, fit=recipe.fit)


def load_into_file(data: Dataset, recipe: Recipe) -> tuple[Loaded, Callable[[], None]]:
    """The set in a file, and what makes the system forget that file."""
    handles: list[int] = []
    original = tempfile.TemporaryFile

    def noted(**given: Any) -> Any:
        file = original(**given)
        handles.append(os.dup(file.fileno()))
        return file

    with mock.patch("tempfile.TemporaryFile", noted), mock.patch(NO_ROOM, lambda: 0):
        loaded = load(data, recipe)
    (handle,), mapping = handles, _mapping(loaded.images)
    assert mapping is not None
    os.fsync(handle)  # what is not written yet cannot be forgotten

    def forget() -> None:
        mapping.madvise(mmap.MADV_DONTNEED)  # else it is in use
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    return loaded, forget


def epochs_of(
    loaded: Loaded, net: torch.nn.Module, recipe: Recipe, num: int, forget: Callable[[], None]
) -> Iterator[tuple[Epoch, float]]:
    """Each epoch of a training with `num` images an epoch, and its seconds without forgetting."""
    world, labels = find_world(), loaded.dataset.labels
    # Spread over the whole file.
    places = np.random.default_rng(0).permutation(len(labels))[:num].tolist()
    train = Samples.of(loaded.images, labels, world, places)
    none = Samples.of(loaded.images, labels, world, [])
    state = State.of(net, recipe, world, num_classes=len(loaded.dataset.classes))
    lost = 0.0

    def pause() -> bool:
        nonlocal lost
        started = time.perf_counter()
        forget()
        lost += time.perf_counter() - started
        return False

    for epoch in fit(state, train, none, recipe, world, pause=pause):
        yield epoch, epoch.seconds - lost
        lost = 0.0


def compare(data: Dataset, size: int, *, rounds: int, steps: int) -> dict[str, Any]:
    """Seconds of epochs in turns, and the median over the rounds of their ratios to memory's."""
    wish = read_recipe("standard", {"size": size, "epochs": rounds + 1, "balance": "none"})
    recipe = fitted_to_images(wish, survey(data))
    recipe = fitted_to_number(recipe, np.bincount(data.labels).tolist())
    assert recipe.batch and recipe.channels
    memory, (file, forget) = load(data, recipe), load_into_file(data, recipe)
    mean, deviation = mean_and_deviation(memory.images, range(min(len(memory.images), 512)))
    preparation = Preparation(
        size=size, channels=recipe.channels, fit=recipe.fit, mean=mean, std=deviation
    )
    spec = fitted_net(recipe.net, width=recipe.width, size=size, depth=recipe.depth)
    torch.manual_seed(0)
    net = build_net(spec, preparation, len(data.classes))

    def begin(loaded: Loaded, forget: Callable[[], None] = lambda: None) -> Any:
        return epochs_of(loaded, copy.deepcopy(net), recipe, steps * recipe.batch, forget)

    ways = {
        "memory": begin(memory),
        "file, read before": begin(file),
        "file, from disk": begin(file, forget),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in itertools.count():
        told = {}
        for way, epochs in ways.items():
            if way == "file, read before":
                file.images.max()
            elif way == "file, from disk":
                forget()
            if (found := next(epochs, None)) is None:
                break
            told[way] = found[0].train_loss
            if number:  # the first one warms the machine up
                seconds[way].append(found[1])
        if not told:
            break
        assert len(set(told.values())) == 1, f"other losses: {told}"
    ratios = {
        way: statistics.median(a / b for a, b in zip(own, seconds["memory"], strict=True))
        for way, own in seconds.items()
    }
    return {"size": size, "batch": recipe.batch, "steps": steps, "seconds": seconds} | {
        "ratios": ratios
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96, 128])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="in each epoch of a round")
    parser.add_argument("--out", type=Path, default=Path("memory.json"))
    given = parser.parse_args()
    kinds = [(size, False) for size in given.sizes] + [(given.sizes[-1], True)]
    peaks = []
    print("side  pixels in  most memory  without files  command")
    for size, forced in kinds:
        peaks.append(told := peak_of(given.data, size, forced=forced))
        print(
            f"{size:4}  {'a file' if forced else 'memory':9}  {told['peak'] / 1e9:8.2f} GB  "
            f"{told['peak without files'] / 1e9:10.2f} GB  {told['seconds']:5.0f} s"
        )
    data, times = read(given.data), []
    print(f"\nseconds for {given.steps} steps, median of {given.rounds} rounds; share of memory's")
    for size in given.sizes:
        times.append(found := compare(data, size, rounds=given.rounds, steps=given.steps))
        for way, seconds in found["seconds"].items():
            print(
                f"{size:4}  {way:17}  {statistics.median(seconds):7.2f} s  "
                f"{found['ratios'][way]:.3f}"
            )
    machine = {"threads": torch.get_num_threads(), "versions": versions()}
    machine["processor"] = torch.cpu.get_capabilities().get("cpu_name", "")
    given.out.write_text(json.dumps({"peaks": peaks, "times": times, **machine}, indent=2))


if __name__ == "__main__":
    main()
