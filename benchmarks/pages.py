"""How much of pages of handwritten digits does `eyespot transcribe` read, and in which order?

    python benchmarks/pages.py --run runs/mnist-1 [--part test] [--seeds 0 1 2] [--kinds plain ...]

The pages are made of MNIST's digits by tests/made_pages.py: one of each kind for each seed. Printed
per kind: the digits; the share found, by their boxes; the share found, read right and not refused;
the share refused; boxes where no digit is; pages with all digits in order; lines that are right to
the last space. What was chosen was chosen by pages of the training part.
"""

import argparse
import sys
import time
from functools import reduce
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import eyespot
from eyespot.line.transcribing import Transcript, transcripts
from eyespot.values.arrays import Array
from eyespot.values.dataset import Pictures
from eyespot.values.model import Model
from made_pages import KINDS, made_page
from page_scores import Score, page_score

_ROW = "{:<20}{:>8}{:>9}{:>9}{:>9}{:>7}{:>12}{:>11}"


def digits_of(part: str) -> tuple[Array, Array]:
    """Images, uint8 (N, 28, 28), and labels of MNIST's own training or test part."""
    data = eyespot.read("mnist")
    if data.parts is None:
        sys.exit("mnist has no parts of its own here")
    chosen = [row for row, own in enumerate(data.parts) if (own == "test") == (part == "test")]
    images = np.asarray(data.images)[chosen]
    return images.reshape(-1, 28, 28), data.labels[chosen]


def score_of(model: Model, name: str, seed: int, digits: tuple[Array, Array]) -> Score:
    number = 1000 * list(KINDS).index(name) + seed  # other digits on the pages of each kind
    page = made_page(*digits, KINDS[name], seed=number)
    (read,) = transcripts(model, Pictures(images=[page.pixels], names=("page",)))
    if not isinstance(read, Transcript):
        raise read[1]
    return page_score(page, read)


def row_of(name: str, score: Score) -> str:
    shares = (f"{num / score.digits:.4f}" for num in (score.found, score.right, score.refused))
    ordered = f"{score.ordered} of {score.pages}"
    lines = f"{score.same_lines / score.lines:.3f}"
    return _ROW.format(name, score.digits, *shares, score.extra, ordered, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True, help="a run or a model of MNIST's digits")
    parser.add_argument("--part", choices=("train", "test"), default="test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    given = parser.parse_args()
    model, digits = eyespot.load(given.run), digits_of(given.part)
    print(_ROW.format("kind", "digits", "found", "right", "refused", "extra", "in order", "lines"))
    scores, start = [], time.perf_counter()
    for name in given.kinds:
        own = [score_of(model, name, seed, digits) for seed in given.seeds]
        scores.append(reduce(Score.__add__, own))
        print(row_of(name, scores[-1]), flush=True)
    print(row_of("all", reduce(Score.__add__, scores)))
    print(f"{time.perf_counter() - start:.0f} s, making the pages included")


if __name__ == "__main__":
    main()
