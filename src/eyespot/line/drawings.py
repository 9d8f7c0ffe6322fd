"""Names for pictures that are written for a person, which every file system takes."""

import re
from collections.abc import Iterable

_LONGEST = 80  # bytes of a picture's and of a class's name in the name of a file


def png_names(stems: Iterable[str]) -> list[str]:
    """The names with .png, a second one alike with `-2`: no two differ by case alone."""
    used: set[str] = set()
    found = []
    for stem in stems:
        name, number = f"{stem}.png", 1
        while name.casefold() in used:
            number += 1
            name = f"{stem}-{number}.png"
        used.add(name.casefold())
        found.append(name)
    return found


def tame(text: str, otherwise: str) -> str:
    """Letters, digits, dots, dashes and underscores, none but the latter at either end."""
    tamed = re.sub(r"[^\w.-]+", "-", text).encode()[:_LONGEST].decode(errors="ignore")
    return tamed.strip(".-") or otherwise
