"""Which pictures a run keeps for its report."""

import numpy as np

from eyespot.evaluation.examples import examples, first, mistakes, of_every_confusion, sample
from eyespot.values.predictions import Predictions


def said(labels, answers, num_classes=4, sure=0.9):
    """Predictions of these answers, each a little surer than the one before."""
    labels, answers = np.asarray(labels), np.asarray(answers)
    num = len(labels)
    probs = np.full((num, num_classes), 0.01, np.float32)
    probs[np.arange(num), answers] = sure + np.linspace(0, 0.05, num)
    probs[np.arange(num), labels] += np.linspace(0.04, 0, num)
    names = tuple(f"{index:04d}" for index in range(num))
    classes = tuple("abcdefgh"[:num_classes])
    return Predictions(names=names, classes=classes, labels=labels, probs=probs)


def test_examples_name_each_image_once():
    given = said([1] * 30, [0] * 30)

    chosen = examples(given)

    assert len(set(chosen)) == len(chosen) == 30


def test_the_worst_of_every_confusion_comes_before_the_second_worst_of_any():
    """Nine of a taken for b, three of b for c, one of c for d, from bad to worse."""
    given = said([0] * 9 + [1] * 3 + [2], [1] * 9 + [2] * 3 + [3])

    order = of_every_confusion(given).tolist()

    assert mistakes(given).tolist() == list(range(12, -1, -1))
    assert order == [8, 11, 12, 7, 10, 6, 9, 5, 4, 3, 2, 1, 0]


def test_no_mistake_is_no_confusion():
    assert of_every_confusion(said([0, 1], [0, 1])).tolist() == []


def test_sample_first_images_and_worst_mistakes_are_kept_whatever_the_limit():
    labels = np.zeros(2000, np.int64)
    given = said(labels, np.where(np.arange(2000) % 3, 0, 1))
    always = [*sample(given), *mistakes(given)[:24], *first(given)]

    chosen = examples(given, most=5)

    assert set(chosen) == {given.names[row] for row in always}
    assert set(chosen) < set(examples(given, most=100))
    assert len(examples(given, most=100)) == 100


def test_suspects_come_before_further_mistakes():
    given = said(np.zeros(2000, np.int64), np.where(np.arange(2000) % 3, 0, 1))
    needed = len(examples(given, most=0))

    chosen = examples(given, besides=["valid/7", "valid/9"], most=needed + 2)

    assert chosen[-2:] == ("valid/7", "valid/9")
    assert len(examples(given, besides=["valid/7"])) < 300
