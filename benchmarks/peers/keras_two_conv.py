"""The two-convolution net of the Keras tutorials, on MNIST, as they write it.

    python keras_two_conv.py mnist.npz --epochs 3

Needs keras and tensorflow-cpu. Prints one JSON object: seconds of `fit`, accuracy on the test part.
"""

import argparse
import json
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    arrays = np.load(given.data)
    x_train, x_test = (
        arrays[f"x_{part}"][..., None].astype("float32") / 255 for part in ("train", "test")
    )
    y_train, y_test = (keras.utils.to_categorical(arrays[f"y_{p}"], 10) for p in ("train", "test"))
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    model.fit(x_train, y_train, epochs=given.epochs, verbose=0)
    seconds = time.perf_counter() - started
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    print(json.dumps({"seconds": seconds, "accuracy": float(accuracy), "versions": versions}))


if __name__ == "__main__":
    main()
