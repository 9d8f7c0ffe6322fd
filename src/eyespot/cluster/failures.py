"""What Ray raises, in sentences of eyespot's."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from eyespot.errors import EyespotError, ResourceError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


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
    own = next((one for one in under if isinstance(one, EyespotError)), None)
    if own is not None:
        return _bare(own)
    if not any(_is_ray_s(one) for one in under):
        return None
    lost = (
        failures.RayActorError,
        failures.WorkerCrashedError,
        failures.NodeDiedError,
        failures.OwnerDiedError,
    )
    for one in under:
        if isinstance(one, failures.ObjectStoreFullError | failures.OutOfDiskError):
            return ResourceError(
                "Ray's object store is full; give it more by `ray start --object-store-memory "
                "BYTES`, or make room on the disk that it spills to"
            )
        if isinstance(one, failures.OutOfMemoryError):
            return ResourceError(
                "a machine of the cluster has run out of memory; use fewer --workers"
            )
        if isinstance(one, ModuleNotFoundError):
            return EyespotError(
                f"a machine of the cluster has no {one.name}; install the same eyespot with the "
                "same extras on all of them"
            )
    if any(isinstance(one, lost) for one in under):
        return ResourceError(
            "workers of the cluster were lost too often; look at the memory of its machines, "
            "`ray status` says which are there"
        )
    return EyespotError(f"Ray gave up: {_reason(under)}")


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
    # Some kinds make up their own sentence.
    plain: Any = Exception.__new__(next(kinds, EyespotError))
    plain.args = (str(getattr(error, "cause", error)),)
    assert isinstance(plain, EyespotError)
    return plain


def _reason(under: list[BaseException]) -> str:
    """What happened on the worker, as Python says it; else Ray's own first line."""
    for one in under:
        if not _is_ray_s(one):
            return f"{type(one).__name__}: {first_line(str(one))}"
    return first_line(str(under[0]))


def first_line(text: str) -> str:
    """The first line that says something, 300 letters of it at most."""
    lines = [line.strip() for line in _COLOUR.sub("", text).splitlines() if line.strip()]
    return lines[0][:300] if lines else "it does not say why"
