"""The recipe `features`: from pictures and a backbone to a model file that stands for itself."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

import eyespot
from eyespot.errors import ModelError, UsageError
from eyespot.files.tables import read_table
from eyespot.models.file import read_card
from eyespot.nets.pretrained import read_backbone, trunk_weights
from eyespot.nets.standing import body_of, net_on, prepared_as, spec_on, thaw
from eyespot.training.extraction import Extractor
from eyespot.training.optimizers import layer_groups
from eyespot.training.recipe import Recipe
from tiny_backbone import make_backbone, make_photos


@pytest.fixture
def backbone(tmp_path):
    return make_backbone(tmp_path / "shelf" / "tiny")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EYESPOT_BACKBONES", raising=False)


@pytest.fixture
def photos(tmp_path):
    return make_photos(tmp_path / "photos", 40)


def trained_on(photos, backbone, out, **settings):
    settings = {"backbone": str(backbone), **settings}
    return eyespot.train(photos, recipe="features", settings=settings, out=out)


def test_features_and_a_head_make_an_ordinary_model(photos, backbone, tmp_path):
    trained = trained_on(photos, backbone, tmp_path / "run")

    assert trained.evaluation.accuracy.value == 1.0
    assert trained.head.mean > 0.95 and sum(trained.head.nums) == 56
    told = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "a head was fitted: a regression. In 5 folds" in told and "chosen, epoch" not in told
    model = eyespot.load(tmp_path / "run")
    said = model.predict([photos / "red" / "0.png", photos / "green" / "0.png"])
    assert [one.label for one in said] == ["red", "green"]
    # Of pixels the model says what the run says of features.
    kept = trained.run.read_predictions("test")
    again = eyespot.evaluate(tmp_path / "run", photos).predictions
    assert again.names == kept.names
    np.testing.assert_allclose(again.probs, kept.probs, atol=0.02)
    # The run says its backbone by name and hash.
    card = read_card(trained.run.model)
    assert f'digest_of_backbone = "{card.net.digest}"' in trained.run.recipe.read_text()
    assert card.net.source == "tiny"
    assert card.preparation.mean == (0.5, 0.5, 0.5) and card.preparation.size == 32
    head = json.loads(trained.run.evaluation.read_text())["head"]
    assert head["mean"] > 0.95 and head["strength"] > 0


def test_an_ensemble_of_folds_answers_for_features_as_for_pictures(photos, backbone, tmp_path):
    settings = {"backbone": str(backbone), "folds": 2, "test_per_class": 6}

    trained = eyespot.train(
        photos, recipe="features", settings=settings, out=tmp_path / "run", ensemble=True
    )

    tested = trained.ensemble_evaluation
    again = eyespot.evaluate(tmp_path / "run", photos).evaluation
    assert tested is not None and tested.num == again.num == 12
    assert again.log_loss.value == pytest.approx(tested.log_loss.value, abs=0.02)


def test_a_backbone_that_gives_no_numbers_is_refused(photos, backbone):
    found = read_backbone(backbone)
    shape = prepared_as(found, size=32, fit="pad")
    net = net_on(found, spec_on(found, size=32), shape, num_classes=2)
    body_of(net).trunk.layers[3].shift.data.fill_(math.nan)
    extract = Extractor(net=net, views="one", device=torch.device("cpu"), precision=torch.float32)

    with pytest.raises(ModelError, match="the backbone gives numbers that are not finite; get it"):
        extract(np.zeros((2, 32, 32, 3), np.uint8))


def test_the_model_needs_no_backbone_and_no_transformers_any_more(photos, backbone, tmp_path):
    trained_on(photos, backbone, tmp_path / "run")
    for file in backbone.iterdir():
        file.unlink()
    code = (
        "import sys; sys.modules['transformers'] = sys.modules['huggingface_hub'] = None\n"
        "import eyespot\n"
        f"print(eyespot.load({str(tmp_path / 'run')!r}).predict([sys.argv[1]])[0].label)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(photos / "red" / "3.png")], capture_output=True, text=True
    )

    assert done.stdout == "red\n", done.stderr


def test_the_second_run_decodes_nothing_and_says_the_same(photos, backbone, tmp_path, monkeypatch):
    first = trained_on(photos, backbone, tmp_path / "first")
    from eyespot.data import rows

    monkeypatch.setattr(rows, "open_image", None)  # calling it would raise

    second = trained_on(photos, backbone, tmp_path / "second")

    assert first.run.predictions.read_bytes() == second.run.predictions.read_bytes()
    assert first.run.split.read_bytes() == second.run.split.read_bytes()


def test_what_is_remembered_holds_for_changed_pictures_no_more(photos, backbone, tmp_path):
    trained_on(photos, backbone, tmp_path / "first")
    Image.new("RGB", (40, 40), (200, 40, 40)).save(photos / "red" / "0.png")
    (photos / "green" / "0.png").write_bytes(b"no picture")

    trained_on(photos, backbone, tmp_path / "second")

    left_out = read_table(tmp_path / "second" / "quarantine.csv")
    assert [row["name"] for row in left_out] == ["green/0.png"]
    remarks = read_table(tmp_path / "second" / "issues.csv")
    assert "red/0.png" in [row["name"] for row in remarks]  # one colour all over


def test_another_backbone_under_the_same_name_is_refused(photos, backbone, tmp_path):
    run = trained_on(photos, backbone, tmp_path / "run").run
    make_backbone(backbone, seed=1)

    with pytest.raises(ModelError, match="is another one than the recipe's: its SHA-256 is"):
        eyespot.train(photos, recipe=run.recipe, out=tmp_path / "again")


def test_a_model_without_its_backbone_finds_it_by_its_hash(photos, backbone, tmp_path):
    whole = trained_on(photos, backbone, tmp_path / "whole").run
    run = trained_on(photos, backbone, tmp_path / "run", embed=False).run

    assert run.model.stat().st_size < whole.model.stat().st_size / 2
    picture = [photos / "green" / "5.png"]
    here, there = (eyespot.load(one.path).predict(picture)[0] for one in (run, whole))
    assert here.probability == there.probability

    make_backbone(backbone, seed=1)
    with pytest.raises(ModelError, match="is not the one that the model was made with"):
        eyespot.load(run.path)
    backbone.rename(backbone.with_name("moved"))
    with pytest.raises(ModelError, match="tiny is not there; name a folder with config.json"):
        eyespot.load(run.path)


def test_folds_are_made_of_features_too(photos, backbone, tmp_path):
    trained = trained_on(photos, backbone, tmp_path / "run", folds=2, head_folds=2)

    assert trained.folds.mean == 1.0
    assert (tmp_path / "run" / "fold-2" / "model.safetensors").exists()


def test_one_image_of_a_class_is_enough(photos, backbone, tmp_path):
    for name in ("red", "green"):
        for number in range(1, 40):
            (photos / name / f"{number}.png").unlink()

    trained = trained_on(photos, backbone, tmp_path / "run")

    assert trained.evaluation is None and trained.head.nums == ()
    assert len(eyespot.load(tmp_path / "run").classes) == 2


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_exported_model_says_the_same(photos, backbone, head, tmp_path):
    pytest.importorskip("onnxruntime")
    views = "one" if head == "mlp" else "mirrors"
    settings = {"test_views": views, "valid": 0.2, "head": head}
    run = trained_on(photos, backbone, tmp_path / "run", **settings).run
    assert (read_card(run.model).net.hidden > 0) == (head == "mlp")

    eyespot.export(run.path)

    ours, theirs = eyespot.load(run.model), eyespot.load(run.path / "model.onnx")
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    for one, other in zip(ours.examine(pictures), theirs.examine(pictures), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_finetuning_moves_the_last_blocks_alone(photos, backbone, tmp_path):
    settings = {"backbone": str(backbone), "unfrozen": 2, "epochs": 1, "batch": 16, "valid": 0}
    run = eyespot.train(photos, recipe="finetune", settings=settings, out=tmp_path / "run").run

    before = trained_on(photos, backbone, tmp_path / "still").run
    moved = {
        name.split(".")[3]
        for name, tensor in load_file(run.model).items()
        if name.startswith("1.trunk") and (tensor != load_file(before.model)[name]).any()
    }
    assert moved == {"23", "24", "25", "26"}
    assert eyespot.load(run.path).predict([photos / "red" / "0.png"])[0].label == "red"
    assert len(read_table(run.history)) == 1


def test_finetuning_that_makes_it_worse_is_left_and_told(photos, backbone, tmp_path):
    settings = {"backbone": str(backbone), "unfrozen": 2, "epochs": 1, "batch": 8, "rate": 0.1}
    trained = eyespot.train(photos, recipe="finetune", settings=settings, out=tmp_path / "run")

    weights = load_file(trained.run.model)
    trunk = fill_of(backbone)
    assert all(np.array_equal(weights[f"1.trunk.{name}"], trunk[name]) for name in trunk)
    assert trained.evaluation.accuracy.value == 1.0
    (note,) = [n for n in trained.run.read_json(trained.run.origin)["notes"] if "stays" in n]
    assert note.startswith("the backbone stays as it was, with its head: on the validation part")


def fill_of(backbone):
    """The trunk's own weights."""
    return {name: t.numpy() for name, t in trunk_weights(read_backbone(backbone)).items()}


