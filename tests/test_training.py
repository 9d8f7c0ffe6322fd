"""The loop, its augmentation and its randomness; schedules and recipes have tests of their own."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eyespot.errors import EyespotError
from eyespot.nets.build import build_net, fitted_net
from eyespot.training.augmentation import augment, move, relight
from eyespot.training.length import num_batches, num_epochs, num_steps
from eyespot.training.loop import fit, measure
from eyespot.training.randomness import seeded, stream
from eyespot.training.recipe import Recipe
from eyespot.training.samples import Samples
from eyespot.training.state import State
from eyespot.training.world import World, fast_bfloat16, find_world
from eyespot.values.preparation import Preparation
from eyespot.values.training import Epoch

STILL = Recipe(optimizer="muon", rotate=0, shift=0, zoom=0, flip=False, brightness=0, contrast=0)
CPU = World(torch.device("cpu"), torch.float32, 1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe(**fields: Any) -> Recipe:
    return STILL.model_copy(
        update={"size": 8, "channels": 1, "epochs": 2, "batch": 16, "rate": 0.01, **fields}
    )


def samples(num: int, *, size: int = 8, channels: int = 1, seed: int = 0) -> Samples:
    """Noise with a bright upper half, class 1, or a bright lower half, class 0."""
    random = np.random.default_rng(seed)
    labels = np.arange(num, dtype=np.int64) % 2
    images = random.integers(0, 128, (num, size, size, channels), np.uint8)
    for image, label in zip(images, labels, strict=True):
        half = slice(None, size // 2) if label else slice(size // 2, None)
        image[half] += 100
    return Samples.of(images, labels, CPU)


def tiny_net(*, size: int = 8, channels: Any = 1) -> nn.Module:
    preparation = Preparation(
        size=size, channels=channels, fit="pad", mean=(0.4,) * channels, std=(0.3,) * channels
    )
    with seeded(0, "weights"):
        return build_net(fitted_net("convnet", width=4, size=size), preparation, 2)


def fitted(
    net: nn.Module, train: Samples, valid: Samples, recipe: Recipe, world: World = CPU
) -> Iterator[Epoch]:
    """A whole training of the net."""
    return fit(State.of(net, recipe, world, num_classes=2), train, valid, recipe, world)


def weights(net: nn.Module) -> Tensor:
    return torch.cat([tensor.double().flatten() for tensor in net.state_dict().values()])


# --- the loop


def test_it_learns_what_is_plain_to_see() -> None:
    net = tiny_net()

    epochs = list(fitted(net, samples(200), samples(60, seed=1), recipe(epochs=8)))

    assert [epoch.epoch for epoch in epochs] == list(range(1, 9))
    assert epochs[-1].valid_accuracy == epochs[-1].train_accuracy == 1
    assert epochs[-1].train_loss < epochs[0].train_loss


def test_an_epoch_tells_the_numbers_of_a_slow_reference() -> None:
    net, part = tiny_net(), samples(30, seed=1)

    (epoch,) = fitted(net, samples(40), part, recipe(epochs=1))

    logits = net(part.batch(torch.arange(len(part)))).detach()
    assert epoch.valid_loss == pytest.approx(float(F.cross_entropy(logits, part.labels)), rel=1e-4)
    assert epoch.valid_accuracy == float((logits.argmax(1) == part.labels).double().mean())


def test_every_image_is_seen_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    original = Samples.batch

    def batch(self: Samples, indices: Tensor) -> Tensor:
        seen.append(indices.tolist())
        return original(self, indices)

    monkeypatch.setattr(Samples, "batch", batch)
    train, none = samples(53), samples(0)

    list(fitted(tiny_net(), train, none, recipe(epochs=2)))

    assert [len(indices) for indices in seen] == [18, 18, 17] * 2
    first, second = sum(seen[:3], []), sum(seen[3:], [])
    assert sorted(first) == sorted(second) == list(range(53))
    assert first != second


def test_the_caller_sees_neither_no_grad_nor_autocast_and_a_net_that_evaluates() -> None:
    net = tiny_net()
    world = World(torch.device("cpu"), torch.bfloat16, 1)

    for valid in (samples(10), samples(0)):
        for _ in fitted(net, samples(40), valid, recipe(), world):
            assert torch.is_grad_enabled()
            assert not torch.is_autocast_enabled("cpu")
            assert not net.training


def test_what_the_caller_does_to_the_modes_between_epochs_changes_nothing() -> None:
    quiet, loud = tiny_net(), tiny_net()
    part = samples(40)

    list(fitted(quiet, part, part, recipe(epochs=3)))
    for _ in fitted(loud, part, part, recipe(epochs=3)):
        loud.train()
        torch.rand(7)
        np.random.default_rng()

    assert torch.equal(weights(quiet), weights(loud))


def test_the_caller_may_stop_early() -> None:
    net, part = tiny_net(), samples(40)
    short = tiny_net()

    epochs = fitted(net, part, part, recipe(epochs=50))
    next(epochs)
    epochs.close()  # type: ignore[attr-defined]
    next(iter(fitted(short, part, part, recipe(epochs=50))))

    assert torch.equal(weights(net), weights(short))
    assert list(epochs) == []


def test_an_empty_validation_part_gives_no_numbers() -> None:
    for epoch in fitted(tiny_net(), samples(40), samples(0), recipe()):
        assert math.isnan(epoch.valid_loss)
        assert math.isnan(epoch.valid_accuracy)
        assert math.isfinite(epoch.train_loss)


@pytest.mark.parametrize(("num", "batch"), [(2, 2), (2, 512), (3, 2), (5, 4), (1, 2), (7, 100)])
def test_few_images_and_large_batches_are_trained_on(num: int, batch: int) -> None:
    epochs = list(fitted(tiny_net(), samples(num), samples(1), recipe(batch=batch)))

    assert all(math.isfinite(epoch.train_loss) for epoch in epochs)


@pytest.mark.parametrize(
    ("num", "batch", "expected"),
    [(1, 2, 1), (2, 512, 1), (5, 2, 2), (64, 64, 1), (127, 64, 1), (128, 64, 2)],
)
def test_a_batch_is_never_smaller_than_wanted_unless_the_part_is(
    num: int, batch: int, expected: int
) -> None:
    assert num_batches(recipe(batch=batch), num) == expected


def test_a_number_of_steps_overrides_the_epochs_and_cuts_the_last_one_off() -> None:
    net, part, settings = tiny_net(), samples(53), recipe(epochs=50, steps=7)
    state = State.of(net, settings, CPU, num_classes=2)

    epochs = list(fit(state, part, part, settings, CPU))

    assert (state.step, num_steps(settings, 53), num_epochs(settings, 53)) == (7, 7, 3)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]


def test_patience_ends_a_training() -> None:
    part, settings = samples(48), recipe(epochs=50, patience=2, rate=1e-9)

    assert len(list(fitted(tiny_net(), part, part, settings))) < 50


@pytest.mark.parametrize("num", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("batch", [2, 3, 512])
def test_one_to_five_images_are_trained_on_with_batch_norm(num: int, batch: int) -> None:
    net = tiny_net()

    epochs = list(fitted(net, samples(num), samples(num), recipe(batch=batch, epochs=3)))

    assert all(math.isfinite(epoch.train_loss) for epoch in epochs)
    assert torch.isfinite(weights(net)).all()


@pytest.mark.parametrize(
    ("dtype", "channels", "size"),
    [(torch.float32, 3, 8), (torch.bfloat16, 3, 24), (torch.bfloat16, 1, 8)],
)
def test_every_precision_colour_and_size_trains(
    dtype: torch.dtype, channels: int, size: int
) -> None:
    net = tiny_net(size=size, channels=channels)
    train = samples(64, size=size, channels=channels)

    epochs = list(fitted(net, train, train, recipe(epochs=6), World(torch.device("cpu"), dtype, 1)))

    assert epochs[-1].valid_accuracy > 0.9
    assert {tensor.dtype for tensor in net.parameters()} == {torch.float32}


def test_bfloat16_is_used_forwards_and_backwards() -> None:
    net = tiny_net()
    seen: set[torch.dtype] = set()

    def hook(module: nn.Module, x: tuple[Tensor, ...], y: Tensor) -> None:
        seen.add(y.dtype)
        if y.requires_grad:
            y.register_hook(lambda gradient: seen.add(gradient.dtype))

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(hook)

    next(fitted(net, samples(16), samples(0), recipe(), World(CPU.device, torch.bfloat16, 1)))

    assert seen == {torch.bfloat16}


class Poison(nn.Module):
    """A net whose weight is fine for some steps, and then is not a number."""

    def __init__(self, after: int, *, value: float) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)
        self.after, self.value = after, value

    def forward(self, x: Tensor) -> Tensor:
        self.after -= self.training
        if self.after < 0:
            self.head.weight.data.fill_(self.value)
        return self.head(x.flatten(1) / 255)  # type: ignore[no-any-return]


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("num_valid", [0, 10])
def test_weights_that_are_not_finite_are_never_yielded(value: float, num_valid: int) -> None:
    net, seen = Poison(5, value=value), []

    with pytest.raises(EyespotError) as error:
        for epoch in fitted(net, samples(48), samples(num_valid), recipe(epochs=9)):
            seen.append(epoch)
            assert torch.isfinite(weights(net)).all()

    assert len(seen) == 1
    assert str(error.value) == (
        "the loss or a weight is not a finite number in epoch 2, even with 1/8 of the rate; "
        "train with a lower one, for instance --set rate=0.00016"
    )


class Stumble(nn.Module):
    """A net whose weight is not a number in these steps, counted from 0 as they are tried."""

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.steps, self.num_tried = steps, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            if self.num_tried in self.steps:
                self.head.weight.data.fill_(math.nan)
            self.num_tried += 1
        return self.head(x.flatten(1) / 255)  # type: ignore[no-any-return]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_number_that_is_not_finite_halves_the_rate_from_the_beginning_of_its_epoch(
    times: int,
) -> None:
    part, settings = samples(48), recipe(epochs=4, schedule="constant")
    net = Stumble(*[4, 6, 8][:times])  # in the second step of the second epoch of three
    state = State.of(net, settings, CPU, num_classes=2)

    epochs = list(fit(state, part, part, settings, CPU))

    assert state.halvings == times
    assert [epoch.rate for epoch in epochs] == [0.01, *[0.01 / 2**times] * 3]
    plain = Stumble()
    expected = State.of(plain, settings, CPU, num_classes=2)
    following = fit(expected, part, part, settings, CPU)
    next(following)
    expected.halvings = times
    list(following)
    assert torch.equal(weights(net), weights(plain))


def test_measuring_leaves_no_trace() -> None:
    net, part = tiny_net(), samples(700)
    before = weights(net)

    first, second = measure(net, part, CPU), measure(net, part, CPU)

    assert first == second
    assert torch.equal(weights(net), before)


def test_a_read_only_array_becomes_samples_without_a_warning() -> None:
    images, labels = np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64)
    images.flags.writeable = labels.flags.writeable = False

    assert len(Samples.of(images, labels, CPU)) == 2


# --- randomness

TRAIN = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from test_training import CPU, fitted, recipe, samples, tiny_net, weights, World, torch
torch.set_num_threads(int(sys.argv[3]))
net = tiny_net()
moved = dict(rotate=20.0, shift=0.1, zoom=0.2, flip=True, brightness=0.2, contrast=0.2)
settings = recipe(seed=int(sys.argv[2]), epochs=3, **moved)
world = World(CPU.device, torch.bfloat16, 1)
epochs = list(fitted(net, samples(200), samples(20), settings, world))
losses = [(e.train_loss, e.valid_loss) for e in epochs]
print(hashlib.sha256(weights(net).numpy().tobytes()).hexdigest(), losses)
"""


