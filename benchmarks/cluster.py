"""What predicting on Ray costs: whole commands, as a user types them, on one machine.

    python benchmarks/cluster.py prepare mnist /tmp/shards
    python benchmarks/cluster.py measure runs/mnist-1 /tmp/shards --way single --sizes 1000 10000
    python benchmarks/cluster.py table /tmp/shards

`prepare` packs the images of a set, repeated, as Parquet. `measure` runs `eyespot predict` on one
core (single: one process; ray-1: one worker) or on all (single-all, ray-2: two workers), and keeps
the seconds in times.csv beside the shards; call it for each way and as often as wanted. `table`
fits a line to the medians of each way: its start is what the command costs without an image, its
slope what one image costs, and its largest distance from a median says how straight it is.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from eyespot.data import read
from eyespot.data.packing import pack
from eyespot.values.dataset import Dataset

SIZES = (1_000, 10_000, 100_000)
WAYS = ("single", "single-all", "ray-1", "ray-2")


def prepare(name: str, folder: Path, sizes: list[int]) -> None:
    """Shards with so many images of a named set, which is repeated if it has fewer."""
    data = read(name)
    for size in sizes:
        places = np.arange(size) % len(data)
        images = np.asarray(data.images)[places]
        names = tuple(f"{number:07}" for number in range(size))
        many = Dataset(
            name=name,
            form="repeated",
            images=images,
            names=names,
            labels=data.labels[places],
            classes=data.classes,
        )
        pack(many, folder / str(size))


def seconds(way: str, model: Path, shards: Path) -> float:
    """Of the whole command, from its start to its end."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "eyespot", "predict", str(model), str(shards), "--out"]
        if way.startswith("single"):
            command += [f"{out}/answers.csv"]
        else:
            workers = way.removeprefix("ray-")
            command += [f"{out}/answers", "--cluster", "local", "--workers", workers]
        if way in ("single", "ray-1"):  # Ray's own processes share the core with the worker
            command = ["taskset", "-c", "0", *command]
        threads = {"OMP_NUM_THREADS": "1"} if way == "single" else {}
        started = time.perf_counter()
        subprocess.run(
            command,
            check=True,
            env=os.environ | threads,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - started


def measure(model: Path, folder: Path, way: str, sizes: list[int]) -> None:
    for size in sizes:
        took = seconds(way, model, folder / str(size))
        with open(folder / "times.csv", "a", newline="") as file:
            csv.writer(file).writerow((way, size, f"{took:.2f}"))
        print(f"{way} {size:,} images: {took:.1f} s", flush=True)


def table(folder: Path) -> None:
    """Prints a row for each way: medians of the runs, and the line that is nearest to them."""
    with open(folder / "times.csv", newline="") as file:
        rows = [(way, int(size), float(took)) for way, size, took in csv.reader(file)]
    print(
        "| way | median (least to most) of runs, s | line: start + an image | images/s | farthest |"
    )
    print("|---|---|---|---|---|")
    for way in WAYS:
        sizes = sorted({size for each, size, _ in rows if each == way})
        if len(sizes) < 2:
            continue
        runs = [[took for each, size, took in rows if (each, size) == (way, one)] for one in sizes]
        medians = np.array([np.median(each) for each in runs])
        slope, start = np.polyfit(sizes, medians, 1)
        off = np.abs(start + slope * np.array(sizes) - medians).max()
        told = "; ".join(
            f"{size:,}: {median:.1f} ({min(each):.1f} to {max(each):.1f}) of {len(each)}"
            for size, median, each in zip(sizes, medians, runs, strict=True)
        )
        line = f"{start:.1f} s + {1000 * slope:.3f} ms"
        print("|", " | ".join([way, told, line, f"{1 / slope:,.0f}", f"{off:.1f} s"]), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    made = verbs.add_parser("prepare")
    made.add_argument("data")
    made.add_argument("folder", type=Path)
    made.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    run = verbs.add_parser("measure")
    run.add_argument("model", type=Path)
    run.add_argument("folder", type=Path)
    run.add_argument("--way", choices=WAYS, required=True)
    run.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    verbs.add_parser("table").add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.verb == "prepare":
        prepare(given.data, given.folder, given.sizes)
    elif given.verb == "measure":
        measure(given.model, given.folder, given.way, given.sizes)
    else:
        table(given.folder)


if __name__ == "__main__":
    main()
