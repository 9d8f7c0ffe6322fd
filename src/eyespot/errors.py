"""Every failure that a user or the world can cause, and the exit code that goes with it.

EyespotError        1    anything below, or a plain failure
├── UsageError      2    the command, a flag, a recipe field
├── DataError       3    the images, tables and folders
│   └── ImageError  3    one image that cannot be decoded; readers collect these, they do not stop
├── ResourceError   4    disk, memory, a file somebody else holds
├── ModelError      5    the model file
└── MissingExtra    1    an optional dependency that is not installed

A message is one sentence: what is wrong, where, what to do; it quotes the value.
"""

import difflib
from collections.abc import Iterable


class EyespotError(Exception):
    """The base of every error that eyespot raises on purpose."""

    exit_code = 1


class UsageError(EyespotError):
    """A command, flag or recipe that cannot be carried out as written."""

    exit_code = 2


class DataError(EyespotError):
    """Images, tables or folders that cannot be used as they are."""

    exit_code = 3


class ImageError(DataError):
    """One image that cannot be decoded; the message is the reason, without the name."""


class ResourceError(EyespotError):
    """No room, no right to write, or a file that another process owns."""

    exit_code = 4


class ModelError(EyespotError):
    """A model file that is broken, foreign, unsafe or from a newer version."""

    exit_code = 5


class MissingExtra(EyespotError):
    """An optional dependency that this action needs and that is not installed."""

    def __init__(self, package: str, *, extra: str, action: str) -> None:
        super().__init__(
            f"{action} needs {package}; install it with: pip install 'eyespot[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[EyespotError], tuple[object, ...]]:
        """From another process it comes as its sentence, which is all that is told of it."""
        return EyespotError, self.args


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `1,797 images`: a number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