def trained_elsewhere(*seeds: tuple[int, str], threads: int = 1) -> list[str]:
    """What trainings in processes of their own print: a hash of the weights, and the losses.

    seeds: the recipe's and Python's own.
    """
    source, tests = Path(__file__).parents[1] / "src", Path(__file__).parent
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(tests), str(seed), str(threads)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(source)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, hash_seed in seeds
    ]
    found = [process.communicate()[0] for process in processes]
    assert not any(process.returncode for process in processes)
    return found


def test_one_seed_gives_the_same_bits_in_every_process() -> None:
    first, same = trained_elsewhere((3, "0"), (3, "12345"))

    assert first == same


def test_another_seed_gives_other_weights() -> None:
    nets = [tiny_net(), tiny_net()]
    for seed, net in enumerate(nets):
        list(fitted(net, samples(40), samples(0), recipe(seed=seed)))

    assert not torch.equal(weights(nets[0]), weights(nets[1]))


@pytest.mark.slow
def test_one_seed_gives_the_same_bits_twice_on_two_threads() -> None:
    first, same = trained_elsewhere((3, "0"), (3, "1"), threads=2)

    assert first == same


def test_a_stream_is_a_function_of_its_place() -> None:
    def numbers(*place: int | str) -> list[float]:
        return torch.rand(3, generator=stream(*place)).tolist()

    assert numbers(1, "order", 2) == numbers(1, "order", 2)
    assert len({tuple(numbers(*place)) for place in [(1, "a", 2), (1, "a", 3), (12,), (1, 2)]}) == 4
    # Across versions too: a recipe repeats its run.
    assert stream(0, "order", 1).initial_seed() == 2002067703672271585


