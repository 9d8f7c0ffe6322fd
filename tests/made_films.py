"""Video files that tests make."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from conftest import halves

cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless, the extra `camera`")


def write_film(path: Path, frames: Iterable[np.ndarray], *, rate: float = 25.0) -> Path:
    """A video of frames, uint8 (H, W, 3) in RGB."""
    writer = None
    for frame in frames:
        if writer is None:
            code = cv2.VideoWriter_fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(path), code, rate, (frame.shape[1], frame.shape[0]))
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    assert writer is not None
    writer.release()
    return path


def halves_film(path: Path, labels: Iterable[int], *, num: int = 25) -> Path:
    """What the `trained` model knows, enlarged: some frames of each label, 0 left and 1 right."""
    pictures = (picture for label in labels for picture in halves(num, bright=label, seed=7))
    return write_film(
        path, (np.repeat(p.repeat(20, 0).repeat(20, 1)[..., None], 3, 2) for p in pictures)
    )


def read_film(path: Path) -> tuple[list[np.ndarray], float]:
    """Its frames in RGB and how many a second there are."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    return frames, capture.get(cv2.CAP_PROP_FPS)
