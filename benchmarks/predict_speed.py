"""How fast thousands of pictures are predicted, held against decoding them and nothing else.

    python benchmarks/predict_speed.py MODEL FOLDER [--num 10000] [--rounds 3]
    python benchmarks/predict_speed.py MODEL mnist-jpegs      # MNIST's test digits, as JPEG files

Three things in turn, so many rounds of them in one process, on all cores: decode the pictures;
decode and prepare them; decode, prepare and answer, as `eyespot predict` does. Processor time says
the same where other programs want the cores, too.
Where there are fewer pictures than --num, they are read again from the first.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from PIL import Image

import eyespot
from eyespot.data import pictures
from eyespot.images.decode import open_image
from eyespot.images.parallel import in_order, num_cores
from eyespot.models.predict import Asked, answers, prepared
from eyespot.values.model import Model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_digits(Path(scratch)) if given.folder == "mnist-jpegs" else given.folder
        found = list(pictures([folder]).images)
        images = list(islice(cycle(found), given.num))
        model = eyespot.load(given.model)
        kinds: dict[str, Callable[[], Any]] = {
            "decode": lambda: exhaust(in_order(open_image, images, batch=16)),
            "decode and prepare": lambda: exhaust(
                in_order(lambda one: prepared(one, model.preparation), images, batch=16)
            ),
            "answer": lambda: answer(model, images),
        }
        speeds: dict[str, list[float]] = {name: [] for name in kinds}
        costs: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(given.rounds):
            for name, work in kinds.items():
                started, busy = time.perf_counter(), time.process_time()
                work()
                speeds[name].append(len(images) / (time.perf_counter() - started))
                costs[name].append(1e6 * (time.process_time() - busy) / len(images))
    print(f"{given.model}: {len(images):,} pictures of {given.folder}, {num_cores()} cores")
    for name, values in speeds.items():
        told = ", ".join(f"{value:,.0f}" for value in values)
        cost = statistics.median(costs[name])
        print(f"{name:<20}{statistics.median(values):>8,.0f} a second ({told}), {cost:.0f} us each")
    for name in ("decode", "decode and prepare"):
        speed = statistics.median(
            own / other for own, other in zip(speeds["answer"], speeds[name], strict=True)
        )
        cost = statistics.median(costs[name]) / statistics.median(costs["answer"])
        print(f"answers at {speed:.2f} of the speed of '{name}' ({cost:.2f} by processor time)")


def exhaust(results: Any) -> None:
    for _ in results:
        pass


def answer(model: Model, images: list[Any]) -> None:
    exhaust(answers(model, images, map(str, range(len(images))), Asked()))


def write_digits(folder: Path) -> Path:
    """The 10,000 test digits, each a JPEG of the quality that Pillow takes on its own."""
    test = eyespot.read("mnist").images[-10_000:]
    for number, pixels in enumerate(test):
        Image.fromarray(pixels).save(folder / f"{number:05}.jpg")
    return folder


if __name__ == "__main__":
    main()
