"""A batch in halves, and the workers that take them."""

import os
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eyespot.nets.build import build_net, fitted_net
from eyespot.training.loop import fit
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.shards import Shards, num_shards
from eyespot.training.state import State
from eyespot.training.workers import together
from eyespot.training.world import World
from eyespot.values.preparation import Preparation

CPU = World(torch.device("cpu"), torch.float32, 1)
PREPARATION = Preparation(size=12, channels=1, fit="pad", mean=(0.5,), std=(0.3,))


def some_net(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    spec = fitted_net("convnet", width=8, size=12, dropout=dropout)
    return build_net(spec, PREPARATION, 3).to(memory_format=torch.channels_last)


def test_results_come_in_the_order_of_the_tasks() -> None:
    assert together([partial(time.sleep, 0.05), *(partial(int, n) for n in range(20))])[1:] == [
        *range(20)
    ]


def test_every_task_has_its_share_of_the_threads_and_the_caller_keeps_all() -> None:
    before = torch.get_num_threads()
    try:
        for threads, share in ((1, 1), (2, 1), (3, 1), (4, 2)):
            torch.set_num_threads(threads)
            assert together([torch.get_num_threads] * 4) == [share] * 4
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_an_error_comes_after_all_tasks_are_over() -> None:
    over = []

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        together([fails, lambda: over.append(1), lambda: over.append(2)])
    assert sorted(over) == [1, 2]


def test_halves_give_the_gradient_of_the_whole_batch_where_nothing_is_normalised() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 100, 3))
    x, labels = torch.randn(31, 1, 12, 12), torch.arange(31) % 3
    F.cross_entropy(net(x), labels).backward()
    whole = [weight.grad.clone() for weight in net.parameters() if weight.grad is not None]
    shards = Shards(net, 2)
    shards.begin()
    for each, part in zip(shards.nets, torch.tensor_split(torch.arange(31), 2), strict=True):
        (F.cross_entropy(each(x[part]), labels[part]) * len(part) / 31).backward()
    shards.gather()
    for weight, gradient in zip(net.parameters(), whole, strict=True):
        assert torch.allclose(weight.grad, gradient, atol=1e-6)


def test_the_nets_share_weights_and_the_first_has_the_mean_of_the_statistics() -> None:
    net = some_net()
    shards = Shards(net, 2)
    shards.begin()
    dark, light = torch.zeros(8, 1, 12, 12), torch.full((8, 1, 12, 12), 255.0)
    alone = []
    for each, x in zip(shards.nets, (dark, light), strict=True):
        each(x).sum().backward()
        alone.append([b.clone() for b in each.buffers() if b.is_floating_point()])
    shards.gather()
    statistics = [b for b in net.buffers() if b.is_floating_point()]
    assert not all(torch.equal(a, b) for a, b in zip(*alone, strict=True))
    for mean, one, other in zip(statistics, *alone, strict=True):
        assert torch.allclose(mean, (one + other) / 2)
    with torch.no_grad():
        next(net.parameters()).add_(1)
    assert torch.equal(next(shards.nets[1].parameters()), next(net.parameters()))
    shards.begin()
    for mean, other in zip(net.buffers(), shards.nets[1].buffers(), strict=True):
        assert torch.equal(mean, other)


@pytest.mark.parametrize(
    ("dropout", "batch", "size", "device", "num"),
    [
        (0.0, 64, 32, "cpu", 2),
        (0.5, 64, 32, "cpu", 1),
        (0.0, 63, 32, "cpu", 1),
        (0.0, 64, 8, "cpu", 1),
        (0.0, 16, 96, "cpu", 1),
        (0.0, 64, 32, "cuda", 1),
    ],
)
def test_large_batches_are_halved_on_a_processor(
    dropout: float, batch: int, size: int, device: str, num: int
) -> None:
    world = World(torch.device(device), torch.float32, 2)
    assert num_shards(some_net(dropout), Recipe(batch=batch, size=size), world) == num


def test_a_training_in_halves_that_is_paused_goes_on_to_the_same_bits() -> None:
    recipe = Recipe(
        batch=64, epochs=2, size=32, optimizer="muon", rate=0.01, balance="none", flip=False
    )
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (192, 32, 32, 1), np.uint8)
    train = Samples.of(images, np.arange(192) % 3, CPU)
    none = Samples.of(images[:0], np.arange(0), CPU)
    spec = fitted_net("convnet", width=4, size=32)

    def trained(stops: int) -> State:
        state = State.of(build_net(spec, PREPARATION, 3), recipe, CPU, num_classes=3)
        torch.manual_seed(0)
        for weight in state.net.parameters():
            torch.nn.init.normal_(weight, std=0.1)
        for _ in range(stops):
            assert not list(fit(state, train, none, recipe, CPU, pause=lambda: True))
        list(fit(state, train, none, recipe, CPU))
        return state

    assert num_shards(trained(0).net, recipe, CPU) == 2
    whole, paused = trained(0), trained(2)
    assert whole.step == paused.step == 6
    for one, other in zip(
        whole.net.state_dict().values(), paused.net.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


TRAIN = """
import hashlib, sys, numpy as np, torch
torch.set_num_threads(int(sys.argv[1]))
from eyespot.nets.build import build_net, fitted_net
from eyespot.training.loop import fit
from eyespot.training.loop import fit
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import World
from eyespot.values.preparation import Preparation
world = World(torch.device("cpu"), getattr(torch, sys.argv[3]), int(sys.argv[1]))
recipe = Recipe(batch=128, epochs=2, size=24, optimizer=sys.argv[2], rate=0.01, balance="none",
                flip=False, brightness=0.1, contrast=0.1, seed=3)
random = np.random.default_rng(0)
images = random.integers(0, 256, (256, 24, 24, 1), np.uint8)
labels = random.integers(0, 4, 256)
shape = Preparation(size=24, channels=1, fit="pad", mean=(0.5,), std=(0.3,))
torch.manual_seed(0)
net = build_net(fitted_net("convnet", width=16, size=24), shape, 4)
train = Samples.of(images, labels, world)
none = Samples.of(images[:0], labels[:0], world)
list(fit(State.of(net, recipe, world, num_classes=4), train, none, recipe, world))
digest = hashlib.sha256()
for tensor in net.state_dict().values():
    digest.update(tensor.numpy().tobytes())
print(digest.hexdigest())
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@pytest.mark.parametrize(("optimizer", "dtype"), [("muon", "bfloat16"), ("adamw", "float32")])
def test_one_core_and_two_train_the_same_net_to_the_bit(optimizer: str, dtype: str) -> None:
    one, two = (
        subprocess.run(
            [sys.executable, "-c", TRAIN, threads, optimizer, dtype],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    )
    assert one == two
