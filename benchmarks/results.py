"""The README's table: accuracy and seconds of the default recipe, one `eyespot train` per seed.

    python benchmarks/results.py --seeds 3 digits mnist path/to/cats-dogs path/to/english.csv

Every run is a whole command in a process of its own, from its start to its report. Prints a table
with the mean and the range over the seeds, and writes results.json with versions and processor.
The test part plays no role in any choice; it is looked at once at the end of each run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def measure(data: str, seed: int, recipe: str, more: Sequence[str], folder: Path) -> dict[str, Any]:
    """One training: what it printed, the seconds of the whole process, and where it ran.

    more: further arguments of the command.
    """
    out = folder / f"{Path(data).stem}-{Path(recipe).stem}-{seed}"
    command = [sys.executable, "-m", "eyespot", "train", data, "--recipe", recipe, *more]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--seed", str(seed), "--out", str(out), "--json"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    seconds = time.perf_counter() - started
    origin = json.loads((out / "origin.json").read_text())
    machine = {key: origin[key] for key in ("processor", "threads", "precision", "versions")}
    result = json.loads(done.stdout)
    return {
        "data": Path(data).stem,
        "recipe": " ".join([recipe, *more]),
        "seed": seed,
        "accuracy": result["accuracy"]["value"],
        "num_test": result["num_test"],
        "seconds": round(seconds, 1),
        "train_seconds": origin["train_seconds"],
        **machine,
    }


def row(results: list[dict[str, Any]]) -> str:
    """A line of the table: mean accuracy with its range, median seconds with theirs."""
    accuracies = [result["accuracy"] for result in results]
    seconds = [result["seconds"] for result in results]
    first = results[0]
    train_seconds = statistics.median(result["train_seconds"] for result in results)
    return (
        f"| `{first['data']}` | {first['num_test']:,} | {statistics.mean(accuracies):.4f} "
        f"({min(accuracies):.4f} to {max(accuracies):.4f}) | {train_seconds:.1f} s | "
        f"{statistics.median(seconds):.0f} s "
        f"({min(seconds):.0f} to {max(seconds):.0f}) |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--recipe", default="standard")
    parser.add_argument("--set", action="append", default=[], help="as of eyespot train")
    parser.add_argument("--minutes", help="as of eyespot train")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results.json"))
    arguments = parser.parse_args()
    more = [word for setting in arguments.set for word in ("--set", setting)]
    if arguments.minutes:
        more += ["--minutes", arguments.minutes]
    everything = []
    print("| data | test images | accuracy, mean (range) | training | whole command (range) |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for data in arguments.data:
            seeds = range(arguments.seeds)
            results = [measure(data, seed, arguments.recipe, more, Path(folder)) for seed in seeds]
            print(row(results), flush=True)
            everything += results
            arguments.out.write_text(json.dumps(everything, indent=2) + "\n")


if __name__ == "__main__":
    main()
