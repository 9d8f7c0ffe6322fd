import numpy as np
import pytest

from eyespot.errors import DataError
from eyespot.values.dataset import Dataset
from eyespot.values.evaluation import Interval
from eyespot.values.predictions import Prediction, Predictions


def dataset(**changes: object) -> Dataset:
    fields: dict[str, object] = {
        "name": "pets",
        "form": "made up",
        "images": np.zeros((3, 4, 4), np.uint8),
        "names": ("a", "b", "c"),
        "labels": np.array([0, 1, 1]),
        "classes": ("cat", "dog"),
    }
    return Dataset(**(fields | changes))  # type: ignore[arg-type]


def test_a_data_set_counts_its_images():
    assert len(dataset()) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"names": ("a", "b")},
            "pets: 2 names for 3 images and 3 labels; give one of each for every image",
        ),
        (
            {"labels": np.array([0])},
            "pets: 3 names for 3 images and 1 label; give one of each for every image",
        ),
        ({"parts": ("train",)}, "pets: 1 part for 3 images; give one for every image, or none"),
        ({"names": ("a", "b", "a")}, "pets: two images are called 'a'; give each its own name"),
        ({"classes": ("cat", "cat")}, "pets: two classes are called 'cat'; give each its own name"),
        (
            {"labels": np.array([0, 1, 2])},
            "pets: labels run from 0 to 2 for 2 classes; they are whole numbers that count from 0",
        ),
        (
            {"labels": np.array([0, -1, 1])},
            "pets: labels run from -1 to 1 for 2 classes; they are whole numbers that count from 0",
        ),
        (
            {"labels": np.array([0.0, 0.5, 1.0])},
            "pets: labels are float64 of shape (3,); they are whole numbers that count from 0",
        ),
        (
            {"labels": np.array([[0], [1], [1]])},
            "pets: labels are int64 of shape (3, 1); they are whole numbers that count from 0",
        ),
    ],
)
def test_a_data_set_that_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DataError) as error:
        dataset(**changes)

    assert str(error.value) == message


def test_a_data_set_may_be_empty():
    empty = dataset(images=[], names=(), labels=np.array([], dtype=np.int64))

    assert len(empty) == 0


def test_predictions_that_do_not_fit_together_are_refused():
    with pytest.raises(DataError) as error:
        Predictions(
            names=("a",), classes=("x", "y"), labels=np.array([0]), probs=np.zeros((1, 3), "f4")
        )

    assert str(error.value) == (
        "predictions do not fit together: 1 names, 2 classes, labels (1,), probabilities (1, 3)"
    )


def test_the_predicted_class_is_the_first_of_the_likeliest():
    probs = np.array([[0.2, 0.8], [0.5, 0.5]], dtype=np.float32)

    said = Predictions(
        names=("a", "b"), classes=("x", "y"), labels=np.array([0, 0]), probs=probs
    ).predicted

    assert (said.tolist(), said.dtype) == ([1, 0], np.int64)


def test_no_predictions_are_predictions_too():
    said = Predictions(
        names=(), classes=("x", "y"), labels=np.zeros(0, np.int64), probs=np.zeros((0, 2), "f4")
    )

    assert len(said) == 0
    assert said.predicted.tolist() == []


def test_an_interval_is_read_with_its_bounds():
    assert str(Interval(value=0.97, low=0.951, high=0.98)) == (
        "0.9700 (95 % interval 0.9510 to 0.9800)"
    )


def test_a_prediction_in_json_spells_out_its_ranks():
    said = Prediction(name="a.png", label="x", probability=0.9, ranked=(("x", 0.9), ("y", 0.1)))

    assert said.as_json() == {
        "name": "a.png",
        "label": "x",
        "probability": 0.9,
        "unknown": False,
        "refusal": None,
        "ranked": [{"label": "x", "probability": 0.9}, {"label": "y", "probability": 0.1}],
    }
