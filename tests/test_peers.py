"""Several processes make the steps of one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

# A training in one process, and again in several that meet at a file: the curves of losses and
# accuracies, and the sum of each tensor of the final weights, as JSON. torch is imported once.
TRAINING = """
import json, os, sys
import numpy as np, torch
import torch.distributed as dist
from eyespot.nets.layerlist import BatchNorm, Conv, Dense, Flatten, Pool
from eyespot.training.loop import fit
from eyespot.training.peers import Peers
from eyespot.training.recipe import Recipe
from eyespot.training.fitting import fitted_to_images, fitted_to_number
from eyespot.training.randomness import seeded
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import World
from eyespot.nets.build import build_net, fitted_net
from eyespot.values.preparation import Preparation
from eyespot.data.survey import Survey

nums, folder, size, fields = map(json.loads, sys.argv[1:5])

def training(rank, num):
    peers = None
    if num > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/meet-{num}", rank=rank, world_size=num)
        peers = Peers(rank, num)
    torch.set_num_threads(1)
    world = World(torch.device("cpu"), torch.float32, 1, peers)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    images = rng.integers(0, 80, (300, size, size, 1)).astype(np.uint8)
    for label in range(3):
        images[labels == label, label * size // 3 : (label + 1) * size // 3] += 90
    wish = Recipe(**{"epochs": 3, "batch": 64, "size": size, "kind": "ink", "rate": 0.02,
        "optimizer": "sgd", "flip": False, **fields})
    looks = Survey(side=size, coloured=False, kind="ink")
    recipe = fitted_to_number(fitted_to_images(wish, looks), [80, 80, 80])
    spec = fitted_net(recipe.net, width=8, size=size, layers=recipe.layers, dropout=recipe.dropout)
    shape = Preparation(size=size, channels=1, fit="pad", mean=(0.3,), std=(0.2,))
    with seeded(0, "weights"):
        net = build_net(spec, shape, 3)
    state = State.of(net, recipe, world, num_classes=3)
    train = Samples.of(images, labels, world, range(240))
    valid = Samples.of(images, labels, world, range(240, 300))
    told = [[e.train_loss, e.train_accuracy, e.valid_loss, e.valid_accuracy]
            for e in fit(state, train, valid, recipe, world)]
    return told, {name: float(tensor.double().sum()) for name, tensor in state.best.items()}

for num in nums:
    children = []
    for rank in range(num):
        child = os.fork()
        if not child:
            told = training(rank, num)
            if rank == 0:
                with open(f"{folder}/told-{num}", "w") as file:
                    json.dump(told, file)
            if num > 1:
                dist.barrier()
            os._exit(0)
        children.append(child)
    assert not any(os.waitpid(child, 0)[1] for child in children)
"""

PLAIN = [
    {"type": "conv", "filters": 8, "kernel": 3},
    {"type": "pool"},
    {"type": "flatten"},
    {"type": "dense", "units": 16},
    {"type": "dense"},
]


def curves(folder: Path, nums: list[int], *, size: int, **fields: object):
    """What so many processes gave: a row of four numbers for each epoch, and the weights' sums."""
    told = map(json.dumps, (nums, str(folder), size, fields))
    subprocess.run([sys.executable, "-c", TRAINING, *told], check=True, timeout=400)
    return [json.loads((folder / f"told-{num}").read_text()) for num in nums]


@pytest.mark.slow
@pytest.mark.parametrize("size", [12, 32], ids=["one shard", "two shards"])
def test_without_batch_normalisation_the_losses_are_those_of_one_process(tmp_path, size):
    fields = {"layers": PLAIN, "mixup": 0.2, "erase": 0.3, "ema": 0.9}

    (one, weights), *several = curves(tmp_path, [1, 2, 4], size=size, **fields)

    assert one[-1][0] < one[0][0]
    for told, others in several:
        assert told == [pytest.approx(row, abs=1e-5) for row in one]
        assert others == pytest.approx(weights, abs=1e-3)


@pytest.mark.slow
def test_with_batch_normalisation_the_losses_are_those_of_one_process(tmp_path):
    (one, weights), *several = curves(tmp_path, [1, 2, 3, 4], size=12)

    for told, others in several:
        assert told == [pytest.approx(row, abs=2e-4) for row in one]
        assert others == pytest.approx(weights, rel=1e-3, abs=2e-2)


@pytest.mark.slow
def test_processes_with_dropout_and_weighted_classes_learn_together(tmp_path):
    ((told, _),) = curves(tmp_path, [2], size=12, balance="weights", dropout=0.2)

    assert told[-1][0] < 0.9 * told[0][0]


def test_places_cover_each_shard_once():
    from eyespot.training.peers import Peers

    assert [Peers(rank, 4).place(2) for rank in range(4)] == [
        (0, 0, 2),
        (0, 1, 2),
        (1, 0, 2),
        (1, 1, 2),
    ]
    assert [Peers(rank, 3).place(1) for rank in range(3)] == [(0, 0, 3), (0, 1, 3), (0, 2, 3)]
    assert [Peers(rank, 2).place(2) for rank in range(2)] == [(0, 0, 1), (1, 0, 1)]
