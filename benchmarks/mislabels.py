"""Wrong labels put into a set on purpose, and how many of them `suspects` finds.

    python benchmarks/mislabels.py mnist --seeds 3
    python benchmarks/mislabels.py digits path/to/english.csv --seeds 3 --recipe standard

Gives 5 % of all images, those of the test part too, another label, each other class as likely;
trains five folds and ranks all images by what the model says that has not seen them. Prints a line
for each seed and set; ends with 1 where fewer than 95 % of them are in the first 6 %.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import eyespot
from eyespot.evaluation.suspects import most_suspicious, suspects
from eyespot.values.arrays import Array
from eyespot.values.dataset import Dataset

FIRST = 0.06  # the share of the ranking that is looked at
WANTED = 0.95


def mislabelled(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Array]:
    """The set with this share of its labels wrong, and which they are, bool (N,)."""
    random = np.random.default_rng(seed)
    wrong = np.zeros(len(dataset), bool)
    wrong[random.permutation(len(dataset))[: round(share * len(dataset))]] = True
    steps = random.integers(1, len(dataset.classes), len(dataset)) * wrong
    return replace(dataset, labels=(dataset.labels + steps) % len(dataset.classes)), wrong


def judged(data: str, recipe: str, share: float, seed: int) -> float:
    """Prints what is found in one set; returns the share of wrong labels that come first."""
    started, cpu = time.perf_counter(), time.process_time()
    original = eyespot.read(data)
    dataset, wrong = mislabelled(original, share, seed)
    settings = {"folds": 5, "split": "stratified", "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        trained = eyespot.train(dataset, recipe=recipe, settings=settings, out=f"{folder}/run")
        said = trained.run.read_predictions("test")
    places = {name: place for place, name in enumerate(dataset.names)}
    found = wrong[[places[name] for name in said.names]]
    first = found[most_suspicious(said)][: round(FIRST * len(said))].sum() / found.sum()
    sure = [places[one.name] for one in suspects(said) if one.sure]
    proposed = [one.proposed for one in suspects(said) if one.sure]
    mended = [original.classes[original.labels[place]] for place in sure]
    hits = int(wrong[sure].sum())
    agreed = sum(new == old for new, old in zip(proposed, mended, strict=True))
    print(
        f"{Path(data).stem}, seed {seed}: {found.sum():,} of {len(said):,} labels are wrong, "
        f"{first:.4f} of them in the first {FIRST:.0%}; sure of {len(sure):,}: "
        f"precision {hits / max(len(sure), 1):.4f}, recall {hits / found.sum():.4f}, "
        f"{agreed:,} proposals right; {time.perf_counter() - started:.0f} s, "
        f"{time.process_time() - cpu:.0f} s of processor",
        flush=True,
    )
    return float(first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--share", type=float, default=0.05)
    given = parser.parse_args()
    firsts = [
        judged(data, given.recipe, given.share, seed)
        for data in given.data
        for seed in range(given.seeds)
    ]
    sys.exit(min(firsts) < WANTED)


if __name__ == "__main__":
    main()
