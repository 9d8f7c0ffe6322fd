"""The net and the loop of PyTorch's own MNIST example: two convolutions, dropout, Adadelta.

    python pytorch_example.py mnist.npz --epochs 3

Its images are normalised once, before the clock runs, where the example does so for every image.
Prints one JSON object: seconds of training, accuracy on the test part.
"""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def parts(path: str) -> tuple[TensorDataset, TensorDataset]:
    """The training and the test part, normalised as the example does."""
    arrays = np.load(path)
    train, test = (
        TensorDataset(
            (torch.from_numpy(arrays[f"x_{part}"])[:, None].float() / 255 - 0.1307) / 0.3081,
            torch.from_numpy(arrays[f"y_{part}"]).long(),
        )
        for part in ("train", "test")
    )
    return train, test


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    train, test = parts(given.data)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    batches = DataLoader(train, batch_size=64, shuffle=True)
    started = time.perf_counter()
    for _ in range(given.epochs):
        net.train()
        for x, labels in batches:
            optimizer.zero_grad()
            F.cross_entropy(net(x), labels).backward()
            optimizer.step()
        schedule.step()
    seconds = time.perf_counter() - started
    net.eval()
    right = 0
    with torch.no_grad():
        for x, labels in DataLoader(test, batch_size=1000):
            right += int((net(x).argmax(1) == labels).sum())
    versions = {"torch": torch.__version__}
    result = {"seconds": seconds, "accuracy": right / len(test), "versions": versions}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
