"""Which backbone a person means, and which are at hand. Nothing is downloaded that is not named."""

import os
from pathlib import Path

from eyespot.errors import ModelError, did_you_mean
from eyespot.files.cache import cache_folder
from eyespot.nets.pretrained import CONFIG, WEIGHTS, Backbone, read_backbone

FOLDERS = "EYESPOT_BACKBONES"


def find_backbone(wish: str | None) -> Backbone:
    """The backbone of this path or name; the first one at hand where none is wished for.

    wish: a folder in the layout of transformers, an .onnx file, the name of a folder in
    $EYESPOT_BACKBONES or in the cache, or OWNER/NAME[@REVISION] on the hub, which is downloaded
    unless it is there. Raises ModelError with what to do.
    """
    if wish is None:
        return _first()
    path = Path(os.path.expanduser(wish))
    there = os.path.exists(path)  # which is False, too, of a name that is too long
    if there and (path.is_dir() or path.suffix.lower() == ".onnx"):
        return read_backbone(path)
    if there:
        raise ModelError(f"backbone {wish} is neither a folder nor an .onnx file")
    known = {folder.name: folder for folder in reversed(at_hand())}
    if wish in known:
        return read_backbone(known[wish])
    if path.is_absolute() or wish.startswith((".", "~")) or path.suffix.lower() == ".onnx":
        raise ModelError(f"backbone {wish} is not there; name a folder with {CONFIG} and {WEIGHTS}")
    if "/" in wish:
        from eyespot.nets.hub import downloaded

        return read_backbone(downloaded(wish))
    others = f"; at hand are {', '.join(sorted(known))}" if known else ""
    raise ModelError(
        f"backbone '{wish:.80}' is no folder here, in ${FOLDERS} or in {_cache()}, and no name on "
        f"the hub, which is written OWNER/NAME{did_you_mean(wish, known) or others}"
    )


def at_hand() -> list[Path]:
    """The folders of the backbones on this machine: in $EYESPOT_BACKBONES, then in the cache."""
    named = os.environ.get(FOLDERS, "").split(os.pathsep)
    found: list[Path] = []
    for folder in [*(Path(os.path.expanduser(one)) for one in named if one), _cache()]:
        found += [one for one in (folder, *_inside(folder)) if _is_backbone(one)]
    return found


def _cache() -> Path:
    return cache_folder() / "backbones"


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _is_backbone(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def _first() -> Backbone:
    if found := at_hand():
        return read_backbone(found[0])
    raise ModelError(
        "no backbone is at hand; name one, for instance --set backbone=FOLDER with "
        f"{CONFIG} and {WEIGHTS}, or put such folders where ${FOLDERS} says"
    )
