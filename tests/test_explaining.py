"""Where a model looked: in the run folder, and as pictures for a person."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

import eyespot
from conftest import TINY, halves
from eyespot.errors import ImageError
from eyespot.evaluation import mistakes, sample
from eyespot.evaluation.gradcam import heat_maps
from eyespot.evaluation.heat import as_bytes, overlaid
from eyespot.evaluation.occlusion import occlusion_maps
from eyespot.files.run import Run, write_predictions
from eyespot.line import explaining
from eyespot.line.explaining import file_names, heats_of, write_heats
from eyespot.models.predict import answers, prepared
from eyespot.values.dataset import Pictures
from eyespot.values.predictions import Predictions
from test_models import images, tiny

HOSTILE = ("../../etc/passwd", "-rf", ".hidden", "a\nb", "a\x00b", "CON", "\udcff", "x" * 999, "")


def said(num, *, right=0):
    """Predictions of `num` images, the first `right` of them right, the others ever worse."""
    probs = np.full((num, 3), 0.3, np.float32)
    probs[:, 0] = np.linspace(0.5, 0.9, num)
    labels = np.ones(num, np.int64)
    labels[:right] = 0
    probs /= probs.sum(axis=1, keepdims=True)
    names = tuple(f"{row}.png" for row in range(num))
    return Predictions(names=names, classes=tiny().classes, labels=labels, probs=probs)


def test_the_worst_mistakes_and_the_sample_have_a_heat_of_what_was_said():
    model, told = tiny(), said(100, right=30)
    pictures = dict(zip(told.names, images(100), strict=True))

    heats = heats_of(model, told, pictures)

    worst = mistakes(told)[: explaining.NUM_MISTAKES]
    assert set(heats) == {told.names[row] for row in [*worst, *sample(told)]}
    row = worst[0]
    expected = heat_maps(model, pictures[told.names[row]][np.newaxis], told.predicted[[row]])
    assert np.allclose(heats[told.names[row]], as_bytes(expected)[0], atol=1)


def test_an_image_without_its_picture_has_no_heat():
    told = said(3)

    assert set(heats_of(tiny(), told, {"1.png": images(1)[0]})) == {"1.png"}
    assert heats_of(tiny(), told, {}) == {}


def test_a_run_keeps_the_heats_of_its_pictures(trained):
    run = Run(trained.run)

    heats, pictures, test = run.read_heats(), run.read_pictures(), run.read_predictions("test")

    assert set(heats) <= set(pictures)
    assert set(heats) == {test.names[row] for row in [*mistakes(test), *sample(test)]}
    assert all(heat.shape == (12, 12) and heat.dtype == np.uint8 for heat in heats.values())
    assert any(heat.max() == 255 for heat in heats.values())


def test_a_run_of_an_earlier_version_has_none(tmp_path):
    run = Run(tmp_path)
    write_predictions(run, said(3), said(3), dict(zip("abc", images(3), strict=True)))

    assert run.read_heats() == {}


def test_a_cross_validation_takes_the_heats_of_its_folds(no_report, tmp_path):
    source = np.concatenate([halves(8, bright=0), halves(8, bright=1)]), [0] * 8 + [1] * 8
    run = eyespot.train(source, settings={**TINY, "folds": 2}, out=tmp_path / "run").run

    heats = run.read_heats()

    of_folds = [fold.read_heats() for fold in run.folds]
    assert len(heats) == 16
    assert set(heats) == set(of_folds[0]) | set(of_folds[1])
    for name, heat in heats.items():
        assert any(np.array_equal(heat, fold[name]) for fold in of_folds if name in fold)


def test_every_picture_gets_a_file_of_its_own():
    pairs = [("a/7.png", "7"), ("b/7.PNG", "7"), ("7", "7"), ("A.png", "x"), ("a.png", "x")]

    assert file_names(pairs) == [
        "7-is-7.png",
        "7-is-7-2.png",
        "7-is-7-3.png",
        "A-is-x.png",
        "a-is-x-2.png",
    ]


def test_no_name_leads_out_of_the_folder(tmp_path):
    names = file_names([(one, other) for one in HOSTILE for other in HOSTILE])

    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert not set(name) & set('/\\:*?"<>|\n\x00')
        assert name[0] not in ".-"
        (tmp_path / name).touch()
    assert len(list(tmp_path.iterdir())) == len(names)


@pytest.mark.parametrize("by", ["net", "occlusion"])
def test_a_file_shows_the_picture_and_where_the_model_looked(by, tmp_path):
    model, arrays = tiny(size=56), images(3, size=56)
    pictures = Pictures(images=arrays, names=("a", "b", "c"))
    results = list(answers(model, arrays, pictures.names))

    num = write_heats(model, pictures, results, tmp_path, by=by)

    assert num == 3
    (name,) = file_names([("b", results[1].label)])
    written = np.asarray(Image.open(tmp_path / name))
    assert written.shape == (224, 456, 3)
    assert np.array_equal(written[::4, :224:4], arrays[1])
    explained = {"net": heat_maps, "occlusion": occlusion_maps}[by]
    label = model.classes.index(results[1].label)
    heat = as_bytes(explained(model, arrays[1:2], np.array([label])))[0]
    beside = overlaid(arrays[1], heat).astype(int)
    means = written[:, -224:].reshape(56, 4, 56, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(means.ravel(), beside.ravel())[0, 1] > 0.95


def test_a_picture_that_is_gone_meanwhile_is_named(tmp_path):
    Image.fromarray(images(1)[0]).save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    results = list(answers(tiny(), [path], ["a.png"]))
    path.unlink()

    with pytest.raises(ImageError, match="^a.png is missing$"):
        write_heats(tiny(), Pictures(images=[path], names=("a.png",)), results, tmp_path)


class TestPredict:
    @pytest.fixture
    def folder(self, trained, tmp_path):
        for name in ("left/0.png", "right/0.png", "right/1.png"):
            path = tmp_path / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(trained.data / name, path)
        return tmp_path / "mine"

    def test_heat_writes_a_picture_of_each_and_a_table(self, eyespot, trained, folder, tmp_path):
        answer = eyespot("predict", trained.run, folder, "--heat", tmp_path / "why")

        assert answer.code == 0
        assert answer.err == f"3 heat maps: {tmp_path / 'why'}\n"
        with open(tmp_path / "why" / "heats.csv") as file:
            rows = list(csv.DictReader(file))
        names = [line.split("\t")[2] for line in answer.out.splitlines()]
        assert [row["name"] for row in rows] == names
        files = {row["file"] for row in rows}
        assert len(files) == 3
        assert {path.name for path in (tmp_path / "why").iterdir()} == files | {"heats.csv"}
        seen = prepared(folder / "right" / "1.png", trained.trained.model.preparation)
        (own,) = (row["file"] for row in rows if row["name"].endswith("1.png"))
        with Image.open(tmp_path / "why" / own) as image:
            assert np.array_equal(np.asarray(image)[9:228:19, 9:228:19, 0], seen[..., 0])

    def test_a_folder_that_holds_something_is_left_alone(self, eyespot, trained, folder):
        before = sorted(folder.rglob("*"))

        answer = eyespot("predict", trained.run, folder, "--heat", folder)

        assert answer.code == 2
        assert answer.out == ""
        assert "not empty; name a new folder for the heat maps" in answer.err
        assert sorted(folder.rglob("*")) == before

    def test_a_broken_picture_has_no_heat_map(self, eyespot, trained, folder, tmp_path):
        (folder / "left" / "broken.png").write_text("no picture")

        answer = eyespot(
            "predict", trained.run, folder, "--heat", tmp_path / "why", "--heat-by", "occlusion"
        )

        assert answer.code == 3
        assert f"3 heat maps: {tmp_path / 'why'}\n" in answer.err
        assert len(list((tmp_path / "why").glob("*.png"))) == 3