def test_seeding_leaves_the_callers_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)

    with seeded(0, "weights"):
        torch.rand(9)

    assert torch.equal(torch.rand(2), expected)


def test_this_machine_has_a_place_to_train() -> None:
    world = find_world()

    assert world.threads >= 1
    assert world.precision in ("bfloat16", "float32")
    if world.device.type == "cpu":
        assert (world.precision == "bfloat16") == fast_bfloat16()


# --- augmentation


def pictures(num: int = 4, *, size: int = 8, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (num, channels, size, size), generator=generator).float()


def drawn(draws: list[Tensor]) -> Any:
    """A torch.rand that gives these numbers, one tensor a call."""
    waiting = iter(draws)
    return lambda *shape, generator: next(waiting).reshape(shape)


def moved(x: Tensor, monkeypatch: pytest.MonkeyPatch, *draws: float, **fields: Any) -> Tensor:
    """`move` with these draws, each in [0, 1): angle, zoom, mirror if asked for, right, down."""
    monkeypatch.setattr(torch, "rand", drawn([torch.full((len(x),), draw) for draw in draws]))
    result = move(x, recipe(**fields), generator=torch.Generator())
    monkeypatch.undo()
    return result


def slow_move(
    image_CHW: np.ndarray[Any, Any],
    angle: float,
    scale: float,
    mirror: bool,
    right: float,
    down: float,
) -> np.ndarray[Any, Any]:
    """Pixel by pixel: where in the picture each new pixel lies, and the four pixels around it."""
    channels, height, width = image_CHW.shape
    result = np.zeros(image_CHW.shape)
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5 - width / 2, row + 0.5 - height / 2
            x = -x if mirror else x
            source_x = (math.cos(angle) * x - math.sin(angle) * y) * scale + right * width
            source_y = (math.sin(angle) * x + math.cos(angle) * y) * scale + down * height
            u = min(max(source_x + width / 2 - 0.5, 0), width - 1)
            v = min(max(source_y + height / 2 - 0.5, 0), height - 1)
            left, top = min(int(u), width - 2), min(int(v), height - 2)
            a, b = u - left, v - top
            result[:, row, column] = (
                image_CHW[:, top, left] * (1 - a) * (1 - b)
                + image_CHW[:, top, left + 1] * a * (1 - b)
                + image_CHW[:, top + 1, left] * (1 - a) * b
                + image_CHW[:, top + 1, left + 1] * a * b
            )
    return result


