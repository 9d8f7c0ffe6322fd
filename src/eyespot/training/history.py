"""The epochs of a run: which one is best, and how they are kept."""

import math
from collections.abc import Sequence
from dataclasses import fields

from eyespot.files.run import Run
from eyespot.files.tables import write_table
from eyespot.values.training import Epoch, Monitor


def best_epoch(history: Sequence[Epoch], monitor: Monitor = "accuracy") -> Epoch:
    """The epoch with the highest validation accuracy; of equals the one with the lowest loss.

    Or, to monitor the loss, the other way round. The last one where there is no validation part.
    """
    if math.isnan(history[-1].valid_loss):
        return history[-1]
    if monitor == "loss":
        return min(history, key=lambda epoch: (epoch.valid_loss, -epoch.valid_accuracy))
    return max(history, key=lambda epoch: (epoch.valid_accuracy, -epoch.valid_loss))


def write_history(run: Run, history: Sequence[Epoch]) -> None:
    """Writes history.csv, an epoch a row; without the seconds, so that equal runs are equal."""
    names = [field.name for field in fields(Epoch) if field.name != "seconds"]
    rows = ([getattr(epoch, name) for name in names] for epoch in history)
    write_table(run.history, names, rows)
