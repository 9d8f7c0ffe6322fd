"""Optimizers: torch's own where it has them, and resumed to the bit."""

import copy
import io
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from eyespot.nets.convnet import ConvNet
from eyespot.training.muon import Muon, hidden_and_others, orthogonal
from eyespot.training.optimizers import build_optimizer
from eyespot.training.recipe import OptimizerName, Recipe

NAMES = [name for name in get_args(OptimizerName) if name != "auto"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny_net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConvNet(1, 3, stem=4, widths=(8, 16), stride=1)


def moved(net: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> Tensor:
    """All weights after these steps, each on a batch of its own and at a rate of its own."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        x = torch.rand(6, 1, 8, 8, generator=generator)
        for group in optimizer.param_groups:
            group["lr"] = 0.01 / (1 + step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), torch.arange(6) % 3).backward()
        optimizer.step()
    return torch.cat([weight.detach().flatten() for weight in net.parameters()])


def recipe(name: str, **fields: Any) -> Recipe:
    return Recipe(**{"optimizer": name, "rate": 0.01, **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"optimizer": "adamw"},
            lambda w: torch.optim.AdamW(w, weight_decay=0.05, fused=True),
        ),
        (
            {"optimizer": "adamw", "weight_decay": 0},
            lambda w: torch.optim.AdamW(w, weight_decay=0, fused=True),
        ),
        ({"optimizer": "adam"}, lambda w: torch.optim.Adam(w, fused=True)),
        (
            {"optimizer": "adam", "weight_decay": 0.1},
            lambda w: torch.optim.Adam(w, weight_decay=0.1, fused=True),
        ),
        ({"optimizer": "rmsprop"}, lambda w: torch.optim.RMSprop(w, alpha=0.9)),
        (
            {"optimizer": "rmsprop", "momentum": 0.5, "weight_decay": 0.1},
            lambda w: torch.optim.RMSprop(w, alpha=0.9, momentum=0.5, weight_decay=0.1),
        ),
        (
            {"optimizer": "sgd"},
            lambda w: torch.optim.SGD(
                w, lr=1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
            ),
        ),
        (
            {"optimizer": "sgd", "momentum": 0, "weight_decay": 0},
            lambda w: torch.optim.SGD(w, lr=1, fused=True),
        ),
    ],
)
def test_what_torch_has_is_torchs_own_to_the_bit(fields: dict[str, Any], expected: Any) -> None:
    ours, theirs = tiny_net(), tiny_net()

    weights = moved(ours, build_optimizer(ours, Recipe(**{"rate": 0.01, **fields})), range(5))

    assert torch.equal(weights, moved(theirs, expected(theirs.parameters()), range(5)))


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_moves_all_weights_and_starts_at_the_recipes_rate(name: str) -> None:
    net = tiny_net()
    before = [weight.detach().clone() for weight in net.parameters()]
    optimizer = build_optimizer(net, recipe(name))

    assert {group["lr"] for group in optimizer.param_groups} == {0.01}
    moved(net, optimizer, range(2))

    pairs = zip(before, net.parameters(), strict=True)
    assert all(not torch.equal(old, new) and torch.isfinite(new).all() for old, new in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_goes_on_from_its_file_to_the_bit(name: str) -> None:
    whole, halved = tiny_net(), tiny_net()
    first = build_optimizer(halved, recipe(name))
    moved(halved, first, range(3))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)

    # An optimizer that has done steps already forgets them.
    again = build_optimizer(halved, recipe(name))
    other = copy.deepcopy(halved.state_dict())
    moved(halved, again, range(7, 9))
    halved.load_state_dict(other)
    again.load_state_dict(torch.load(file, weights_only=True))
    weights = moved(halved, again, range(3, 6))

    assert torch.equal(weights, moved(whole, build_optimizer(whole, recipe(name)), range(6)))


# --- muon


def test_muon_takes_the_hidden_weights_and_adamw_all_others() -> None:
    net = tiny_net()

    hidden, others = hidden_and_others(net)

    names = {id(weight): name for name, weight in net.named_parameters()}
    assert [names[id(weight)] for weight in hidden] == [
        f"stages.{stage}.conv{number}.weight" for stage in (0, 1) for number in (1, 2)
    ]
    assert sorted(map(id, [*hidden, *others])) == sorted(names)
    assert {"stem.weight", "head.weight", "head.bias"} <= {names[id(weight)] for weight in others}


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_muon_of_a_matrix_is_torchs_own_to_the_bit(shape: tuple[int, int]) -> None:
    def after(make: Any) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        weight = nn.Parameter(torch.randn(shape, generator=generator))
        optimizer = make(weight)
        for _ in range(5):
            weight.grad = torch.randn(shape, generator=generator)
            optimizer.step()
        return weight.detach()

    settings: dict[str, Any] = {"weight_decay": 0.1, "momentum": 0.9}
    ours = after(lambda weight: Muon([weight], [], rate=0.02, **settings))
    theirs = after(
        lambda weight: torch.optim.Muon(
            [weight], lr=0.02, adjust_lr_fn="match_rms_adamw", **settings
        )
    )

    assert torch.equal(ours, theirs)


def test_muon_of_a_convolution_is_that_of_its_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    start, gradient = torch.randn(2, 6, 4, 3, 3, generator=generator).unbind()
    layout = torch.channels_last
    conv = nn.Parameter(start.clone().contiguous(memory_format=layout))
    rows = nn.Parameter(start.reshape(6, -1).clone())
    conv.grad = gradient.contiguous(memory_format=layout)
    rows.grad = gradient.reshape(6, -1)

    Muon([conv, rows], [], rate=0.1, weight_decay=0.1, momentum=0.9).step()

    assert torch.equal(conv.reshape(6, -1), rows)
    assert conv.is_contiguous(memory_format=layout)


def test_the_others_of_muon_go_as_adamw_takes_them() -> None:
    ours, theirs = tiny_net(), tiny_net()

    muon = Muon([], ours.parameters(), rate=0.01, weight_decay=0.05, momentum=0.9)
    adamw = torch.optim.AdamW(theirs.parameters(), weight_decay=0.05)

    assert torch.allclose(
        moved(ours, muon, range(5)), moved(theirs, adamw, range(5)), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("shape", [(3, 40), (40, 3), (20, 20)])
def test_orthogonal_evens_the_singular_values_and_keeps_the_directions(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)

    found = orthogonal(matrix)

    values = torch.diagonal(u.T @ found @ vt.T)
    assert 0.5 < float(values.min()) <= float(values.max()) < 1.3
    rest = found - u @ torch.diag(values) @ vt
    assert float(rest.abs().max()) < 0.05


def test_no_gradient_moves_nothing() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    zero = nn.Parameter(torch.ones(2, 2))
    zero.grad = torch.zeros(2, 2)

    Muon([weight, zero], [], rate=0.1, weight_decay=0, momentum=0.9).step()

    assert torch.equal(weight, torch.ones(2, 2))
    assert torch.equal(zero, torch.ones(2, 2))
