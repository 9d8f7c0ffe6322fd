"""What a pretrained backbone gives on cats and dogs, and in what time: the table of
docs/pretrained.md.

    python benchmarks/pretrained.py path/to/cats-dogs path/to/mobilenet_v1_0.75_224 [--finetune]
        [--strange path/to/english.csv path/to/photographed-characters/english.csv] [--alike]

Every training is a command of its own; the cache begins empty. No choice is made by a test part.
strange: sets that have nothing to do with the photos, of which a share is shown to the first model.
alike: whether `check --backbone` finds copies of photos that were cropped, turned and so on.
What is compared for speed are prepared pictures in memory: features by eyespot on all cores, and by
the package transformers as it comes, in float32 with batches of 16.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

import eyespot
from eyespot.data import read
from eyespot.images.decode import open_image
from eyespot.line.likeness import unit
from eyespot.line.oddness import ALIKE
from eyespot.models.predict import prepared
from eyespot.nets.pretrained import read_backbone
from eyespot.nets.standing import net_on, prepared_as, spec_on
from eyespot.training.extraction import BATCH, fastest
from eyespot.training.world import find_world
from eyespot.values.arrays import Array

NUM_TIMED = 480
NUM_COPIED = 250
SEEDS = 3


def _cropped(photo: Image.Image, share: float) -> Image.Image:
    margins = [round(side * (1 - share) / 2) for side in photo.size]
    return photo.crop((margins[0], margins[1], photo.width - margins[0], photo.height - margins[1]))


def _compressed(photo: Image.Image) -> Image.Image:
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed to quality 20": _compressed,
    "half the size": lambda photo: photo.resize((photo.width // 2, photo.height // 2)),
    "brighter by a half": lambda photo: ImageEnhance.Brightness(photo).enhance(1.5),
    "the middle 90 % of each side": lambda photo: _cropped(photo, 0.9),
    "the middle 75 % of each side": lambda photo: _cropped(photo, 0.75),
    "turned by 5 degrees": lambda photo: photo.rotate(5, Image.Resampling.BICUBIC),
    "mirrored": ImageOps.mirror,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("backbone")
    parser.add_argument("--finetune", action="store_true", help="also the recipe finetune, minutes")
    parser.add_argument("--strange", nargs="*", default=[], metavar="SET")
    parser.add_argument("--alike", action="store_true")
    asked = parser.parse_args()
    ours, theirs = speeds(Path(asked.backbone))
    print(f"features a second: {ours:.0f}, transformers {theirs:.0f}: {ours / theirs:.1f} times")
    with tempfile.TemporaryDirectory() as folder:
        for line in trainings(asked.data, asked.backbone, Path(folder), finetune=asked.finetune):
            print(line, flush=True)
        for line in refusals(Path(folder) / "cold", asked.data, asked.strange):
            print(line, flush=True)
        if asked.alike:
            for line in copies(asked.data, asked.backbone):
                print(line, flush=True)


def refusals(run: Path, data: str, strange: Sequence[str]) -> Iterator[str]:
    """The share of pictures of each kind that the model of a run does not know."""
    model = eyespot.load(run)
    rng, side = np.random.default_rng(0), model.preparation.size
    kinds: dict[str, Sequence[Any]] = {
        f"{name}, every 17th": [*eyespot.read(name).images][::17] for name in strange
    }
    kinds["noise in colour"] = list(rng.integers(0, 256, (100, side, side, 3)).astype(np.uint8))
    colours = rng.integers(0, 256, (100, 1, 1, 3)).astype(np.uint8)
    kinds["one colour"] = list(np.broadcast_to(colours, (100, side, side, 3)))
    parts = {row["name"]: row["part"] for row in csv.DictReader(open(run / "split.csv"))}
    dataset = eyespot.read(data)
    pairs = zip(dataset.names, dataset.images, strict=True)
    kinds["its own test part"] = [image for name, image in pairs if parts.get(name) == "test"]
    for name, pictures in kinds.items():
        said = model.predict(pictures)
        share = np.mean([one.unknown for one in said])
        yield f"unknown of {name}: {share:.3f} of {len(said)}"


def copies(data: str, folder: str) -> Iterator[str]:
    """The cosines of photos and their copies, beside the threshold of `check --backbone`."""
    backbone, world = read_backbone(Path(folder)), find_world()
    size = backbone.size
    shape = prepared_as(backbone, size=size, fit="pad")
    net = net_on(backbone, spec_on(backbone, size=size), shape, num_classes=2)
    extractor = fastest(net, "one", world, size=size)
    width = spec_on(backbone, size=size).depths[-1]

    def features(pictures: Sequence[Image.Image]) -> Array:
        ready = np.stack([prepared(np.asarray(one), shape) for one in pictures])
        batches = [ready[at : at + BATCH] for at in range(0, len(ready), BATCH)]
        return unit(np.concatenate([extractor(one) for one in batches])[:, -width:])

    dataset = eyespot.read(data)
    places = np.random.default_rng(0).permutation(len(dataset))[:NUM_COPIED]
    photos = [
        Image.fromarray(open_image(dataset.images[place]).pixels.squeeze()).convert("RGB")
        for place in places
    ]
    own = features(photos)
    for name, change in CHANGES.items():
        cosines = (own * features([change(photo) for photo in photos])).sum(axis=1)
        low = np.quantile(cosines, 0.05)
        yield (
            f"{name}: {(cosines > ALIKE).mean():.3f} of {len(photos)} are above {ALIKE}; 5 % are "
            f"below {low:.3f}"
        )
    others = own @ own.T
    np.fill_diagonal(others, 0)
    yield (
        f"other photos: the nearest of each is at {np.quantile(others.max(axis=1), 0.95):.3f} or "
        f"less for 95 %, above {ALIKE} for {(others.max(axis=1) > ALIKE).sum()}"
    )


def trainings(data: str, backbone: str, folder: Path, *, finetune: bool) -> Iterator[str]:
    """A line for each row of the table."""

    def train(name: str, *words: str, recipe: str = "features") -> dict[str, Any]:
        command = [sys.executable, "-m", "eyespot", "train", data, "--recipe", recipe, "--json"]
        command += ["--set", f"backbone={backbone}", "--out", str(folder / name), *words]
        variables = os.environ | {"EYESPOT_CACHE": str(folder / "cache")}
        started = time.perf_counter()
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout) | {"wall": time.perf_counter() - started}

    def told(name: str, result: dict[str, Any]) -> str:
        accuracy = result["accuracy"]
        interval = f"{accuracy['low']:.4f} to {accuracy['high']:.4f}"
        return f"{name}: {accuracy['value']:.4f} ({interval}), {result['wall']:.1f} s"

    yield told("features, cold", first := train("cold"))
    yield told("features, warm", train("warm"))
    seeds = [first, *(train(f"seed{seed}", "--seed", str(seed)) for seed in range(1, SEEDS))]
    values = [one["accuracy"]["value"] for one in seeds]
    spread = f"{min(values):.4f} to {max(values):.4f}"
    yield f"features, {SEEDS} seeds: mean {np.mean(values):.4f} ({spread})"
    for num, draws in ((100, 3), (10, 3), (1, 3)):
        found = []
        for draw in range(draws):
            table = write_split(folder / f"{num}-{draw}.csv", data, num, draw)
            found.append(train(f"few{num}-{draw}", "--split", str(table)))
        values = [one["accuracy"]["value"] for one in found]
        spread = f"{min(values):.4f} to {max(values):.4f}"
        yield f"{num} a class, {draws} draws: mean {np.mean(values):.4f} ({spread})"
    if finetune:
        yield told("finetune", train("finetune", recipe="finetune"))


def write_split(path: Path, data: str, num: int, seed: int) -> Path:
    """A table that gives the training so many images a class, a tenth of them to validate by."""
    dataset = read(data)
    parts = np.full(len(dataset), "test", object)
    for label in range(len(dataset.classes)):
        own = np.random.default_rng([seed, label]).permutation(
            np.flatnonzero(dataset.labels == label)
        )
        parts[own[:num]] = "train"
        parts[own[: num // 10] if num > 1 else own[:0]] = "valid"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "label", "part"))
        rows = zip(dataset.names, dataset.labels, parts, strict=True)
        writer.writerows((name, dataset.classes[label], part) for name, label, part in rows)
    return path


def speeds(folder: Path) -> tuple[float, float]:
    """Pictures a second: eyespot's on all cores, and those of transformers in float32."""
    import transformers

    backbone, world = read_backbone(folder), find_world()
    size = backbone.size
    shape = prepared_as(backbone, size=size, fit="pad")
    net = net_on(backbone, spec_on(backbone, size=size), shape, num_classes=2)
    pictures = np.random.default_rng(0).integers(0, 256, (NUM_TIMED, size, size, 3), np.uint8)
    batches = [pictures[at : at + BATCH] for at in range(0, NUM_TIMED, BATCH)]
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        scaled = [torch.from_numpy(b).permute(0, 3, 1, 2).float() / 127.5 - 1 for b in batches]
        theirs(scaled[0])
        started = time.perf_counter()
        for batch in scaled:
            theirs(batch)
        plain = NUM_TIMED / (time.perf_counter() - started)
    torch.set_num_threads(1)
    extractor = fastest(net, "one", world, size=size)
    with ThreadPoolExecutor(world.threads) as pool:
        list(pool.map(extractor, batches[: world.threads]))
        started = time.perf_counter()
        list(pool.map(extractor, batches))
        return NUM_TIMED / (time.perf_counter() - started), plain


if __name__ == "__main__":
    main()
