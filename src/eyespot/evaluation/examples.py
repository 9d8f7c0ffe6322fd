"""Which images a person should look at: the worst mistakes, and a fair sample.

The line keeps the pictures of these and the report shows them; both ask here, so they agree.
"""

import numpy as np

from eyespot.values import Array, Predictions

NUM_MISTAKES = 24
NUM_SAMPLE = 24


def mistakes(predictions: Predictions) -> Array:
    """Indices of the wrong predictions, int64; least probability for the truth first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    truth = predictions.probs[wrong, predictions.labels[wrong]]
    return wrong[np.argsort(truth, kind="stable")]


def sample(predictions: Predictions, num: int = NUM_SAMPLE) -> Array:
    """Indices of `num` images drawn blindly, rising; the same for the same number of images."""
    num_images = len(predictions)
    drawn = np.random.default_rng(0).permutation(num_images)[:num]
    return np.sort(drawn)


def examples(predictions: Predictions) -> tuple[str, ...]:
    """The names of the images whose pictures a report shows, each once."""
    chosen = [*sample(predictions), *mistakes(predictions)[:NUM_MISTAKES]]
    return tuple(dict.fromkeys(predictions.names[index] for index in chosen))
