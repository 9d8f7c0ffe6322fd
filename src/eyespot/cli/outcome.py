"""What happened to a verb, as a sentence and an exit code."""

import errno
import functools
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import ParamSpec

from eyespot.cli.talk import complain
from eyespot.errors import EyespotError

P = ParamSpec("P")
_RESOURCES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENFILE)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: unwinds as Ctrl-C does, so that locks are released and what is saved is told."""


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The verb; what the user or the world can cause ends it with a sentence and a code."""

    @functools.wraps(command)
    def verb(*args: P.args, **kwargs: P.kwargs) -> None:
        signal.signal(signal.SIGTERM, _terminate)
        if isinstance(sys.stdout, io.TextIOWrapper):  # a name that LANG=C cannot print is escaped
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            command(*args, **kwargs)
            if sys.stdout:
                sys.stdout.flush()
        except BrokenPipeError:  # the reader has gone, as in `eyespot predict ... | head`
            _forget_stdout()
        except (Exception, KeyboardInterrupt) as error:
            code, sentence = _outcome(error)
            complain("; ".join([sentence, *getattr(error, "__notes__", ())]))
            raise SystemExit(code) from error

    return verb


def _outcome(error: BaseException) -> tuple[int, str]:
    """The exit code and the sentence. Raises what no user can cause, for its traceback."""
    match error:
        case EyespotError():
            return error.exit_code, str(error)
        case _Terminated():
            return 143, "terminated"
        case KeyboardInterrupt():
            return 130, "interrupted"
        case OSError() if error.errno in _RESOURCES:
            if error.filename is None:
                _forget_stdout()  # full, like the disk that it leads to
            return 4, f"{error.filename or 'the output'} cannot be written: {error.strerror}"
        case MemoryError() | RuntimeError() if _no_memory(error):
            return 4, "there is not enough memory; choose a smaller size or batch, or fewer images"
    raise error


def _no_memory(error: BaseException) -> bool:
    """torch says it in words alone, which differ between its devices."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "allocate memory" in said or "out of memory" in said


def _forget_stdout() -> None:
    """What is still to be written goes nowhere, so that Python does not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, frame: object) -> None:
    raise _Terminated
