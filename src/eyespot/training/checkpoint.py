"""The two files from which a training goes on: resume.pt, and the one before it.

A file is a line with the SHA-256 of what follows, and what torch.save writes. Loading one executes
nothing (weights_only).
"""

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

from eyespot.files.atomic import write_bytes
from eyespot.files.run import Run

_HEAD = b"eyespot checkpoint 1 "


def save_checkpoint(run: Run, content: dict[str, Any], *, plan: str) -> None:
    """Writes the file whole or not at all; the last one becomes the one before.

    content: plain values and tensors. plan: says of which training it is. Raises ResourceError when
    there is no room or no right to write; then both files are as they were.
    """
    buffer = io.BytesIO()
    torch.save({"plan": plan, **content}, buffer)
    data = buffer.getbuffer()
    head = _HEAD + hashlib.sha256(data).hexdigest().encode() + b"\n"
    try:
        write_bytes(run.fresh, b"".join((head, data)))
    except BaseException:
        with contextlib.suppress(OSError):
            run.fresh.unlink()
        raise
    # A kill between these two leaves the one before alone.
    if run.resume.exists():
        os.replace(run.resume, run.previous)
    os.replace(run.fresh, run.resume)


def load_checkpoint(run: Run, *, plan: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The last content that is whole and of this plan, and a sentence for each file that is not.

    None where nothing has been saved, or neither file can be used.
    """
    unusable: list[str] = []
    for path in (run.resume, run.previous):
        try:
            return _content(path, plan), unusable
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            unusable.append(f"{path} cannot be used: {error}")
    return None, unusable


def remove_checkpoints(run: Run) -> None:
    """Removes what a training can go on from: it is done. resume.json goes last."""
    for path in (run.fresh, run.previous, run.resume, run.asked):
        path.unlink(missing_ok=True)


def _content(path: Path, plan: str) -> dict[str, Any]:
    """What the file holds. Raises ValueError unless every byte is as it was written."""
    head, _, data = path.read_bytes().partition(b"\n")
    if not head:
        raise ValueError("it is empty")
    if not head.startswith(_HEAD):
        raise ValueError("it does not begin as a checkpoint of this eyespot does")
    if head.removeprefix(_HEAD) != hashlib.sha256(data).hexdigest().encode():
        raise ValueError("it is torn, its SHA-256 is another")
    try:
        content: dict[str, Any] = torch.load(
            io.BytesIO(data), map_location="cpu", weights_only=True
        )
    except Exception as error:  # torch raises its own kinds for what somebody has made by hand
        raise ValueError("it is no checkpoint") from error
    if not isinstance(content, dict) or content.get("plan") != plan:
        raise ValueError("it is of another training")
    return content
