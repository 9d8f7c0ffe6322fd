import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import eyespot
from conftest import TINY, halves, write_pictures
from eyespot.errors import DataError, EyespotError, ResourceError, UsageError
from eyespot.files.run import Run
from eyespot.files.tables import read_table
from eyespot.line import Silence, evaluate, train
from eyespot.models.file import read_model
from eyespot.values.dataset import Dataset
from eyespot.values.predictions import Prediction
from eyespot.values.training import Epoch

pytestmark = pytest.mark.usefixtures("no_report")
NUM = 20


def pair(num=NUM, *, seed=0):
    """Images and labels as arrays, `num` of each of two classes."""
    images = np.concatenate([halves(num, bright=0, seed=seed), halves(num, bright=1, seed=seed)])
    return images, np.repeat(["left", "right"], num)


class Listener(Silence):
    def __init__(self):
        self.said, self.epochs, self.images, self.downloads = [], [], [], []

    def say(self, sentence):
        self.said.append(sentence)

    def epoch(self, epoch, num):
        self.epochs.append((epoch.epoch, num))

    def image(self, done, num):
        self.images.append((done, num))

    def download(self, file, done, size):
        self.downloads.append((file, done, size))


class TestTrain:
    def test_arrays_in_memory_become_a_run(self, tmp_path):
        trained = train(pair(), settings=TINY, out=tmp_path / "run")

        assert trained.counts == {"train": [14, 14], "valid": [2, 2], "test": [4, 4]}
        assert trained.evaluation.num == 8
        assert trained.model.classes == ("left", "right")
        assert [p.label for p in trained.model.predict([pair()[0][0], pair()[0][-1]])] == [
            p.label for p in eyespot.load(tmp_path / "run").predict([pair()[0][0], pair()[0][-1]])
        ]

    def test_a_data_set_that_was_read_can_be_trained_on(self, trained, tmp_path):
        result = train(eyespot.read(trained.data), settings=TINY, out=tmp_path / "run")

        assert result.evaluation == trained.trained.evaluation

    def test_the_run_folder_holds_what_design_says(self, trained):
        names = {path.name for path in trained.run.iterdir()}

        assert names >= {
            "recipe.toml",
            "origin.json",
            "split.csv",
            "issues.csv",
            "quarantine.csv",
            "history.csv",
            "model.safetensors",
            "predictions.npz",
            "predictions.csv",
            "suspects.csv",
            "evaluation.json",
            "report.html",
        }
        assert not [name for name in names if name.startswith(".")]

    def test_its_recipe_repeats_the_run_bit_by_bit(self, trained, tmp_path):
        again = train(trained.data, recipe=trained.run / "recipe.toml", out=tmp_path / "run")

        first, second = (
            read_model(path / "model.safetensors") for path in (trained.run, again.run.path)
        )
        assert first[0].score == second[0].score
        assert first[1].keys() == second[1].keys()
        assert all(np.array_equal(first[1][name], second[1][name]) for name in first[1])

    def test_the_card_scores_the_test_part_as_the_evaluation_does(self, trained):
        written = json.loads((trained.run / "evaluation.json").read_text())["test"]["accuracy"]

        score = eyespot.load(trained.run).card.score
        assert {key: getattr(score, key) for key in written} == written
        assert score.num == trained.trained.evaluation.num

    def test_predictions_are_those_of_the_saved_model(self, trained):
        rows = read_table(trained.run / "predictions.csv")

        files = [trained.data / row["name"] for row in rows]
        said = eyespot.load(trained.run).predict(files)
        assert [one.label for one in said] == [row["predicted"] for row in rows]
        assert [one.probability for one in said] == pytest.approx(
            [float(row["probability"]) for row in rows], abs=1e-5
        )

    def test_who_listens_is_told_of_images_and_epochs(self, tmp_path):
        listener = Listener()

        train(pair(), settings=TINY, out=tmp_path / "run", progress=listener)

        assert listener.said == [
            "arrays: arrays in memory, 40 grey images of 2 classes",
            "split: 28 train, 4 valid, 8 test (stratified); "
            "characters, grey 12x12, turned, shifted, zoomed, 2 epochs in batches of 16 (2 steps)",
            "the model will never say unknown: it learns when from 10 validation images or more, "
            "and has 4",
        ]
        assert listener.images[-1] == (40, 40)
        assert listener.epochs == [(1, 2), (2, 2)]

    def test_a_download_is_told(self, monkeypatch, tmp_path):
        def read(source, *, columns, quarantine, progress):
            progress("images.gz", 5, 10)
            return eyespot.read(pair())

        monkeypatch.setattr("eyespot.line.planning.read", read)
        listener = Listener()

        train("mnist", settings=TINY, out=tmp_path / "run", progress=listener)

        assert listener.downloads == [("images.gz", 5, 10)]

    def test_runs_are_numbered_and_never_overwritten(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)

        runs = [train(pair(), settings=TINY).run.path for _ in range(2)]

        assert [str(run) for run in runs] == ["runs/arrays-1", "runs/arrays-2"]

    def test_a_folder_with_something_in_it_is_refused(self, tmp_path):
        (tmp_path / "letter.txt").write_text("dear")

        with pytest.raises(UsageError, match="already there and not empty"):
            train(pair(), settings=TINY, out=tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]

    def test_a_folder_that_cannot_be_made_is_refused_before_an_image_is_read(
        self, monkeypatch, tmp_path
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "runs").write_text("a file")
        monkeypatch.setattr(
            "eyespot.line.planning.load_images", lambda *_, **__: pytest.fail("too late")
        )

        with pytest.raises(ResourceError, match="runs cannot be made"):
            train(pair(), settings=TINY)

    def test_data_that_are_no_good_leave_no_folder_behind(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        broken = ([b"no image"] * 4, ["a", "a", "b", "b"])

        with pytest.raises(DataError, match="none of 4 images looked at can be read"):
            train(broken, settings=TINY)

        assert not list((tmp_path / "runs").iterdir())


class TestWhenItBreaksOff:
    @pytest.fixture
    def breaks(self, monkeypatch):
        """The loop, but it raises this before its second epoch."""
        from eyespot.training import loop

        def arrange(error):
            real = loop.fit

            def fit(*args, **options):
                yield next(real(*args, **options))
                raise error

            monkeypatch.setattr(loop, "fit", fit)

        return arrange

    @pytest.mark.parametrize(
        ("error", "note"),
        [
            (KeyboardInterrupt(), "go on with: train(pictures, resume='{run}')"),
            (ResourceError("the disk is full"), "go on with: train(pictures, resume='{run}')"),
            (EyespotError("no"), "the best model so far is {run}/model.safetensors"),
        ],
    )
    def test_the_error_says_what_is_saved(self, breaks, error, note, tmp_path):
        breaks(error)

        with pytest.raises(type(error)) as raised:
            train(pair(), settings=TINY, out=tmp_path / "run")

        assert raised.value.__notes__ == [note.format(run=tmp_path / "run")]
        assert isinstance(eyespot.load(tmp_path / "run").predict([pair()[0][0]])[0], Prediction)
        assert not (tmp_path / "run" / ".lock").exists()

    def test_its_model_is_judged_by_its_test_part_alone(self, breaks, tmp_path):
        breaks(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            train(pair(), settings=TINY, out=tmp_path / "run")

        judged = evaluate(tmp_path / "run", pair())

        assert (judged.how, judged.evaluation.num) == ("the run's test part", 8)

    def test_a_report_that_fails_does_not_lose_the_model(self, monkeypatch, tmp_path):
        def report(run):
            names = [run.model, run.predictions, run.evaluation, run.origin]
            assert all(path.exists() for path in names)
            raise ValueError("no glyph")

        monkeypatch.setattr("eyespot.line.single.report", report)
        listener = Listener()

        trained = train(pair(), settings=TINY, out=tmp_path / "run", progress=listener)

        assert trained.evaluation.num == 8
        assert listener.said[-1] == (
            "the model is finished, but not its report (ValueError: no glyph); "
            f"try again: eyespot report {tmp_path / 'run'}"
        )

    @pytest.mark.parametrize(("monitor", "best"), [("accuracy", 2), ("loss", 3)])
    def test_the_weights_of_the_best_epoch_are_kept(self, monitor, best, monkeypatch, tmp_path):
        import torch

        def fit(state, train, valid, recipe, world, pause):
            for number, accuracy in enumerate((0.5, 0.9, 0.7), start=1):
                with torch.no_grad():
                    for weight in state.net.parameters():
                        weight.fill_(number / 100)
                epoch = Epoch(
                    epoch=number,
                    train_loss=1.0,
                    train_accuracy=0.5,
                    valid_loss=1 / number,
                    valid_accuracy=accuracy,
                    rate=0.1,
                )
                state.end_epoch(epoch)
                yield epoch

        monkeypatch.setattr("eyespot.training.loop.fit", fit)

        trained = train(
            pair(), settings={**TINY, "epochs": 3, "monitor": monitor}, out=tmp_path / "run"
        )

        parameters = {name for name, _ in trained.model.net.named_parameters()}
        _, weights = read_model(trained.run.model)
        assert {float(weights[name].ravel()[0]) for name in parameters} == {np.float32(best / 100)}
        assert json.loads(trained.run.origin.read_text())["best_epoch"] == best


class TestSmallSets:
    @pytest.mark.parametrize("num", [1, 2, 3])
    def test_a_few_images_of_each_class_give_a_model(self, num, tmp_path):
        trained = train(pair(num), settings=TINY, out=tmp_path / "run")

        assert sum(map(sum, trained.counts.values())) == 2 * num
        assert trained.counts["train"] == [1, 1]
        assert (trained.evaluation is None) == (num == 1)
        assert Run(tmp_path / "run").read_predictions("test").probs.shape[1] == 2

    def test_one_image_of_each_class_has_no_score(self, tmp_path):
        trained = train(pair(1), settings=TINY, out=tmp_path / "run")

        assert trained.model.card.score is None
        assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == {}
        with pytest.raises(DataError, match="no image is left to judge by"):
            evaluate(trained, pair(1))

    def test_a_class_with_one_image_goes_to_train_and_is_named(self, tmp_path):
        images, labels = pair()
        listener = Listener()

        trained = train(
            (np.concatenate([images, 255 - images[:1]]), [*labels, "single"]),
            settings=TINY,
            out=tmp_path / "run",
            progress=listener,
        )

        assert [trained.counts[part][2] for part in ("train", "valid", "test")] == [1, 0, 0]
        assert any("class 'single' has no image in the test part" in one for one in listener.said)

    def test_pictures_of_one_pixel_are_trained_on(self, tmp_path):
        images = np.repeat(np.array([0, 255], np.uint8), 20).reshape(-1, 1, 1)

        trained = train((images, np.repeat([0, 1], 20)), settings=TINY, out=tmp_path / "run")

        assert trained.recipe.size == 8

    def test_one_class_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="holds one class only"):
            train((pair()[0], ["a"] * 40), settings=TINY, out=tmp_path / "run")

    def test_contradicting_labels_are_named_and_never_straddle(self, tmp_path):
        images, labels = pair()
        images = np.concatenate([images, images[:4]])
        listener = Listener()

        train(
            (images, [*labels, *["right"] * 4]),
            settings=TINY,
            out=tmp_path / "run",
            progress=listener,
        )

        assert any(one.startswith("8 x contradicting-label") for one in listener.said)
        rows = read_table(tmp_path / "run" / "split.csv")
        parts = {row["digest"]: row["part"] for row in rows}
        assert all(parts[row["digest"]] == row["part"] for row in rows)

    def test_a_thousand_classes_are_trained_on(self, tmp_path):
        images = np.random.default_rng(0).integers(0, 255, (2000, 8, 8)).astype(np.uint8)

        trained = train(
            (images, np.arange(2000) % 1000),
            settings={"epochs": 1, "width": 4},
            out=tmp_path / "run",
        )

        assert len(trained.model.classes) == 1000


class TestBrokenImages:
    def test_a_few_are_left_out_by_name(self, tmp_path):
        data = write_pictures(tmp_path / "data")
        (data / "left" / "0.png").write_bytes(b"")

        train(data, settings=TINY, out=tmp_path / "run")

        (row,) = read_table(tmp_path / "run" / "quarantine.csv")
        assert row["name"] == "left/0.png"
        assert len(read_table(tmp_path / "run" / "split.csv")) == 59

    def test_more_than_one_in_twenty_stop_it(self, monkeypatch, tmp_path):
        data = write_pictures(tmp_path / "data")
        monkeypatch.chdir(tmp_path)
        for index in range(4):
            (data / "left" / f"{index}.png").write_bytes(b"<html>")

        with pytest.raises(DataError, match="4 of 60 images cannot be read, more than 5%"):
            train(data, settings=TINY)


class TestEvaluate:
    def test_equals_what_train_found(self, trained):
        judged = evaluate(trained.run, trained.data)

        assert judged.evaluation == trained.trained.evaluation
        assert judged.how == "the run's test part"
        assert judged.counts == {"train": 42, "valid": 6, "test": 12}

    def test_takes_what_train_returned(self, trained):
        judged = evaluate(trained.trained, trained.data)

        assert judged.evaluation == trained.trained.evaluation

    def test_sets_of_a_coverage_are_judged_where_the_model_keeps_scores(self, trained):
        model = eyespot.load(trained.run)
        model.scores = np.full(30, 0.99, np.float32)

        judged = evaluate(model, trained.data, coverage=0.9)
        assert judged.sets.asked == 0.9
        assert judged.sets.num == judged.evaluation.num
        assert evaluate(model, trained.data).sets is None
        with pytest.raises(UsageError, match="a coverage of 90 is no share"):
            evaluate(model, trained.data, coverage=90)
        model.scores = None
        with pytest.raises(UsageError, match="keeps no scores of validation images"):
            evaluate(model, trained.data, coverage=0.9)

    def test_a_part_can_be_named(self, trained):
        judged = evaluate(trained.run, trained.data, part="valid")

        assert (judged.how, judged.evaluation.num) == ("the run's valid part", 6)

    def test_other_images_are_judged_all(self, trained):
        judged = evaluate(trained.run, pair(5, seed=1))

        assert (judged.how, judged.evaluation.num) == ("all images", 10)

    def test_a_set_with_parts_is_judged_by_its_test_part(self, trained):
        data = replace(eyespot.read(pair(5, seed=1)), parts=("train",) * 4 + ("test",) * 6)

        judged = evaluate(trained.run, data)

        assert (judged.how, judged.evaluation.num) == ("its own test part", 6)

    def test_pictures_of_the_training_are_not_judged_under_other_names(self, trained):
        old, new = pair(30), pair(5, seed=1)
        both = (np.concatenate([old[0], new[0]]), [*old[1], *new[1]])

        judged = evaluate(trained.run, both)

        assert judged.how == "all images without 48 images of the training"
        assert judged.evaluation.num == 12 + 10

    def test_a_part_that_the_set_has_not_is_refused(self, trained):
        with pytest.raises(DataError, match="arrays has no valid part; leave --part away"):
            evaluate(trained.run, pair(5, seed=1), part="valid")

    def test_a_class_that_the_model_has_not_is_refused(self, trained):
        images, labels = pair(5)

        with pytest.raises(DataError) as raised:
            evaluate(trained.run, (images, np.where(labels == "left", "lefty", labels)))

        assert str(raised.value) == (
            "arrays: class 'lefty' is not one of the model's left, right; did you mean 'left'?"
        )

    def test_classes_in_another_order_are_the_same_classes(self, trained):
        images, labels = pair(5, seed=1)
        dataset = Dataset(
            name="turned",
            form="arrays",
            images=images,
            names=tuple(map(str, range(10))),
            labels=np.repeat([1, 0], 5),
            classes=("right", "left"),
        )

        turned, straight = evaluate(trained.run, dataset), evaluate(trained.run, (images, labels))

        assert turned.evaluation == straight.evaluation

    def test_a_torn_split_is_said(self, trained, tmp_path):
        for name in ("model.safetensors", "split.csv"):
            (tmp_path / name).write_bytes((trained.run / name).read_bytes())
        table = tmp_path / "split.csv"
        table.write_text(table.read_text().replace(",test,", ",exam,", 1))

        with pytest.raises(DataError, match="split.csv is torn or was changed"):
            evaluate(tmp_path, trained.data)


class TestPredict:
    def test_a_picture_is_the_same_in_every_form(self, trained):
        model, path = trained.trained.model, trained.data / "left" / "3.png"
        forms = [path, str(path), path.read_bytes(), Image.open(path), np.asarray(Image.open(path))]

        answers = model.predict(forms)

        assert len({tuple(label for label, _ in one.ranked) for one in answers}) == 1
        # Where a picture lies in memory may change the last bit of a sum.
        spread = np.ptp([[p for _, p in one.ranked] for one in answers], axis=0)
        assert spread.max() <= 1e-6

    def test_the_readme_lines_work(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        images, labels = pair()

        trained = eyespot.train((images, labels), settings={"epochs": 1, "width": 4})
        answer = eyespot.load(trained.run.path).predict(images[:3], top=1)[0]

        assert answer.ranked == ((answer.label, answer.probability),)
        assert eyespot.evaluate(trained, (images, labels)).evaluation == trained.evaluation
