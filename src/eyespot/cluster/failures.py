"""What Ray raises, in sentences of eyespot's."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from eyespot import errors
from eyespot.errors import EyespotError, ResourceError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LAST_LINE = re.compile(r"^ *([A-Za-z_][\w.]*(?:Error|Exception|Extra|Exit)): (.*\S)", re.MULTILINE)
_MODULE = re.compile(r"No module named '([^'.]+)")


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What Ray raises, as an error of eyespot's: the worker's own one, or a sentence."""
    try:
        yield
    except Exception as error:
        meant = _meant(error)
        if meant is None or meant is error:
            raise
        raise meant from error


def _meant(error: Exception) -> EyespotError | None:
    """The error to raise instead; None for one that has nothing to do with Ray."""
    import ray.exceptions as failures

    under = list(_under(error))
    if not any(_is_ray_s(one) for one in under):
        return next((one for one in under if isinstance(one, EyespotError)), None)
    raised = _raised(under)
    if isinstance(raised, EyespotError):
        return raised
    for kinds, meant in (
        (
            (failures.ObjectStoreFullError, failures.OutOfDiskError),
            "Ray's object store is full; give it more by `ray start --object-store-memory BYTES`, "
            "or make room on the disk that it spills to",
        ),
        (
            (failures.OutOfMemoryError,),
            "a machine of the cluster has run out of memory; use fewer --workers",
        ),
        (
            (failures.RayActorError, failures.WorkerCrashedError, failures.NodeDiedError),
            "workers of the cluster were lost too often; look at the memory of its machines, `ray "
            "status` says which are there",
        ),
    ):
        if raised is None and any(isinstance(one, kinds) for one in under):
            return ResourceError(meant)
    if raised and (module := _MODULE.search(raised)):
        return EyespotError(
            f"a machine of the cluster has no {module[1]}; install the same eyespot with the same "
            "extras on all of them"
        )
    return EyespotError(f"Ray gave up: {raised or first_line(str(error))}")


def _raised(under: list[BaseException]) -> EyespotError | str | None:
    """What was raised on a worker, a sentence for what is not eyespot's; None if nothing was.

    Where Ray does not hand over the error itself, it stands in the text of a traceback.
    """
    for one in under:
        if isinstance(one, EyespotError):
            return _bare(one)
    told = [found for one in under for found in _LAST_LINE.findall(_COLOUR.sub("", str(one)))]
    for kind, said in told:
        own = getattr(errors, kind.removeprefix("eyespot.errors."), None)
        if isinstance(own, type) and issubclass(own, EyespotError):
            return _made(own, said)
    for kind, said in told:
        if not kind.startswith("ray."):
            return f"{kind}: {said[:300]}"
    return None


def _under(error: BaseException) -> Iterator[Any]:
    """The error and all that Ray has wrapped it around, from the outside to the inside."""
    seen: set[int] = set()
    pending: list[Any] = [error]
    while pending:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = list(getattr(one, "worker_failures", {}).values())
        controller = getattr(one, "controller_failure", None)
        pending += [*inner, controller, getattr(one, "cause", None), one.__cause__, one.__context__]


def _is_ray_s(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] == "ray" for kind in type(error).__mro__)


def _bare(error: EyespotError) -> EyespotError:
    """The same without Ray's type: a wrapped error is of a class of its own, made on the spot."""
    if type(error).__module__ == EyespotError.__module__:
        return error
    kinds = (kind for kind in type(error).__mro__ if kind.__module__ == EyespotError.__module__)
    return _made(next(kinds, EyespotError), str(getattr(error, "cause", error)))


def _made(kind: type[Any], sentence: str) -> EyespotError:
    """An error of this kind; some kinds make up their own sentence, which this is already."""
    plain = Exception.__new__(kind)
    plain.args = (sentence,)
    assert isinstance(plain, EyespotError)
    return plain


def first_line(text: str) -> str:
    """The first line that says something, 300 letters of it at most."""
    lines = [line.strip() for line in _COLOUR.sub("", text).splitlines() if line.strip()]
    return lines[0][:300] if lines else "it does not say why"