@pytest.mark.parametrize("seed", range(8))
def test_a_move_equals_a_slow_reference(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(1, size=9)
    draws = np.random.default_rng(seed).random(5).tolist()
    one = [2 * draw - 1 for draw in draws]

    fast = moved(x, monkeypatch, *draws, rotate=40.0, zoom=0.3, flip=True, shift=0.2)

    slow = slow_move(
        x[0].numpy(),
        math.radians(40) * one[0],
        1.3 ** one[1],
        draws[2] < 0.5,
        0.2 * one[3],
        0.2 * one[4],
    )
    assert fast[0].numpy() == pytest.approx(slow, abs=0.01)


def test_nothing_asked_for_changes_nothing() -> None:
    x = pictures()

    assert torch.equal(augment(x, recipe(), generator=stream(0)), x)


def test_a_flip_is_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures()

    mirrored = moved(x, monkeypatch, 0.5, 0.5, 0.1, 0.5, 0.5, flip=True)
    same = moved(x, monkeypatch, 0.5, 0.5, 0.9, 0.5, 0.5, flip=True)

    assert torch.allclose(mirrored, x.flip(3), atol=1e-3)
    assert torch.allclose(same, x, atol=1e-3)


def test_a_shift_moves_whole_pixels_and_continues_the_border(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = pictures(size=8)

    # 2 * 0.75 - 1 is half of a shift of a quarter: one of eight pixels.
    shifted = moved(x, monkeypatch, 0.5, 0.5, 0.75, 0.5, shift=0.25)

    assert torch.allclose(shifted[..., :-1], x[..., 1:], atol=1e-3)
    assert torch.allclose(shifted[..., -1], x[..., -1], atol=1e-3)


def test_a_quarter_turn_is_a_transposition(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(size=8)

    turned = moved(x, monkeypatch, 1.0, 0.5, 0.5, 0.5, rotate=90.0)
    back = moved(x, monkeypatch, 0.0, 0.5, 0.5, 0.5, rotate=90.0)

    assert torch.allclose(turned, torch.rot90(x, 1, (2, 3)), atol=1e-2)
    assert torch.allclose(back, torch.rot90(x, -1, (2, 3)), atol=1e-2)


ALL = {
    "rotate": 180.0, "shift": 0.5, "zoom": 1.0, "flip": True, "brightness": 1.0, "contrast": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("level", [0.0, 255.0, None])
def test_brightness_stays_between_black_and_white(level: float | None) -> None:
    x = pictures(200) if level is None else torch.full((200, 3, 8, 8), level)

    for fields in (ALL, {**ALL, "brightness": 0, "contrast": 0}):
        y = augment(x, recipe(**fields), generator=stream(0))

        assert y.dtype == torch.float32
        assert y.shape == x.shape
        assert y.min() >= 0
        assert y.max() <= 255 + 1e-3


def test_equal_generators_give_equal_views_and_others_others() -> None:
    x = pictures()

    first = augment(x, recipe(**ALL), generator=stream(0, "views", 1))

    assert torch.equal(augment(x, recipe(**ALL), generator=stream(0, "views", 1)), first)
    assert not torch.equal(augment(x, recipe(**ALL), generator=stream(0, "views", 2)), first)


def test_each_image_gets_a_view_of_its_own_whatever_the_others_are() -> None:
    same = pictures(1).repeat(6, 1, 1, 1)
    other = same.clone()
    other[3] = 0

    views = augment(same, recipe(**ALL), generator=stream(0))
    others = augment(other, recipe(**ALL), generator=stream(0))

    assert len({view.sum().item() for view in views}) == 6
    assert all(torch.equal(views[i], others[i]) for i in (0, 1, 2, 4, 5))


def test_augmenting_leaves_its_input_as_it_was() -> None:
    x = pictures()
    before = x.clone()

    augment(x, recipe(**ALL), generator=stream(0))

    assert torch.equal(x, before)


def test_views_spread_over_the_whole_range_that_is_asked_for() -> None:
    level = torch.full((4000, 1, 2, 2), 100.0)

    bright = relight(level, 0.2, 0.0, generator=stream(0))[:, 0, 0, 0] / 100

    assert bright.min() == pytest.approx(0.8, abs=0.01)
    assert bright.max() == pytest.approx(1.2, abs=0.01)
    assert bright.mean() == pytest.approx(1.0, abs=0.01)


def test_contrast_keeps_the_mean_of_each_image() -> None:
    x = pictures(50) / 2 + 60

    y = relight(x, 0.0, 0.5, generator=stream(0))

    assert torch.allclose(y.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)), atol=0.01)
    assert not torch.allclose(y.std(dim=(1, 2, 3)), x.std(dim=(1, 2, 3)), rtol=0.01)
