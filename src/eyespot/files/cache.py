"""Where downloads and whatever else can be made again lie."""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Where downloads and unpacked archives lie: `$EYESPOT_CACHE`, or the user's cache folder."""
    named = os.environ.get("EYESPOT_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if base:
        return Path(base) / "eyespot"
    try:
        return Path.home() / ".cache" / "eyespot"
    except RuntimeError:  # no HOME and no user entry, as in a bare container
        return Path(tempfile.gettempdir()) / "eyespot-cache"