def test_earlier_blocks_learn_slower(tmp_path, backbone):
    found = read_backbone(backbone)
    net = net_on(
        found, spec_on(found, size=32), prepared_as(found, size=32, fit="pad"), num_classes=2
    )
    thaw(net, 3)

    groups = layer_groups(net)

    assert [round(group["share"], 3) for group in groups] == [1.0, 0.8, 0.64, 0.512]
    trained = {id(weight) for group in groups for weight in group["params"]}
    assert trained == {id(weight) for weight in net.parameters() if weight.requires_grad}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"unfrozen": 2}, "unfrozen = 2 is for a backbone; take the recipe features or finetune"),
        ({"embed": False}, "embed = false is for a backbone; take the recipe features or finetune"),
        ({"net": "convnet", "backbone": "x"}, 'net = "convnet" and a backbone are two nets'),
        ({"backbone": "x", "dropout": 0.5}, "dropout = 0.5 is not for a backbone"),
        ({"backbone": "x", "channels": 1}, "channels = 1 is not for a backbone"),
        (
            {"backbone": "x", "head": "mlp", "test_views": "mirrors"},
            'head = "mlp" looks at one view, and test_views = "mirrors" at several',
        ),
        ({"head": "mlp"}, 'head = "mlp" is for a backbone'),
        ({"backbone": "x", "unfrozen": 1, "embed": False}, "changes the backbone"),
        ({"backbone": "x", "unfrozen": 1, "optimizer": "muon"}, "muon has one rate"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(fields, reason):
    with pytest.raises(UsageError, match=reason):
        Recipe(**fields)
