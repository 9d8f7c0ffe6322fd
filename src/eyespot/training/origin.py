"""Where a run comes from: versions, machine, command."""

import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from eyespot import __version__
from eyespot.training.history import best_epoch
from eyespot.training.world import find_world
from eyespot.values.training import DataSummary, Epoch, Monitor, Origin


def versions() -> dict[str, str]:
    """The versions that a model's numbers depend on."""
    own = {"python": platform.python_version(), "eyespot": __version__}
    return own | {package: version(package) for package in ("torch", "numpy", "pillow")}


def find_origin(
    *,
    history: Sequence[Epoch],
    num_parameters: int,
    dataset: DataSummary,
    notes: Sequence[str],
    source: Sequence[str],
    seconds: float,
    monitor: Monitor = "accuracy",
) -> Origin:
    """All that origin.json says, with this process's command, machine and time of day.

    history: empty for a run of folds, whose epochs are those of its folds.
    """
    world = find_world()
    return Origin(
        eyespot=__version__,
        command=_command(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 2),
        train_seconds=round(sum(epoch.seconds for epoch in history), 2),
        versions=versions(),
        device=str(world.device),
        precision=world.precision,
        threads=world.threads,
        processor=torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        best_epoch=best_epoch(history, monitor).epoch if history else None,
        num_parameters=num_parameters,
        dataset=dataset,
        notes=notes,
        source=source,
    )


def _command() -> str:
    """What was typed; the script where this is not the command line."""
    ours = Path(sys.argv[0]).stem in ("eyespot", "__main__")
    return shlex.join(["eyespot", *sys.argv[1:]] if ours else ["python", *sys.argv])
