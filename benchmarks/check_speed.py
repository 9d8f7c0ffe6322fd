"""How fast the check of a set is, beside cleanvision on the same files in the same run.

    python benchmarks/check_speed.py path/to/cats-dogs --repeats 3

Each measurement is a whole process, from its start to its list of issues, in turn: eyespot with an
empty cache, eyespot once more, cleanvision. Both use all cores. Prints a table of medians and
writes check_speed.json with versions and processor.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EYESPOT = """
import sys, json, collections
from pathlib import Path
import PIL, numpy, eyespot
from eyespot.data.checkup import check
checked = check(sys.argv[1], cache=Path(sys.argv[2]))
kinds = collections.Counter(issue.kind for issue in checked.issues)
versions = {"eyespot": eyespot.__version__, "numpy": numpy.__version__, "pillow": PIL.__version__}
print(json.dumps({"num": len(checked.facts), "issues": kinds, "versions": versions}))
"""

CLEANVISION = """
import sys, json
from importlib.metadata import version
from cleanvision import Imagelab
if __name__ == "__main__":
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues(verbose=False)
    kinds = dict(zip(lab.issue_summary["issue_type"], map(int, lab.issue_summary["num_images"])))
    versions = {name: version(name) for name in ("cleanvision", "numpy", "pillow")}
    print(json.dumps({"num": len(lab.issues), "issues": kinds, "versions": versions}))
"""


def measure(python: str, code: str, *arguments: str) -> dict[str, Any]:
    """One process: the last line that it printed, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")  # processes that it starts must find its code again
        script.write_text(code)
        started = time.perf_counter()
        done = subprocess.run(
            [python, str(script), *arguments],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
        )
        seconds = time.perf_counter() - started
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "seconds": seconds}


def row(tool: str, results: list[dict[str, Any]]) -> str:
    """A line of the table: the median of the seconds, with their range, and images a second."""
    seconds = [result["seconds"] for result in results]
    median = statistics.median(seconds)
    return (
        f"| {tool} | {median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}) "
        f"| {results[0]['num'] / median:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--cleanvision-python", default=sys.executable, help="where it is installed"
    )
    parser.add_argument("--out", type=Path, default=Path("check_speed.json"))
    chosen = parser.parse_args()
    data = str(chosen.data.absolute())
    results: dict[str, list[dict[str, Any]]] = {}
    for repeat in range(chosen.repeats):
        with tempfile.TemporaryDirectory() as cache:
            tools = {
                "eyespot check": (sys.executable, EYESPOT, data, cache),
                "eyespot check, again": (sys.executable, EYESPOT, data, cache),
                "cleanvision": (chosen.cleanvision_python, CLEANVISION, data),
            }
            for tool, command in tools.items():
                result = measure(*command)
                results.setdefault(tool, []).append(result)
                print(f"{repeat} {tool}: {result['seconds']:.2f} s", file=sys.stderr)
    print("| tool | seconds, median (range) | images a second |\n|---|---|---|")
    for tool, found in results.items():
        print(row(tool, found))
    first, again, other = (
        statistics.median(result["seconds"] for result in found) for found in results.values()
    )
    print(
        f"\n{other / first:.1f} times as fast as cleanvision; the second check {first / again:.1f}"
    )
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    chosen.out.write_text(json.dumps({**machine, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
