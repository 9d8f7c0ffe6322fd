"""Seconds of training until MNIST's test part is 99 % right: eyespot beside Keras and PyTorch.

    python benchmarks/race.py path/to/mnist --seeds 5 --python path/to/python/with/tensorflow

Runs `eyespot train --recipe quick`, its schedule fixed beforehand by --set, and after every run one
peer, so that all of them see the same machine. Prints a table and writes race.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import eyespot

PEERS = {
    "Keras, two convolutions": "keras_two_conv.py",
    "PyTorch's example": "pytorch_example.py",
}


def eyespot_run(data: str, seed: int, settings: list[str], folder: Path) -> dict[str, Any]:
    """One training: seconds of its epochs with their validation, accuracy on the test part."""
    out = folder / f"run-{seed}"
    command = [sys.executable, "-m", "eyespot", "train", data, "--recipe", "quick", "--json"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(
        [*command, "--seed", str(seed), "--out", str(out)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    origin = json.loads((out / "origin.json").read_text())
    return {
        "seconds": origin["train_seconds"],
        "whole": origin["seconds"],
        "accuracy": json.loads(done.stdout)["accuracy"]["value"],
        "machine": {key: origin[key] for key in ("processor", "threads", "precision", "versions")},
    }


def peer_run(python: str, script: str, arrays: Path, epochs: int) -> dict[str, Any]:
    """One training of a peer, in its own process."""
    path = Path(__file__).parent / "peers" / script
    done = subprocess.run(
        [python, str(path), str(arrays), "--epochs", str(epochs)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def write_arrays(data: str, path: Path) -> None:
    """The set's own training and test part, as the peers read them."""
    dataset = eyespot.read(data)
    images, parts = np.asarray(dataset.images), np.array([part or "" for part in dataset.parts])
    arrays = {}
    for part in ("train", "test"):
        arrays[f"x_{part}"] = images[parts == part]
        arrays[f"y_{part}"] = dataset.labels[parts == part]
    np.savez(path, **arrays)


def row(name: str, results: list[dict[str, Any]], fastest: float) -> str:
    seconds = [result["seconds"] for result in results]
    accuracies = [result["accuracy"] for result in results]
    middle = statistics.median(seconds)
    return (
        f"| {name} | {len(results)} | {middle:.1f} s ({min(seconds):.1f} to {max(seconds):.1f}) | "
        f"{statistics.mean(accuracies):.4f} ({min(accuracies):.4f} to {max(accuracies):.4f}) | "
        f"{middle / fastest:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--python", default=sys.executable, help="with tensorflow and torch")
    parser.add_argument("--peers", type=int, default=1, help="how often each peer is run")
    parser.add_argument("--epochs", type=int, default=3, help="of each peer")
    parser.add_argument("--out", type=Path, default=Path("race.json"))
    given = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {"eyespot": [], **{name: [] for name in PEERS}}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "mnist.npz"
        write_arrays(given.data, arrays)
        for seed in range(given.seeds):
            run = eyespot_run(given.data, seed, given.settings, Path(folder))
            results["eyespot"].append(run)
            if seed < given.peers:
                for name, script in PEERS.items():
                    python = given.python if "keras" in script else sys.executable
                    results[name].append(peer_run(python, script, arrays, given.epochs))
    fastest = statistics.median(run["seconds"] for run in results["eyespot"])
    print("| what | runs | seconds of training | test accuracy | times eyespot |")
    print("|---|---|---|---|---|")
    for name, runs in results.items():
        if runs:
            print(row(name, runs, fastest))
    given.out.write_text(json.dumps({"settings": given.settings, "results": results}, indent=2))


if __name__ == "__main__":
    main()
