"""Which images a person should look at: the worst mistakes, and a fair sample.

The line keeps the pictures of these and the report shows them; both ask here, so they agree.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions

NUM_MISTAKES = 24
NUM_SAMPLE = 24
NUM_FIRST = 10
NUM_KEPT = 200  # mistakes of which a picture is kept
NUM_SUSPECTS = 24

# Of all pictures that a run folder keeps, before they are packed. Some 240 colour ones of 128
# pixels: as JPEG in the page they take 1.5 MB.
MOST_BYTES = 12_000_000


def mistakes(predictions: Predictions) -> Array:
    """Indices of the wrong predictions, int64; least probability for the truth first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    truth = predictions.probs[wrong, predictions.labels[wrong]]
    return wrong[np.argsort(truth, kind="stable")]


def of_every_confusion(predictions: Predictions) -> Array:
    """The mistakes in another order: first the worst of each pair of truth and answer, then the
    second worst of each, and so on, of frequent pairs before rare ones. However few are taken, the
    most frequent confusions are among them."""
    worst_first = mistakes(predictions)
    pairs = list(
        zip(
            predictions.labels[worst_first].tolist(),
            predictions.predicted[worst_first].tolist(),
            strict=True,
        )
    )
    sizes, seen = Counter(pairs), Counter[tuple[int, int]]()
    keys = []
    for place, pair in enumerate(pairs):
        keys.append((seen[pair], -sizes[pair], place))
        seen[pair] += 1
    return worst_first[[place for *_, place in sorted(keys)]]


def first(predictions: Predictions, num: int = NUM_FIRST) -> Array:
    """Indices of the first images, in the order of the set."""
    return np.arange(min(num, len(predictions)))


def sample(predictions: Predictions, num: int = NUM_SAMPLE) -> Array:
    """Indices of `num` images drawn blindly, rising; the same for the same number of images."""
    num_images = len(predictions)
    drawn = np.random.default_rng(0).permutation(num_images)[:num]
    return np.sort(drawn)


def examples(
    predictions: Predictions, *, besides: Sequence[str] = (), most: int | None = None
) -> tuple[str, ...]:
    """The names of the images whose pictures a report shows, each once, the dearest first.

    besides: the names of others, such as suspects. most: how many names at most; the sample, the
    first images and the worst mistakes are always among them.
    """
    always = [
        *sample(predictions),
        *mistakes(predictions)[:NUM_MISTAKES],
        *first(predictions),
    ]
    always = list(dict.fromkeys(predictions.names[index] for index in always))
    more = [predictions.names[index] for index in of_every_confusion(predictions)[:NUM_KEPT]]
    chosen = list(dict.fromkeys([*always, *besides, *more]))
    return tuple(chosen if most is None else chosen[: max(most, len(always))])
