"""What predicting on Ray costs: whole commands, as a user types them, on one machine.

    python benchmarks/cluster.py prepare mnist shards
    python benchmarks/cluster.py measure runs/mnist-1 shards --way single --sizes 1000 10000
    python benchmarks/cluster.py table shards

`prepare` packs the images of a set, repeated, as Parquet. `measure` runs `eyespot predict` on one
core (single: one process; ray-1: one worker) or on all (single-all, ray-2: two workers), and keeps
the seconds in times.csv beside the shards, by the clock and of processor time, which other work
disturbs less; call it for each way and as often as wanted. `table` fits a line to the medians of
each way: its start is what the command costs without an image, its slope what one image costs, and
its largest distance from a median says how straight it is.
"""

import argparse
import contextlib
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eyespot.data import read
from eyespot.data.packing import pack
from eyespot.values.dataset import Dataset

SIZES = (1_000, 10_000, 100_000)
KINDS = ((2, ""), (3, ", processor"))  # columns of times.csv
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


def seconds(way: str, model: Path, shards: Path) -> tuple[float, float | None]:
    """Of the whole command: by the clock, and of processor time, Ray's own processes included.

    The latter is None where no control group can be made to count it (Linux, as root).
    """
    with tempfile.TemporaryDirectory() as out, counted() as group:
        command = [sys.executable, "-m", "eyespot", "predict", str(model), str(shards), "--out"]
        if way.startswith("single"):
            command += [f"{out}/answers.csv"]
        else:
            workers = way.removeprefix("ray-")
            command += [f"{out}/answers", "--cluster", "local", "--workers", workers]
        if way in ("single", "ray-1"):  # Ray's own processes share the core with the worker
            command = ["taskset", "-c", "0", *command]
        if group:  # the shell moves itself into the group, and becomes the command
            join = f'echo $$ > {group}/cgroup.procs; exec "$@"'
            command = ["bash", "-c", join, "bash", *command]
        threads = {"OMP_NUM_THREADS": "1"} if way == "single" else {}
        started = time.perf_counter()
        subprocess.run(
            command,
            check=True,
            env=os.environ | threads,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - started, used(group) if group else None


@contextlib.contextmanager
def counted() -> Iterator[Path | None]:
    """A control group whose processor time the kernel counts; None where none can be made."""
    for root in (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")):
        group = root / f"eyespot-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            if (group / "cgroup.procs").exists():
                break
            group.rmdir()
    else:
        yield None
        return
    yield group
    with contextlib.suppress(OSError):  # somebody is still in it
        group.rmdir()


def used(group: Path) -> float:
    """Processor time of a control group, in seconds."""
    usage = group / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / 1e9
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6


def measure(model: Path, folder: Path, way: str, sizes: list[int]) -> None:
    for size in sizes:
        took, cpu = seconds(way, model, folder / str(size))
        with open(folder / "times.csv", "a", newline="") as file:
            row = (way, size, f"{took:.2f}", "" if cpu is None else f"{cpu:.2f}")
            csv.writer(file).writerow(row)
        told = "" if cpu is None else f", {cpu:.1f} s of processor time"
        print(f"{way} {size:,} images: {took:.1f} s{told}", flush=True)


def table(folder: Path) -> None:
    """Prints rows for each way, by the clock and of processor time: medians, and their line."""
    with open(folder / "times.csv", newline="") as file:
        rows = [(*row, "")[:4] for row in csv.reader(file)]
    print(
        "| way | median (least to most) of runs, s | line: start + an image | images/s | farthest |"
    )
    print("|---|---|---|---|---|")
    for way, column, kind in ((way, column, kind) for way in WAYS for column, kind in KINDS):
        times: dict[int, list[float]] = {}
        for row in rows:
            if row[0] == way and row[column]:
                times.setdefault(int(row[1]), []).append(float(row[column]))
        if len(times) < 2:
            continue
        sizes = np.array(sorted(times))
        medians = np.array([np.median(times[size]) for size in sizes])
        slope, start = np.polyfit(sizes, medians, 1)
        off = np.abs(start + slope * sizes - medians).max()
        told = "; ".join(
            f"{size:,}: {median:.1f} ({min(times[size]):.1f} to {max(times[size]):.1f}) of "
            f"{len(times[size])}"
            for size, median in zip(sizes, medians, strict=True)
        )
        line = f"{start:.1f} s + {1000 * slope:.3f} ms"
        print(
            "|", " | ".join([f"{way}{kind}", told, line, f"{1 / slope:,.0f}", f"{off:.1f} s"]), "|"
        )


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
