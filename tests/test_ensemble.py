"""Several models in one file: what they say together, and files that lie about them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from eyespot.errors import DataError, ModelError
from eyespot.models.card import ModelCard, Score
from eyespot.models.ensemble import ensemble_of
from eyespot.models.facts import model_facts
from eyespot.models.file import CHECKSUM, checksum, read_model, write_model
from eyespot.models.loading import load
from eyespot.models.torch_model import TorchModel
from eyespot.nets.build import build_net, fitted_net
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation
from made_refusals import refusing
from test_models import put, refusal, rewritten

CLASSES = ("cat", "dog", "otter")


def member(seed: int, *, classes: tuple[str, ...] = CLASSES, size: int = 8) -> TorchModel:
    """A model with random weights and numbers of its own."""
    card = ModelCard(
        net=fitted_net("convnet", width=4, size=size),
        preparation=Preparation(
            size=size, channels=3, fit="pad", mean=(0.3 + seed / 50,) * 3, std=(0.2,) * 3
        ),
        classes=classes,
        views=("one", "shifts", "all")[seed % 3],
        temperature=0.5 + seed,
        recipe="ab12",
        score=Score(num=10, value=0.9, low=0.6, high=0.98),
        versions={"torch": "2"},
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TorchModel(card, build_net(card.net, card.preparation, len(classes)))


def images(num: int = 7, size: int = 8) -> Array:
    return np.random.default_rng(0).integers(0, 256, (num, size, size, 3), np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    ensemble_of([member(seed) for seed in range(3)], recipe="ef56").save(path)
    return path


def with_card(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The file with another card and a right checksum."""
    card, weights = read_model(path)
    fields = json.loads(json.dumps(card.model_dump()))
    change(fields)
    return rewritten(path, json.dumps({CHECKSUM: checksum(fields, weights), **fields}), weights)


def test_its_probabilities_are_the_mean_of_its_members_each_at_its_own_temperature() -> None:
    models = [member(seed) for seed in range(3)]
    expected = np.mean([model.probabilities(images()) for model in models], axis=0)

    probs = ensemble_of(models, recipe="ef56").probabilities(images())

    assert np.allclose(probs, expected, atol=1e-6)
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-6)


def test_it_comes_back_from_its_file_to_the_last_bit(path: Path) -> None:
    before = ensemble_of([member(seed) for seed in range(3)], recipe="ef56")

    after = load(path)

    assert after.card == before.card
    assert np.array_equal(after.probabilities(images()), before.probabilities(images()))
    assert after.predict(list(images(2)))[0].label in CLASSES


def test_it_is_not_said_to_be_tested_by_what_its_members_were(path: Path) -> None:
    facts = model_facts(path)

    assert facts["accuracy"] == (
        "not tested together: what one member had not seen, others were trained on"
    )
    assert facts["temperature"] == [0.5, 1.5, 2.5]
    assert facts["net"] == "ensemble of 3, the first a convnet 2-4-8"
    one = sum(weight.numel() for weight in member(0).net.state_dict().values())
    assert facts["parameters"] == 3 * one


def test_its_own_score_is_shown(path: Path) -> None:
    card, weights = read_model(path)
    score = Score(num=40, value=0.95, low=0.9, high=0.98)
    write_model(path, card.model_copy(update={"score": score}), weights)

    assert model_facts(path)["accuracy"] == "0.9500 (0.9000 to 0.9800) on 40 test images"


@pytest.mark.parametrize("other", [member(1, classes=("cat", "dog")), member(1, size=9)])
def test_models_that_do_not_belong_together_are_refused(other: TorchModel) -> None:
    with pytest.raises(ModelError, match="models of other classes or pictures make no ensemble"):
        ensemble_of([member(0), other], recipe="ef56")


def test_an_ensemble_is_no_member_of_another() -> None:
    inner = ensemble_of([member(0), member(1)], recipe="ef56")

    with pytest.raises(ModelError, match="an ensemble is no member of another; name its members"):
        ensemble_of([member(0), inner], recipe="ef56")


def nested(fields: dict[str, Any]) -> None:
    inner = json.loads(json.dumps(fields["net"]))
    fields["net"]["members"][1]["net"] = inner


def many(fields: dict[str, Any]) -> None:
    fields["net"]["members"] *= 34


