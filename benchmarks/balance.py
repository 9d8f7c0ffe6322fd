"""Is it better to weigh small classes, to show them more often, or to do nothing?

Makes a balanced set imbalanced (the training and validation images of its classes fall
geometrically, the smallest class has 1 / RATIO of the largest), trains, and prints the balanced
accuracy on the untouched, balanced test part.

    python benchmarks/balance.py digits --ratio 20 --seeds 5
"""

import argparse
import statistics
import tempfile
from collections import Counter

import numpy as np

import eyespot
from eyespot.data.selection import selected
from eyespot.line import plan
from eyespot.values.dataset import Dataset


def imbalanced(source: str, *, ratio: float, seed: int, settings: dict[str, object]) -> Dataset:
    """The set with its parts fixed, and fewer images to train on, class by class."""
    planned = plan(source, settings={**settings, "seed": seed})
    dataset, parts = planned.loaded.dataset, planned.split.parts
    num_classes = len(dataset.classes)
    rank = np.random.default_rng(seed).permutation(num_classes)
    shares = ratio ** (-rank / max(num_classes - 1, 1))
    order = np.random.default_rng(seed + 1).permutation(len(dataset))
    sizes = Counter(zip(parts, dataset.labels.tolist(), strict=True))
    taken: Counter[tuple[str, int]] = Counter()
    kept = []
    for index in order.tolist():
        key = (parts[index], int(dataset.labels[index]))
        if key[0] == "test" or taken[key] < max(1, round(sizes[key] * shares[key[1]])):
            taken[key] += 1
            kept.append(index)
    kept.sort()
    fixed = Dataset(
        name=dataset.name,
        form=dataset.form,
        images=dataset.images,
        names=dataset.names,
        labels=dataset.labels,
        classes=dataset.classes,
        parts=parts,
    )
    return selected(fixed, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--ratio", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--recipe", default="quick")
    options = parser.parse_args()
    settings = eyespot.training.recipefile.parse_settings(options.settings)
    scores: dict[str, list[float]] = {"none": [], "weights": [], "sampling": []}
    for seed in range(options.seeds):
        dataset = imbalanced(options.source, ratio=options.ratio, seed=seed, settings=settings)
        for balance, found in scores.items():
            with tempfile.TemporaryDirectory() as folder:
                trained = eyespot.train(
                    dataset,
                    recipe=options.recipe,
                    settings={**settings, "seed": seed, "balance": balance},
                    out=folder,
                )
            assert trained.evaluation
            found.append(trained.evaluation.balanced_accuracy.value)
            print(f"seed {seed}  {balance:<8}  {found[-1]:.4f}", flush=True)
    for balance, found in scores.items():
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        print(f"{balance:<8}  {statistics.mean(found):.4f} +- {spread:.4f} (n = {len(found)})")


if __name__ == "__main__":
    import eyespot.training.recipefile

    main()
