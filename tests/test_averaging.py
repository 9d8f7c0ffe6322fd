"""The running average of a net."""

import io

import pytest
import torch
from torch import Tensor, nn

from eyespot.training.averaging import Average


def tiny_net(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten())


def changed(net: nn.Module, step: int) -> nn.Module:
    """The net after a step: other weights, and running statistics of another batch."""
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator))
        net.train()(torch.rand(4, 1, 5, 5, generator=generator))
    return net


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_an_average_equals_a_slow_sum(decay: float) -> None:
    net = tiny_net()
    average, seen = Average(net, decay), [weights(net)]

    for step in range(20):
        average.update(changed(net, step), step)
        seen.append(weights(net))

    shares = [1.0]
    for step in range(20):
        kept = min(decay, (1 + step) / (10 + step))
        shares = [*(share * kept for share in shares), 1 - kept]
    assert sum(shares) == pytest.approx(1)
    for name, tensor in average.net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert int(tensor) == 20
        else:
            pairs = zip(shares, seen, strict=True)
            slow = sum(share * one[name].double() for share, one in pairs)
            assert tensor.double().numpy() == pytest.approx(slow.numpy(), abs=1e-6)  # type: ignore[union-attr]


def test_an_average_begins_as_the_net_and_is_none_of_its_memory() -> None:
    net = tiny_net()
    before = weights(net)

    average = Average(net, 0.9)
    changed(net, 0)

    assert all(torch.equal(before[name], t) for name, t in average.net.state_dict().items())


def test_an_average_evaluates_and_wants_no_gradient() -> None:
    average = Average(tiny_net().train(), 0.9)
    average.update(changed(tiny_net(), 0), 0)

    assert not any(module.training for module in average.net.modules())
    assert not average.net(torch.rand(1, 1, 5, 5)).requires_grad


def test_updating_leaves_the_net_alone() -> None:
    net = changed(tiny_net(), 0)
    before = weights(net)

    Average(tiny_net(1), 0.9).update(net, 3)

    assert all(torch.equal(before[name], t) for name, t in net.state_dict().items())


def test_an_average_goes_on_from_its_file_to_the_bit() -> None:
    net, again = tiny_net(), tiny_net()
    whole, first = Average(net, 0.9), Average(net, 0.9)
    for step in range(3):
        changed(net, step)
        whole.update(net, step)
        first.update(net, step)
    file = io.BytesIO()
    torch.save([first.net.state_dict(), net.state_dict()], file)
    file.seek(0)

    stored, weights_of_net = torch.load(file, weights_only=True)
    second = Average(again, 0.9)
    second.net.load_state_dict(stored)
    again.load_state_dict(weights_of_net)
    for step in range(3, 6):
        whole.update(changed(net, step), step)
        second.update(changed(again, step), step)

    resumed = second.net.state_dict()
    assert all(torch.equal(t, resumed[name]) for name, t in whole.net.state_dict().items())


def test_an_average_keeps_the_layout_of_the_net() -> None:
    net = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    average = Average(net, 0.9)
    average.update(net, 0)

    weight = average.net.get_parameter("weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
