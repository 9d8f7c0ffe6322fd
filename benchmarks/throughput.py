"""How much of the machine a training step uses: its products per second over those of a bare matrix
product in the same precision, measured in turns.

    python benchmarks/throughput.py --size 28 --channels 1 --batch 512

A step is what `fit` does: augmentation, forward, backward, optimizer. Only the multiplications of
convolutions and dense layers count as its work, two operations each, three times for forward and
both backward products (the first layer has no gradient of its input). Prints a table and writes
throughput.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eyespot.nets.build import build_net, fitted_net
from eyespot.training.loop import fit
from eyespot.training.origin import versions
from eyespot.training.recipefile import read_recipe
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import World, find_world
from eyespot.values.preparation import Preparation

SIDE = 2048  # of the bare product's matrices


def operations(net: nn.Module, x_BCHW: Tensor) -> float:
    """Of one training step on this batch."""
    counts: list[float] = []

    def count(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        weights = layer.get_parameter("weight")
        products = output.numel() * weights[0].numel()
        counts.append(2.0 * products * (3 if counts else 2))

    hooks = [
        layer.register_forward_hook(count)
        for layer in net.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        net(x_BCHW)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def product_rate(world: World, times: int = 5) -> float:
    """Operations per second of a bare matrix product; the best of some, after one to warm up."""
    a, b = (torch.randn(SIDE, SIDE, dtype=world.dtype, device=world.device) for _ in range(2))
    torch.mm(a, b)
    return 2.0 * SIDE**3 / min(seconds(lambda: torch.mm(a, b)) for _ in range(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=1)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--recipe", default="standard")
    parser.add_argument("--optimizer", default="muon")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="in each round")
    parser.add_argument("--out", type=Path, default=Path("throughput.json"))
    given = parser.parse_args()
    world = find_world()
    size, channels, batch = given.size, given.channels, given.batch
    fields: dict[str, object] = {
        "size": size,
        "channels": channels,
        "batch": batch,
        "epochs": given.rounds + 1,
    }
    fields["optimizer"] = given.optimizer
    rest: dict[str, object] = {
        "flip": False,
        "brightness": 0.0,
        "contrast": 0.0,
        "rate": 1e-3,
        "balance": "none",
    }
    recipe = read_recipe(given.recipe, fields | rest)
    preparation = Preparation(
        size=size, channels=channels, fit="pad", mean=(0.5,) * channels, std=(0.3,) * channels
    )
    spec = fitted_net(recipe.net, width=recipe.width, size=size, depth=recipe.depth)
    net = build_net(spec, preparation, 10)
    random, num = np.random.default_rng(0), batch * given.steps
    images = random.integers(0, 256, (num, size, size, channels), np.uint8)
    train = Samples.of(images, np.arange(num) % 10, world)
    none = Samples.of(images[:0], np.arange(0), world)
    work = operations(net, torch.zeros(batch, channels, size, size))
    state = State.of(net, recipe, world, num_classes=10)
    shares, rates = [], []
    for epoch in fit(state, train, none, recipe, world):
        rate, product = given.steps * work / epoch.seconds, product_rate(world)
        if epoch.epoch > 1:  # the first one warms the machine up
            shares.append(rate / product)
            rates.append((rate, product))
    step_rate, product = (statistics.median(column) for column in zip(*rates, strict=True))
    share = statistics.median(shares)
    print(f"{world.precision} on {world.threads} threads, {size}x{size}x{channels}, batch {batch}")
    print(f"a bare product   {product / 1e12:.3f} TFLOP/s")
    images_rate = batch * step_rate / work
    print(f"a training step  {step_rate / 1e12:.3f} TFLOP/s, {images_rate:,.0f} images/s")
    print(f"share            {share:.2f} ({min(shares):.2f} to {max(shares):.2f})")
    machine = {"precision": world.precision, "threads": world.threads, "versions": versions()}
    machine["processor"] = torch.cpu.get_capabilities().get("cpu_name", "")
    result = {"share": share, "shares": shares, "rates": rates, "operations": work, **machine}
    given.out.write_text(json.dumps({"size": size, "batch": batch, **result}, indent=2))


if __name__ == "__main__":
    main()
