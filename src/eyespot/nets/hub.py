"""Backbones from the hub: at a pinned revision, from safetensors alone, and never unasked."""

import errno
import hashlib
import os
import re
from pathlib import Path
from typing import Any

from eyespot.errors import MissingExtra, ModelError
from eyespot.files.cache import cache_folder
from eyespot.nets.pretrained import CONFIG, FILES, WEIGHTS

_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_REVISION = re.compile("[0-9a-f]{40}")
_RESOURCES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)  # not the network's


def downloaded(wish: str) -> Path:
    """The folder of OWNER/NAME[@REVISION], downloaded unless it is in the cache already.

    Without a revision the newest one at that time, or one in the cache. Its folder's name holds
    the revision, so that it can be named again. Raises ModelError with what to do.
    """
    if not _NAME.fullmatch(wish):
        raise ModelError(f"backbone '{wish}' is no folder and no name on the hub, OWNER/NAME")
    name, _, revision = wish.partition("@")
    if there := _in_cache(name, revision):
        return there
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        action = f"downloading {wish}"
        raise MissingExtra("huggingface_hub", extra="pretrained", action=action) from error
    try:
        told = huggingface_hub.HfApi().model_info(
            name, revision=revision or None, files_metadata=True
        )
    except Exception as error:  # the library lets those of its own libraries through
        raise ModelError(_why(wish, error)) from error
    _check_files(wish, {one.rfilename for one in told.siblings or ()})
    folder = _root() / _folder_name(name, str(told.sha))
    part = folder.with_name(f"{folder.name}.part")  # kept, so that a second try goes on
    try:
        huggingface_hub.snapshot_download(
            name, revision=told.sha, allow_patterns=list(FILES), local_dir=part
        )
    except Exception as error:
        if getattr(error, "errno", None) in _RESOURCES:
            raise
        raise ModelError(_why(wish, error)) from error
    try:
        _check_hash(wish, part / WEIGHTS, told.siblings or ())
        os.replace(part, folder)
    except OSError:
        if not (folder / CONFIG).is_file():  # by another process, which was first
            raise
    return folder


def _root() -> Path:
    return cache_folder() / "backbones"


def _folder_name(name: str, revision: str) -> str:
    return f"{name.replace('/', '--')}@{revision}"


def _in_cache(name: str, revision: str) -> Path | None:
    """The newest folder of this name; that of the revision where one is given."""
    found = sorted(
        _root().glob(f"{_folder_name(name, revision)}*"), key=lambda path: path.stat().st_mtime
    )
    whole = [path for path in found if path.suffix != ".part" and (path / CONFIG).is_file()]
    if revision and not _REVISION.fullmatch(revision):  # a branch, which moves
        return None
    return whole[-1] if whole else None


def _check_files(wish: str, files: set[str]) -> None:
    if WEIGHTS in files and CONFIG in files:
        return
    pickles = sorted(name for name in files if name.endswith((".bin", ".pt", ".pth", ".ckpt")))
    if WEIGHTS not in files and pickles:
        raise ModelError(
            f"{wish} has its weights as {pickles[0]}, a pickle, which eyespot does not open "
            f"because it can run code; take a backbone with a {WEIGHTS}"
        )
    lacking = WEIGHTS if WEIGHTS not in files else CONFIG
    raise ModelError(f"{wish} has no {lacking}, so it is no backbone that can be used")


def _check_hash(wish: str, file: Path, siblings: Any) -> None:
    """Raises ModelError, and removes the file, where its SHA-256 is not the one that was told."""
    told = [one.lfs.sha256 for one in siblings if one.rfilename == file.name and one.lfs]
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(2**22):
            digest.update(block)
    if told and told[0] != digest.hexdigest():
        file.unlink()
        raise ModelError(
            f"{wish}: {file.name} was damaged on its way (its SHA-256 is another); try again"
        )


def _why(wish: str, error: Exception) -> str:
    kind, status = type(error).__name__, getattr(getattr(error, "response", None), "status_code", 0)
    if kind in ("RepositoryNotFoundError", "GatedRepoError") or status in (401, 403, 404):
        what = "revision" if kind == "RevisionNotFoundError" else "name or revision"
        return f"backbone '{wish}': the hub has no such {what} that everybody may read; look it up"
    if os.environ.get("HF_HUB_OFFLINE"):
        return (
            f"backbone '{wish}' is not in {_root()}, and HF_HUB_OFFLINE forbids to download it; "
            "name a folder, or unset that"
        )
    return (
        f"backbone '{wish}' is not in {_root()} and cannot be downloaded ({kind}); go online once, "
        "or copy its folder to this machine and name that"
    )
