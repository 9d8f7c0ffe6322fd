"""Model files that are whole, broken or hostile, and predicting with what is in them."""

import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image

from eyespot.errors import DataError, ImageError, ModelError, UsageError
from eyespot.files.tables import read_table
from eyespot.models.card import ModelCard, Score
from eyespot.models.facts import model_facts
from eyespot.models.file import CHECKSUM, KEY, checksum, read_card, read_model, write_model
from eyespot.models.loading import load
from eyespot.models.predict import Asked, _in_threads, answers, batch_size, predictions_of, prepared
from eyespot.models.tables import write_answers, write_kaggle
from eyespot.models.torch_model import TorchModel, load_torch_model, weights_of
from eyespot.nets.build import build_net, fitted_net
from eyespot.nets.spec import LayersSpec
from eyespot.values.arrays import Array
from eyespot.values.dataset import Pictures
from eyespot.values.predictions import Prediction
from eyespot.values.preparation import Preparation
from made_refusals import refusing

CLASSES = ("cat", "dog", "otter")


def tiny(classes: tuple[str, ...] = CLASSES, *, size: int = 8, channels: Any = 3) -> TorchModel:
    """A model of 16 KB with random weights, always the same."""
    preparation = Preparation(
        size=size, channels=channels, fit="pad", mean=(0.4,) * channels, std=(0.3,) * channels
    )
    card = ModelCard(
        net=fitted_net("convnet", width=4, size=size),
        preparation=preparation,
        classes=classes,
        temperature=1.5,
        recipe="ab12",
        score=Score(num=10, value=0.9, low=0.6, high=0.98),
        versions={"torch": "2"},
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build_net(card.net, preparation, len(classes))
    return TorchModel(card, net)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    tiny().save(path)
    return path


def images(num: int, *, size: int = 8, channels: int = 3) -> Array:
    return np.random.default_rng(0).integers(0, 256, (num, size, size, channels), np.uint8)


def refusal(path: Path) -> str:
    """What is said of this file, by everything that opens it."""
    with pytest.raises(ModelError) as error:
        load(path)
    with pytest.raises(ModelError):
        model_facts(path)
    sentence = str(error.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence.replace(str(path), "M")


def with_card(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The file again with a changed card and a right checksum, as a cunning hand would do."""
    card, weights = read_model(path)
    fields = json.loads(json.dumps(card.model_dump()))
    change(fields)
    return rewritten(path, json.dumps({CHECKSUM: checksum(fields, weights), **fields}), weights)


def rewritten(path: Path, text: str, weights: dict[str, Array]) -> Path:
    path.write_bytes(safetensors.numpy.save(weights, {KEY: text}))
    return path


def with_weights(path: Path, change: Callable[[dict[str, Array]], object]) -> Path:
    card, weights = read_model(path)
    change(weights)
    write_model(path, card, weights)
    return path


# --- whole files


def test_a_saved_model_comes_back_whole(path: Path) -> None:
    before, after = tiny(), load(path)

    assert after.card == before.card
    assert np.array_equal(after.logits(images(5)), before.logits(images(5)))


def test_saving_twice_writes_the_same_bytes(path: Path, tmp_path: Path) -> None:
    for _ in range(8):
        load(path).save(tmp_path / "again")

        assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_run_folder_stands_for_its_model(path: Path) -> None:
    assert load(path.parent).classes == CLASSES


def test_the_card_is_read_without_the_weights(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: 8 + struct.unpack_from("<Q", data)[0]])

    assert read_card(path).classes == CLASSES


@pytest.mark.parametrize(
    "name", ["", "../x", "<script>", "a\0b", "\ud800", "caf\udce9", "\N{PILE OF POO}", '"\\\n']
)
def test_any_class_name_survives_the_file(tmp_path: Path, name: str) -> None:
    tiny((name, "dog", "otter")).save(tmp_path / "model.safetensors")

    assert load(tmp_path).classes == (name, "dog", "otter")


def test_ten_thousand_classes_survive_the_file(tmp_path: Path) -> None:
    classes = tuple(f"class {number} \N{GREEK SMALL LETTER ALPHA}" for number in range(10_000))
    tiny(classes).save(tmp_path / "model.safetensors")

    assert load(tmp_path).classes == classes


def test_class_names_that_could_not_be_read_back_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"

    with pytest.raises(DataError) as error:
        tiny(("x" * 9_000_000, "y")).save(path)

    assert str(error.value) == f"{path}: the names of 2 classes are too long to keep"
    assert not path.exists()


def test_facts_tell_what_a_person_wants_to_know(path: Path) -> None:
    facts = model_facts(path)

    assert facts["classes"] == list(CLASSES)
    assert facts["input"] == "8x8 colour, pad"
    assert facts["accuracy"] == "0.9000 (0.6000 to 0.9800) on 10 test images"
    assert facts["bytes"] == path.stat().st_size


# --- foreign files


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path: Path) -> None:
    path, mark = tmp_path / "model.pt", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Trap(mark)))

    assert refusal(path) == (
        "M is a pickle (.pkl, .pt), which eyespot does not open because it can run code; "
        "use a model.safetensors written by eyespot train"
    )
    assert not mark.exists()


def test_a_torch_file_is_refused_and_nothing_in_it_runs(tmp_path: Path) -> None:
    path, mark = tmp_path / "model.pt", tmp_path / "mark"
    torch.save({"weights": Trap(mark)}, path)

    assert refusal(path).startswith("M is a zip archive (.pt, .pt2, .keras), which eyespot does")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "M is empty (0 bytes); train again or copy it again"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "M is an HDF5 file (.h5), which eyespot does not open"),
        (b"\x08\x07\x12\x04test", "M is an ONNX file under another name"),
        (b"\0", "M is not a safetensors file; use one written by eyespot train"),
        (b"\0" * 100, "M is not a safetensors file"),
        (b"<html>not found</html>", "M is not a safetensors file"),
        (struct.pack("<Q", 2**63) + b"{}", "M is not a safetensors file"),
        (struct.pack("<Q", 2**64 - 1) + b"{}", "M is not a safetensors file"),
        (struct.pack("<Q", 9) + b"{}", "M is not a safetensors file"),
        (struct.pack("<Q", 2) + b"{}", "M holds weights but was not written by eyespot"),
        (struct.pack("<Q", 8) + b"{broken}", "M is damaged (its header is not JSON: "),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)

    assert refusal(path).startswith(sentence)


def test_weights_of_other_programs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, path)

    assert refusal(path) == (
        "M holds weights but was not written by eyespot (no 'eyespot' in its header)"
    )


def test_a_header_of_100_megabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 100 * 2**20) + b"{")
        file.truncate(101 * 2**20)
    tracemalloc.start()

    sentence = refusal(path)

    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert sentence == "M is not a safetensors file; use one written by eyespot train"


def test_a_file_of_five_gigabytes_is_refused_without_reading_it(path: Path) -> None:
    os.truncate(path, 5 * 2**30)

    assert refusal(path) == (
        "M is too large for a model (5,368,709,120 bytes); name a run folder or a model file"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert refusal(tmp_path / "pipe") == "M is not a file; name a run folder or a model file"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ("M holds no model.safetensors; name a run folder or a model file")
    (tmp_path / "model.safetensors").mkdir()
    assert "is not a file" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["none", "x" * 300, "a\0b"])
def test_a_model_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name) == "M is not there; name a run folder or a model file"


# --- broken tensors


def set_header(path: Path, change: Callable[[dict[str, Any]], object], tail: bytes = b"") -> Path:
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :] + tail)
    return path


def overlap(header: dict[str, Any]) -> None:
    header["1.norm.bias"]["data_offsets"] = header["1.norm.weight"]["data_offsets"]


def gap(header: dict[str, Any]) -> None:
    del header["1.norm.bias"]


def out_of_bounds(header: dict[str, Any]) -> None:
    header["1.norm.bias"]["data_offsets"] = [10**6, 10**6 + 8]


def backwards(header: dict[str, Any]) -> None:
    header["1.norm.bias"]["data_offsets"].reverse()


def vast_shape(header: dict[str, Any]) -> None:
    header["1.norm.bias"]["shape"] = [2**62, 2**62]


def negative_shape(header: dict[str, Any]) -> None:
    header["1.norm.bias"]["shape"] = [-2]


def unknown_type(header: dict[str, Any]) -> None:
    header["1.norm.bias"]["dtype"] = "F33"


@pytest.mark.parametrize(
    "change", [overlap, gap, out_of_bounds, backwards, vast_shape, negative_shape, unknown_type]
)
def test_tensors_that_do_not_lie_side_by_side_are_refused(
    path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    assert refusal(set_header(path, change)).startswith("M is damaged (")


def test_bytes_behind_the_tensors_are_refused(path: Path) -> None:
    assert refusal(set_header(path, len, tail=b"x")).startswith("M is damaged (")


@pytest.mark.parametrize("missing", [1, 100])
def test_a_file_that_is_cut_off_is_refused(path: Path, missing: int) -> None:
    path.write_bytes(path.read_bytes()[:-missing])

    assert refusal(path).startswith("M is damaged (")


def test_a_single_flipped_bit_in_the_weights_is_found(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)

    assert refusal(path) == ("M is damaged (its checksum is another); train again or copy it again")


HEAD = "1.head.bias"


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.zeros(4, np.float32), "F32 (4,)"),
        (np.zeros((3, 1), np.float32), "F32 (3, 1)"),
        (np.zeros(3, np.float64), "F64 (3,)"),
        (np.zeros(3, np.int32), "I32 (3,)"),
        (None, "nothing"),
    ],
)
def test_a_tensor_of_another_form_is_refused(path: Path, array: Array | None, what: str) -> None:
    def change(weights: dict[str, Array]) -> None:
        weights.pop(HEAD)
        if array is not None:
            weights[HEAD] = array

    with pytest.raises(ModelError) as error:
        load(with_weights(path, change))

    assert str(error.value) == (
        f"{path} does not fit its own net: '{HEAD}' is {what} where F32 (3,) is due; train again"
    )


def test_a_tensor_too_many_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match=r"'extra' is F32 \(2,\) where nothing is due"):
        load(with_weights(path, lambda weights: weights.update(extra=np.zeros(2, np.float32))))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(path: Path, value: float) -> None:
    def change(weights: dict[str, Array]) -> None:
        weights[HEAD] = np.array([0, value, 0], np.float32)

    assert refusal(with_weights(path, change)) == (
        f"M: the weights '{HEAD}' are not finite numbers; train again"
    )


# --- broken cards


def put(*place: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(fields: Any) -> None:
        for key in place[:-1]:
            fields = fields[key]
        fields[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("format", value=4), "M has format 4, this eyespot knows up to 3; upgrade eyespot"),
        (put("format", value=10**30), f"M has format {10**30}, this eyespot knows up to 3; upg"),
        (put("format", value="1"), "M has no format number that eyespot knows; train again"),
        (put("format", value=0), "M has no format number that eyespot knows; train again"),
        (put("format", value=True), "M has no format number that eyespot knows; train again"),
        (put("format", value=3.0), "M: its 'format' does not do: "),
        (put("more", value=1), "M: its 'more' does not do: Extra inputs are not permitted"),
        (put("net", value=None), "M: its 'net' does not do: "),
        (put("net", "widths", value=[]), "M: its 'net.convnet.widths' does not do: "),
        (put("net", "widths", value=[10**9]), "M: its 'net.convnet.widths.0' does not do: "),
        (put("net", "widths", value=[4] * 9), "M: its 'net.convnet.widths' does not do: "),
        (put("net", "stem", value=10**400), "M: its 'net.convnet.stem' does not do: "),
        (put("net", "stride", value=0), "M: its 'net.convnet.stride' does not do: "),
        (put("net", "dropout", value=1), "M: its 'net.convnet.dropout' does not do: "),
        (put("net", "layers", value=[]), "M: its 'net.convnet.layers' does not do: Extra inputs"),
        (put("classes", value=["a"]), "M: its 'classes' does not do: "),
        (put("classes", value="abc"), "M: its 'classes' does not do: "),
        (put("classes", value=["a", "b", 3]), "M: its 'classes.2' does not do: "),
        (put("classes", value=["a", "b", "a"]), "M: two of its classes have one name; train again"),
        (put("temperature", value=0), "M: its 'temperature' does not do: "),
        (put("temperature", value=float("nan")), "M: its 'temperature' does not do: "),
        (put("temperature", value="1"), "M: its 'temperature' does not do: "),
        (put("score", "value", value=float("nan")), "M: its 'score.value' does not do: "),
        (put("preparation", "size", value=0), "M: its 'preparation.size' does not do: "),
        (put("preparation", "size", value=10**9), "M: its 'preparation.size' does not do: "),
        (put("preparation", "fit", value="eval"), "M: its 'preparation.fit' does not do: "),
        (
            put("preparation", "mean", value=[0.4]),
            "M: its preparation has 1 means and 3 deviations for 3 channels; train again",
        ),
        (
            put("preparation", "std", value=[0.3] * 4),
            "M: its preparation has 3 means and 4 deviations for 3 channels; train again",
        ),
        (
            put("preparation", "std", value=[0.3, 0.0, 0.3]),
            "M: its preparation has an impossible brightness; train again",
        ),
        (
            put("preparation", "mean", value=[0.3, float("nan"), 0.3]),
            "M: its preparation has an impossible brightness; train again",
        ),
        (
            put("preparation", "mean", value=[0.3, 1e300, 0.3]),
            "M: its preparation has an impossible brightness; train again",
        ),
    ],
)
def test_a_card_that_does_not_do_is_refused_with_its_field(
    path: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    assert refusal(with_card(path, change)).startswith(sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            put("net", "name", value="resnt"),
            "M needs the net 'resnt', which this eyespot has not; upgrade eyespot",
        ),
        (
            put("classes", value=["a", "b"]),
            "M does not fit its own net: '1.head.bias' is F32 (3,) where F32 (2,) is due; train",
        ),
        (
            put("classes", value=[str(number) for number in range(50_000)]),
            "M does not fit its own net: '1.head.bias' is F32 (3,) where F32 (50000,) is due; tra",
        ),
        (
            put("net", "widths", value=[2048] * 3),
            "M does not fit its own net: '1.head.weight' is F32 (3, 8) where F32 (3, 2048) is due",
        ),
        (
            put("net", "widths", value=[4] * 8),
            "M does not fit its own net: '1.head.weight' is F32 (3, 8) where F32 (3, 4) is due",
        ),
    ],
)
def test_a_card_of_another_net_is_refused_before_memory_is_taken(
    path: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    with_card(path, change)
    tracemalloc.start()

    with pytest.raises(ModelError) as error:
        load(path)

    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()
    assert str(error.value).replace(str(path), "M").startswith(sentence)


def test_a_picture_that_does_not_pass_through_the_net_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tiny(size=16).save(path)

    with_card(path, put("preparation", "size", value=4))

    with pytest.raises(ModelError, match="images of 4x4 are too small for its own net"):
        load(path)


def test_a_refusal_of_other_features_than_the_net_has_is_refused(tmp_path: Path) -> None:
    model = tiny()
    other = refusing(tiny(channels=1, size=16))  # whose features are more
    card = model.card.model_copy(update={"refusal": other.card.refusal})
    TorchModel(card, model.net, other.refusals).save(tmp_path / "model.safetensors")

    with pytest.raises(ModelError, match="features where its refusal wants"):
        load(tmp_path)


def test_a_net_for_huge_pictures_takes_no_memory_for_one_of_them(path: Path) -> None:
    with_card(path, put("preparation", "size", value=4096))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert load(path).preparation.size == 4096

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17  # KiB, 128 MiB


def test_loading_does_not_import_the_compiler(path: Path) -> None:
    code = (
        "import sys; from eyespot.models.loading import load\n"
        f"model = load({str(path)!r}); model.predict([{str(path.parent / 'a.png')!r}])\n"
        "print([n for n in ('torch._dynamo', 'torch._inductor', 'sympy') if n in sys.modules])"
    )
    Image.new("RGB", (9, 9)).save(path.parent / "a.png")

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 100_000, "M is damaged (its card is not JSON: "),
        ('{"format": 1, "net": ' + "[" * 900 + "]" * 900 + "}", "M: its "),
        ('{"format": ' + "9" * 5000 + "}", "M is damaged (its card is not JSON: "),
        ("[1]", "M is damaged (its card is not an object)"),
        ("1", "M is damaged (its card is not an object)"),
        ("", "M is damaged (its card is not JSON: "),
        ("{}", "M has no format number that eyespot knows; train again"),
        ('{"format": 1}', "M: its 'net' does not do: Field required; train again"),
    ],
)
def test_a_card_that_is_no_json_object_is_refused(path: Path, text: str, sentence: str) -> None:
    _, weights = read_model(path)

    assert refusal(rewritten(path, text, weights)).startswith(sentence)


@pytest.mark.parametrize("metadata", [[], "text", None, {KEY: 5}, {KEY: [1]}, {"x": "{}"}])
def test_a_header_with_other_things_in_it_is_refused(path: Path, metadata: object) -> None:
    set_header(path, put("__metadata__", value=metadata))

    assert refusal(path).startswith(("M holds weights but was not written", "M is damaged ("))


def test_a_header_nested_deeply_is_refused(tmp_path: Path) -> None:
    text = b'{"a":' * 100_000
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)

    assert refusal(tmp_path / "model.safetensors").startswith("M is damaged (its header is not")


def test_a_file_with_any_bytes_changed_is_refused_or_the_same_model(path: Path) -> None:
    random, whole, before = np.random.default_rng(0), path.read_bytes(), tiny()
    head = 8 + struct.unpack_from("<Q", whole)[0]
    num_refused = 0
    for number in range(250):
        data = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            # Half of them in the header, where a change has a meaning.
            place = random.integers(0, head if number % 2 else len(data))
            data[place] = random.integers(0, 256)
        if number % 10 == 0:
            del data[random.integers(0, len(data)) :]
        path.write_bytes(data)
        try:
            after = load_torch_model(path)
        except ModelError as error:
            assert str(path) in str(error)
            num_refused += 1
        else:
            assert after.card == before.card
            assert np.array_equal(after.logits(images(1)), before.logits(images(1)))
    assert num_refused > 200


# --- what is kept to say "I don't know", and for sets


@pytest.fixture
def knowing(tmp_path: Path) -> Path:
    """The file of a model that refuses, and keeps fifty scores."""
    path = tmp_path / "knowing.safetensors"
    refusing(tiny(), num_scores=50).save(path)
    return path


def test_a_model_that_refuses_comes_back_whole(knowing: Path) -> None:
    before, after = refusing(tiny(), num_scores=50), load(knowing)
    again = knowing.with_name("again.safetensors")

    after.save(again)

    assert again.read_bytes() == knowing.read_bytes()
    assert after.card == before.card and after.card.refusal is not None
    for own, other in zip(after.examine(images(9)), before.examine(images(9)), strict=True):
        assert own is not None and other is not None
        assert np.array_equal(own, other)
    assert after.scores is not None and np.array_equal(after.scores, before.scores)


def test_refusing_changes_no_answer() -> None:
    probs, none = tiny().examine(images(9))
    same, refusals = refusing(tiny()).examine(images(9))

    assert none is None and refusals is not None
    assert (refusals.dtype, refusals.shape) == (np.float32, (9,))
    assert np.array_equal(probs, same)
    assert np.array_equal(probs, refusing(tiny()).probabilities(images(9)))


def test_no_picture_gives_no_refusal() -> None:
    probs, refusals = refusing(tiny()).examine(images(0))

    assert probs.shape == (0, 3)
    assert refusals is not None and (refusals.dtype, refusals.shape) == (np.float32, (0,))


def test_predicting_says_unknown_above_one_and_never_when_all_are_to_be_accepted() -> None:
    model = refusing(tiny(), num_scores=50)
    _, refusals = model.examine(images(40))
    assert refusals is not None
    middle = float(np.median(refusals))
    for depth in model.refusals:
        depth.thresholds.mul_(middle)

    found = model.predict(images(40))
    taken = model.predict(images(40), accept_all=True, coverage=0.9)

    assert 5 < sum(one.unknown for one in found) < 35
    assert all(one.refusal is not None and one.unknown == (one.refusal > 1) for one in found)
    assert not any(one.unknown for one in taken)
    assert [one.ranked for one in taken] == [one.ranked for one in found]
    assert [one.refusal for one in taken] == [one.refusal for one in found]
    assert all(one.possible and one.possible[0] == one.label for one in taken)


def test_a_model_without_scores_says_what_sets_need() -> None:
    with pytest.raises(UsageError, match="the model keeps no scores of validation images"):
        tiny().predict(images(1), coverage=0.9)


def first_format(fields: dict[str, Any]) -> None:
    for name in ("refusal", "num_scores"):
        del fields[name]
    fields["format"] = 1


def test_a_file_of_the_first_format_is_read_and_never_refuses(path: Path) -> None:
    model = load(with_card(path, first_format))

    assert model.card == tiny().card
    assert model.refusals == () and model.scores is None
    assert np.array_equal(model.logits(images(5)), tiny().logits(images(5)))
    assert model.examine(images(5))[1] is None
    assert [(one.unknown, one.refusal) for one in model.predict(images(2))] == [(False, None)] * 2
    assert model_facts(path)["unknown"] == "never said: too few validation images, or refuse = 0"


def second_format(fields: dict[str, Any]) -> None:
    del fields["preparation"]["ink"]
    fields["format"] = 2


def test_a_file_of_the_second_format_is_read_and_takes_pictures_as_they_are(path: Path) -> None:
    model = load(with_card(path, second_format))

    assert model.card == tiny().card
    assert model.preparation.ink is None
    assert np.array_equal(model.logits(images(5)), tiny().logits(images(5)))


def test_a_changed_file_of_the_first_format_is_found(path: Path) -> None:
    data = bytearray(with_card(path, first_format).read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)

    assert refusal(path) == ("M is damaged (its checksum is another); train again or copy it again")


def test_facts_count_the_weights_of_the_net_alone(path: Path, knowing: Path) -> None:
    assert model_facts(knowing)["parameters"] == model_facts(path)["parameters"]
    assert model_facts(knowing)["unknown"] == (
        "said of 2 % of good pictures, and of what is like none of them"
    )


DEPTHS = ("refusal", "depths")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put(*DEPTHS, value=[]), "M: its 'refusal.depths' does not do: "),
        (put(*DEPTHS, value=[[4, 3]] * 66), "M: its 'refusal.depths' does not do: "),
        (put(*DEPTHS, 0, value=[8]), "M: its 'refusal.depths.0.1' does not do: Field required"),
        (put(*DEPTHS, 0, value=[0, 3]), "M: its 'refusal.depths.0.0' does not do: "),
        (put(*DEPTHS, 0, value=[10**9, 3]), "M: its 'refusal.depths.0.0' does not do: "),
        (put(*DEPTHS, 0, value=[8, 0]), "M: its 'refusal.depths.0.1' does not do: "),
        (put(*DEPTHS, 0, value=[8, 257]), "M: its 'refusal.depths.0.1' does not do: "),
        (put(*DEPTHS, 0, value=[8.0, 3]), "M: its 'refusal.depths.0.0' does not do: "),
        (put("refusal", "num_neighbours", value=0), "M: its 'refusal.num_neighbours' does not do"),
        (put("refusal", "num_neighbours", value=2**17), "M: its 'refusal.num_neighbours' does no"),
        (put("refusal", "share", value=0), "M: its 'refusal.share' does not do: "),
        (put("refusal", "share", value=float("nan")), "M: its 'refusal.share' does not do: "),
        (put("refusal", "more", value=1), "M: its 'refusal.more' does not do: Extra inputs are"),
        (put("refusal", value=[]), "M: its 'refusal' does not do: "),
        (put("num_scores", value=-1), "M: its 'num_scores' does not do: "),
        (put("num_scores", value=2**17), "M: its 'num_scores' does not do: "),
        (put("num_scores", value=True), "M: its 'num_scores' does not do: "),
        # The first format knew neither.
        (put("format", value=1.0), "M has no format number that eyespot knows; train again"),
    ],
)
def test_a_card_whose_refusal_does_not_do_is_refused_with_its_field(
    knowing: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    assert refusal(with_card(knowing, change)).startswith(sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            put(*DEPTHS, value=[[2**16, 256]] * 65),
            "M does not fit its own net: 'refusal.",
        ),
        (
            put(*DEPTHS, 1, value=[15, 3]),
            "M does not fit its own net: 'refusal.0.depths.1.",
        ),
        (
            put(*DEPTHS, value=[[8, 3]]),
            "M does not fit its own net: 'refusal.0.depths.1.",
        ),
        (
            put(*DEPTHS, 0, value=[8, 9]),  # more directions than features
            "M does not fit its own net: 'refusal.0.depths.0.centres' is F32 (3, 3) where F32",
        ),
        (
            put("refusal", "num_neighbours", value=2**16),
            "M does not fit its own net: 'refusal.0.depths.0.neighbours' is F32 (7, 3) where F32",
        ),
        (
            put("refusal", value=None),
            "M does not fit its own net: 'refusal.0.depths.0.centres' is F32 (3, 3) where nothing",
        ),
        (
            put("num_scores", value=2**16),
            "M does not fit its own net: 'scores' is F32 (50,) where F32 (65536,) is due; train",
        ),
        (
            put("num_scores", value=0),
            "M does not fit its own net: 'scores' is F32 (50,) where nothing is due; train again",
        ),
    ],
)
def test_a_card_of_another_refusal_is_refused_before_memory_is_taken(
    knowing: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    with_card(knowing, change)
    tracemalloc.start()

    with pytest.raises(ModelError) as error:
        load(knowing)

    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()
    assert str(error.value).replace(str(knowing), "M").startswith(sentence)


@pytest.mark.parametrize("name", ["refusal.0.thresholds", "refusal.0.depths.1.whitening", "scores"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_of_a_refusal_that_are_not_finite_are_refused(
    knowing: Path, name: str, value: float
) -> None:
    def change(weights: dict[str, Array]) -> None:
        weights[name] = weights[name].copy()
        weights[name].flat[0] = value

    assert refusal(with_weights(knowing, change)) == (
        f"M: the weights '{name}' are not finite numbers; train again"
    )


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("refusal.0.energy_range", 1, 0),
        ("refusal.0.depths.0.nearest_range", 1, -1),
        ("refusal.0.depths.1.distance_range", 1, 0),
        ("refusal.0.depths.1.outside", 0, -1),
        ("refusal.0.thresholds", 2, 0),
    ],
)
def test_a_refusal_that_could_give_no_number_is_refused(
    knowing: Path, name: str, place: int, value: float
) -> None:
    def change(weights: dict[str, Array]) -> None:
        weights[name] = weights[name].copy()
        weights[name].flat[place] = value

    with pytest.raises(ModelError, match="what it refuses by is no range of numbers; train again"):
        load(with_weights(knowing, change))


@pytest.mark.parametrize("name", ["refusal.0.energy_range", "scores"])
def test_a_refusal_without_its_numbers_is_refused(knowing: Path, name: str) -> None:
    with pytest.raises(ModelError, match=f"'{name}' is nothing where F32"):
        load(with_weights(knowing, lambda weights: weights.pop(name)))


def test_numbers_of_a_second_refusal_are_refused(knowing: Path) -> None:
    def change(weights: dict[str, Array]) -> None:
        weights["refusal.1.thresholds"] = weights["refusal.0.thresholds"]

    with pytest.raises(ModelError, match=r"'refusal.1.thresholds' is F32 \(3,\) where nothing"):
        load(with_weights(knowing, change))


# --- nets from a list of layers

LAYERS: list[dict[str, Any]] = [
    {"type": "conv", "filters": 4, "padding": "same", "activation": "relu"},
    {"type": "batchnorm"},
    {"type": "pool"},
    {"type": "dropout"},
    {"type": "flatten"},
    {"type": "dense"},
]


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """The file of a model whose net is a list of layers."""
    card = tiny().card.model_copy(update={"net": LayersSpec(layers=tuple(LAYERS))})  # type: ignore[arg-type]
    path = tmp_path / "layered.safetensors"
    TorchModel(card, build_net(card.net, card.preparation, len(card.classes))).save(path)
    return path


def test_a_net_of_layers_comes_back_whole_and_known_by_its_kinds(layered: Path) -> None:
    model = load(layered)
    again = layered.with_name("again.safetensors")

    model.save(again)

    assert again.read_bytes() == layered.read_bytes()
    assert np.array_equal(load(again).logits(images(3)), model.logits(images(3)))
    assert model_facts(layered)["net"] == "layers conv-batchnorm-pool-dropout-flatten-dense"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("net", "layers", value=[]), "M: its 'net.layers.layers' does not do: "),
        (put("net", "layers", value=[LAYERS[4]] * 65), "M: its 'net.layers.layers' does not do: "),
        (put("net", "layers", value=5), "M: its 'net.layers.layers' does not do: "),
        (put("net", "layers", 0, "filters", value=10**400),
         "M: its 'net.layers.layers.0.conv.filters' does not do: "),
        (put("net", "layers", 0, "kernel", value=10**9),
         "M: its 'net.layers.layers.0.conv.kernel' does not do: "),
        (put("net", "layers", 0, "padding", value=10**9),
         "M: its 'net.layers.layers.0.conv.padding."),
        (put("net", "layers", 0, "activation", value="eval"),
         "M: its 'net.layers.layers.0.conv.activation' does not do: "),
        (put("net", "layers", 0, "type", value="lambda"),
         "M: its 'net.layers.layers.0' does not do: Input tag 'lambda' found using 'type'"),
        (put("net", "layers", 3, "rate", value=float("nan")),
         "M: its 'net.layers.layers.3.dropout.rate' does not do: "),
        (put("net", "layers", 4, value={"type": "dropout", "rate": 0.5}),
         "M: its net cannot be built (layer 6 (dense) gets maps, not features; "
         "put a flatten before it); train again"),
        (put("net", "layers", 2, "size", value=9),
         "M: its net cannot be built (layer 3 (pool, size 9) does not fit: it gets 4 x 8 x 8; "
         "set a larger size or take fewer such layers); train again"),
        (put("preparation", "size", value=4096),
         "M: its net cannot be built (layer 1 (conv, filters 4) gives 4 x 4096 x 4096 "
         "for an image, more than 16,777,216 values; set a smaller size or make it smaller)"),
        (put("net", "layers", 5, "units", value=4),
         "M: its net cannot be built (layer 6 (dense, units 4) is the last and there are 3 class"),
    ],
)  # fmt: skip
def test_a_list_of_layers_that_does_not_do_is_refused(
    layered: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    assert refusal(with_card(layered, change)).startswith(sentence)


def test_layers_that_are_not_those_of_the_weights_are_refused(layered: Path) -> None:
    with_card(layered, put("net", "layers", 0, "filters", value=2048))

    with pytest.raises(ModelError, match="does not fit its own net: '1.batchnorm2.bias' is F32"):
        load(layered)


# --- predicting


def picture() -> Image.Image:
    return Image.fromarray(images(1, size=21)[0])


def test_a_picture_in_any_form_gives_one_answer(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    file = tmp_path / "a.png"
    file.write_bytes(buffer.getvalue())
    forms = [file, str(file), buffer.getvalue(), picture(), np.asarray(picture())]

    found = tiny().predict(forms)

    assert [one.name for one in found] == [
        str(file), str(file), "image 2", "image 3", "image 4",
    ]  # fmt: skip
    assert len({one.ranked for one in found}) == 1
    assert sum(p for _, p in found[0].ranked) == pytest.approx(1)
    assert found[0].label == found[0].ranked[0][0]


def test_logits_do_not_depend_on_the_batch() -> None:
    model, x = tiny(size=28), images(300, size=28)
    together = model.logits(x)

    assert np.abs(model.logits(x[::-1])[::-1] - together).max() < 1e-6
    assert np.abs(model.logits(x[7:8])[0] - together[7]).max() < 1e-6
    assert np.abs(model.logits(x[:258]) - together[:258]).max() < 1e-6


def test_probabilities_are_those_of_the_logits_over_the_temperature() -> None:
    model, x = tiny(), images(20)
    logits = model.logits(x).astype(np.float64) / 1.5
    exps = np.exp(logits)

    probs = model.probabilities(x)

    assert probs.dtype == np.float32
    assert probs == pytest.approx(exps / exps.sum(axis=1, keepdims=True), abs=1e-6)


def test_no_picture_gives_no_answer() -> None:
    assert tiny().predict([]) == []
    assert tiny().probabilities(images(0)).shape == (0, 3)


@pytest.mark.parametrize(
    "single",
    ["a.jpg", Path("a.jpg"), b"\xff\xd8", picture(), images(1)[0], images(1)[0, :, :, 0]],
    ids=["name", "path", "bytes", "PIL", "colour", "grey"],
)
def test_a_single_picture_is_asked_for_in_a_list(single: Any) -> None:
    with pytest.raises(UsageError) as error:
        tiny().predict(single)

    assert str(error.value) == "predict wants a list of pictures; write predict([picture])"


def test_an_iterator_and_an_array_of_pictures_are_answered_like_a_list() -> None:
    model, x = tiny(), images(5)

    expected = model.predict(list(x))

    assert model.predict(iter(list(x))) == expected  # type: ignore[arg-type]
    assert model.predict(x) == expected


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")

    with pytest.raises(ImageError) as error:
        tiny().predict([picture(), broken])
    assert str(error.value) == f"{broken} is empty (0 bytes)"
    with pytest.raises(ImageError, match="^image 1 is empty"):
        tiny().predict([picture(), b""])


def test_images_that_are_not_prepared_are_refused() -> None:
    with pytest.raises(DataError) as error:
        tiny().probabilities(images(2, size=9))
    assert str(error.value) == (
        "the model wants uint8 images of 8 x 8 x 3, got uint8 of 9 x 9 x 3; prepare them first"
    )
    with pytest.raises(DataError, match="got float64 of 8 x 8 x 3"):
        tiny().probabilities(images(2) / 255)


def test_an_array_that_may_not_be_written_is_read_without_a_warning() -> None:
    x = images(3)
    x.flags.writeable = False

    assert tiny().probabilities(x).shape == (3, 3)


class Fake:
    """A model in ten lines: the brighter, the more otter."""

    classes = CLASSES
    preparation = tiny().preparation
    scores = np.linspace(0, 1, 100, dtype=np.float32)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def examine(self, images: Array) -> tuple[Array, Array]:
        probs = self.probabilities(images)
        return probs, 3 * probs[:, 0]  # what is dark is refused

    def probabilities(self, images: Array) -> Array:
        self.batches.append(len(images))
        bright = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, 0 * bright, bright], axis=1).astype(np.float32)


def test_answers_keep_their_order_around_broken_pictures() -> None:
    sources = [Image.new("RGB", (9, 9), (level,) * 3) for level in (0, 255)] * 300
    mixed: list[Any] = [*sources[:300], b"", *sources[300:], b"GIF89a"]
    fake = Fake()

    found = list(answers(fake, mixed, map(str, range(len(mixed))), Asked(top=1)))

    assert [str(i) for i in range(602)] == [
        one.name if isinstance(one, Prediction) else one[0] for one in found
    ]
    assert [i for i, one in enumerate(found) if not isinstance(one, Prediction)] == [300, 601]
    assert [one.label for one in found[301:303] if isinstance(one, Prediction)] == ["cat", "otter"]
    assert max(fake.batches) <= batch_size(8) == 256


def test_a_picture_that_is_refused_is_unknown_and_has_a_nearest_class() -> None:
    sources = [Image.new("RGB", (9, 9), (level,) * 3) for level in (0, 250)]

    unknown, known = answers(Fake(), sources, "ab")
    taken, _ = answers(Fake(), sources, "ab", Asked(accept_all=True))

    assert isinstance(unknown, Prediction) and isinstance(known, Prediction)
    assert (unknown.unknown, unknown.label, unknown.refusal) == (True, "cat", 3.0)
    assert not known.unknown and known.refusal is not None and known.refusal < 1
    assert isinstance(taken, Prediction) and (taken.unknown, taken.refusal) == (False, 3.0)


def test_answers_have_sets_when_a_coverage_is_asked_for() -> None:
    grey = Image.new("RGB", (9, 9), (120,) * 3)

    (one,) = answers(Fake(), [grey], "a", Asked(coverage=0.6))
    (none,) = answers(Fake(), [grey], "a")

    # 40 of 101 scores lie below 0.39 or so; both grey halves have more.
    assert isinstance(one, Prediction) and one.possible == ("cat", "otter")
    assert isinstance(none, Prediction) and none.possible is None


def test_a_coverage_is_refused_before_any_picture_is_opened() -> None:
    with pytest.raises(UsageError, match="a coverage of 95 is no share"):
        answers(Fake(), ["not there"], "a", Asked(coverage=95))


def test_only_broken_pictures_give_only_errors() -> None:
    found = list(answers(Fake(), [b"", b"x"], ["a", "b"]))

    assert [str(one[1])[:8] for one in found if not isinstance(one, Prediction)] == [
        "is empty", "is not a",
    ]  # fmt: skip


def test_a_batch_of_large_images_takes_no_more_memory_than_one_of_small_ones() -> None:
    assert [batch_size(side) for side in (8, 90, 128, 256, 1024, 4096)] == [256, 256, 128, 32, 2, 1]


def test_of_equally_likely_classes_the_first_comes_first() -> None:
    probs = np.array([[0.3, 0.4, 0.3], [0.5, 0.5, 0.0]], np.float32)

    one, other = predictions_of("ab", probs, None, CLASSES, Asked(top=9))

    assert [label for label, _ in one.ranked] == ["dog", "cat", "otter"]
    assert [label for label, _ in other.ranked] == ["cat", "dog", "otter"]
    assert other.label == "cat" and other.probability == 0.5


class Counting:
    """A model that remembers how many pictures it was asked about at once, and by how many."""

    classes, scores, preparation = CLASSES, None, tiny().preparation

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.most = self.now = 0

    def probabilities(self, images: Array) -> Array:
        return self.examine(images)[0]

    def examine(self, images: Array) -> tuple[Array, Array | None]:
        self.now += 1
        self.most = max(self.most, self.now)
        self.asked.append(len(images))
        time.sleep(0.002)
        self.now -= 1
        first = images[:, 0, 0, :1] / np.float32(255)
        return np.concatenate([first, 1 - first, 0 * first], axis=1), None


def painted(num: int) -> list[Array]:
    return [np.full((8, 8, 3), number % 256, np.uint8) for number in range(num)]


def test_thousands_of_pictures_are_answered_in_order_and_in_small_parts() -> None:
    model, sources = Counting(), painted(700)

    found = list(answers(model, sources, map(str, range(700))))

    assert [one.name for one in found] == list(map(str, range(700)))
    shares = [dict(one.ranked)["cat"] for one in found]
    assert shares == pytest.approx([number % 256 / 255 for number in range(700)])
    assert sum(model.asked) == 700 and max(model.asked) == 32
    assert model.most == 1  # whoever cannot work in several threads is asked by one at a time


def test_few_pictures_are_shared_out_among_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eyespot.models.predict.num_cores", lambda: 4)
    model = Counting()

    list(answers(model, painted(24), map(str, range(24))))

    assert model.asked == [3] * 8


def test_a_model_that_can_works_in_every_thread_that_asks() -> None:
    class Able(Counting):
        def in_thread(self) -> "Able":
            return self

    model = Able()
    with ThreadPoolExecutor(4) as pool:
        examine = _in_threads(model)
        list(pool.map(examine, [np.zeros((1, 8, 8, 3), np.uint8)] * 40))

    assert model.most > 1


def test_what_is_waiting_does_not_grow_with_the_pictures() -> None:
    taken = 0

    def endless() -> Iterator[Array]:
        nonlocal taken
        while True:
            taken += 1
            yield painted(1)[0]

    for _ in islice(answers(Counting(), endless(), map(str, count())), 100):
        pass

    assert taken < 100 + 32 * 20 * (os.cpu_count() or 1)


def test_a_picture_is_prepared_as_the_model_says() -> None:
    assert prepared(picture(), tiny().preparation).shape == (8, 8, 3)
    assert prepared(picture(), tiny(channels=1).preparation).shape == (8, 8, 1)


def test_weights_are_a_copy() -> None:
    model = tiny()
    weights = weights_of(model.net.state_dict())

    with torch.no_grad():
        model.net.get_parameter(HEAD).add_(1)

    assert not np.array_equal(weights[HEAD], weights_of(model.net.state_dict())[HEAD])


# --- tables

RESULTS = [
    Prediction(name="=a.png", label="dog", probability=0.75, ranked=(("dog", 0.75), ("cat", 0.25))),
    ("b, c.png", ImageError("is empty (0 bytes)")),
]


def test_a_table_has_a_row_for_every_picture(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.csv", RESULTS, top=2)

    assert (tmp_path / "a.csv").read_text() == (
        "name,label,probability,label_2,probability_2,nearest,error\n"
        "'=a.png,dog,0.750000,cat,0.250000,,\n"
        '"b, c.png",,,,,,is empty (0 bytes)\n'
    )


def test_a_table_says_unknown_and_what_it_is_nearest_to(tmp_path: Path) -> None:
    (first, *_) = RESULTS
    assert isinstance(first, Prediction)
    said = replace(first, unknown=True, refusal=1.5, possible=("dog", "cat"))

    write_answers(tmp_path / "a.csv", [said], top=1)

    assert (tmp_path / "a.csv").read_text() == (
        "name,label,probability,nearest,possible,error\n'=a.png,unknown,0.750000,dog,dog | cat,\n"
    )


def test_a_table_has_no_more_columns_than_answers(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.csv", RESULTS, top=5)

    assert [row["error"] for row in read_table(tmp_path / "a.csv")] == ["", "is empty (0 bytes)"]


@pytest.mark.parametrize(
    ("pictures", "ids"),
    [
        (Pictures(images=images(2), names=("0", "1")), ["1", "2"]),
        (Pictures(images=["x", "y"], names=("t/7.png", "t/8.png")), ["7", "8"]),
        (Pictures(images=["x", "y"], names=("a/7.png", "b/7.png")), ["a/7.png", "b/7.png"]),
    ],
)
def test_kaggle_gets_its_own_numbers(tmp_path: Path, pictures: Pictures, ids: list[str]) -> None:
    write_kaggle(tmp_path / "result.csv", pictures, RESULTS)

    assert (tmp_path / "result.csv").read_text() == f"ImageId,Label\n{ids[0]},dog\n{ids[1]},\n"
