"""How much faster a second `eyespot check` of unchanged files is, each a whole process.

    python benchmarks/second_check.py path/to/cats-dogs path/to/mnist

The first check has an empty cache. Prints a line for each set: the first check, the median of the
later ones, and the ratio.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds_of(data: str, out: Path, cache: Path) -> float:
    """Of one check, from the start of its process to its end."""
    command = [sys.executable, "-m", "eyespot", "check", str(Path(data).resolve()), f"--out={out}"]
    environment = os.environ | {"EYESPOT_CACHE": str(cache)}
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    for data in given.data:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first, *later = (
                seconds_of(data, folder / f"out-{number}", folder / "cache")
                for number in range(given.repeats + 1)
            )
        again = statistics.median(later)
        print(f"{Path(data).name}: {first:.2f} s, then {again:.2f} s: {first / again:.0f} times")


if __name__ == "__main__":
    main()