HERE = ("net", "members", 1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (nested, "M: its 'net.ensemble.members.1.net' does not do: Input tag 'ensemble' found"),
        (many, "M: its 'net.ensemble.members' does not do: Tuple should have at most 100 items"),
        (put("net", "members", value=[]), "M: its 'net.ensemble.members' does not do: "),
        (put("net", "members", value=None), "M: its 'net.ensemble.members' does not do: "),
        (put(*HERE, "temperature", value=0), "M: its 'net.ensemble.members.1.temperature' does"),
        (put(*HERE, "temperature", value=float("nan")), "M: its 'net.ensemble.members.1.tempera"),
        (put(*HERE, "views", value="eval"), "M: its 'net.ensemble.members.1.views' does not do"),
        (put(*HERE, "mean", value=[0.4]), "M: a member of its ensemble is not for 3 channels; tr"),
        (put(*HERE, "std", value=[0.3] * 2), "M: a member of its ensemble is not for 3 channels"),
        (put(*HERE, "std", 0, value=0.0), "M: its 'net.ensemble.members.1.std.0' does not do: "),
        (put(*HERE, "mean", 2, value=1e300), "M: its 'net.ensemble.members.1.mean.2' does not d"),
        (put(*HERE, "more", value=1), "M: its 'net.ensemble.members.1.more' does not do: Extra"),
        (put(*HERE, "net", "widths", value=[10**9]), "M: its 'net.ensemble.members.1.net.convne"),
        (
            put(*HERE, "net", "widths", value=[2048] * 3),
            "M does not fit its own net: 'members.1.1.head.weight' is F32 (3, 8) where F32 (3, 20",
        ),
        (
            put(*HERE, "net", value={"name": "layers", "layers": [{"type": "dense"}]}),
            "M: its net cannot be built (",
        ),
    ],
)
def test_a_card_that_lies_about_its_members_is_refused(
    path: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    with_card(path, change)

    with pytest.raises(ModelError) as error:
        load(path)

    assert str(error.value).replace(str(path), "M").startswith(sentence)


@pytest.mark.parametrize("depth", [2, 100, 100_000])
def test_ensembles_of_ensembles_are_refused_however_deep(path: Path, depth: int) -> None:
    card, weights = read_model(path)
    fields = json.dumps({**card.model_dump(), "net": 0})
    deep = '{"name": "ensemble", "members": [{"net": ' * depth + "1" + "}]}" * depth
    rewritten(path, fields.replace('"net": 0', f'"net": {deep}'), weights)

    assert refusal(path).startswith(("M: its 'net", "M is damaged (its card "))


@pytest.mark.parametrize("change", ["gone", "more"])
def test_a_member_without_its_weights_is_refused(path: Path, change: str) -> None:
    card, weights = read_model(path)
    if change == "gone":
        weights = {name: own for name, own in weights.items() if not name.startswith("members.2.")}
    else:
        weights["members.3.1.head.bias"] = weights["members.2.1.head.bias"]
    write_model(path, card, weights)

    with pytest.raises(ModelError, match="does not fit its own net: 'members."):
        load(path)


def test_more_members_than_can_be_read_back_are_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, weights = read_model(path)
    before = path.read_bytes()
    monkeypatch.setattr("eyespot.models.file.MAX_BYTES", len(before) - 1)

    with pytest.raises(DataError, match="would be too large to be read again"):
        write_model(path, card, weights)

    assert path.read_bytes() == before


# --- members that say "I don't know"


def knowing(num: int = 3) -> list[TorchModel]:
    return [refusing(member(seed), seed=seed) for seed in range(num)]


def test_its_refusal_is_the_mean_of_its_members() -> None:
    own = [model.examine(images())[1] for model in knowing()]

    probs, found = ensemble_of(knowing(), recipe="ef56").examine(images())

    assert found is not None
    assert np.allclose(found, np.mean([one for one in own if one is not None], axis=0), rtol=1e-5)
    assert len({float(one[0]) for one in own if one is not None}) == 3
    plain = ensemble_of([member(seed) for seed in range(3)], recipe="ef56")
    assert np.array_equal(probs, plain.probabilities(images()))
    assert plain.examine(images())[1] is None


def test_one_that_refuses_comes_back_from_its_file_to_the_last_bit(tmp_path: Path) -> None:
    before, path = ensemble_of(knowing(), recipe="ef56"), tmp_path / "model.safetensors"

    before.save(path)
    after = load(path)

    assert after.card == before.card
    assert after.card.refusal is None and after.scores is None
    for own, other in zip(after.examine(images()), before.examine(images()), strict=True):
        assert own is not None and other is not None and np.array_equal(own, other)
    facts = model_facts(path)
    assert facts["unknown"] == "said of 2 % of good pictures, and of what is like none of them"
    one = sum(weight.numel() for weight in member(0).net.state_dict().values())
    assert facts["parameters"] == 3 * one


@pytest.mark.parametrize("number", [0, 2])
def test_it_never_refuses_when_one_of_its_members_cannot(tmp_path: Path, number: int) -> None:
    models = knowing()
    models[number] = member(number)
    path = tmp_path / "model.safetensors"

    ensemble_of(models, recipe="ef56").save(path)

    assert load(path).examine(images())[1] is None
    assert model_facts(path)["unknown"].startswith("never said: ")


def test_an_ensemble_of_the_first_format_is_read(path: Path) -> None:
    def first_format(fields: dict[str, Any]) -> None:
        for place in (fields, *fields["net"]["members"]):
            del place["refusal"]
        del fields["num_scores"]
        fields["format"] = 1

    before = load(path).probabilities(images())

    after = load(with_card(path, first_format))

    assert np.array_equal(after.probabilities(images()), before)
    assert after.examine(images())[1] is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put(*HERE, "refusal", value=None), "M: not every member of its ensemble can refuse; trai"),
        (
            put("refusal", value={"depths": [[8, 3]], "num_neighbours": 7, "share": 0.02}),
            "M: not every member of its ensemble can refuse; train again",
        ),
        (
            put(*HERE, "refusal", "depths", value=[[2**16, 256]] * 65),
            "M does not fit its own net: 'refusal.",
        ),
        (
            put(*HERE, "refusal", "num_neighbours", value=2**16),
            "M does not fit its own net: 'refusal.1.depths.0.neighbours' is F32 (7, 3) where F32 (",
        ),
        (put(*HERE, "refusal", "share", value=0.0), "M: its 'net.ensemble.members.1.refusal.share"),
    ],
)
def test_a_card_that_lies_about_refusals_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    path = tmp_path / "model.safetensors"
    ensemble_of(knowing(), recipe="ef56").save(path)
    with_card(path, change)

    with pytest.raises(ModelError) as error:
        load(path)

    assert str(error.value).replace(str(path), "M").startswith(sentence)
