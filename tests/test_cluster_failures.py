"""What Ray raises is a sentence of eyespot's."""

import pytest

from eyespot.errors import DataError, EyespotError, MissingExtra, ResourceError

pytest.importorskip("ray", reason="needs the extra cluster")

import ray.exceptions
from ray.train import WorkerGroupError

from eyespot.cluster.failures import told


def of_a_worker(error: Exception) -> Exception:
    """As Ray raises what a worker raised."""
    return ray.exceptions.RayTaskError("f", "\x1b[36mray::f()\x1b[39m\nTraceback", error)


def of_ray_data(said: str) -> Exception:
    """As Ray Data raises it, which keeps the text alone."""
    inner = ray.exceptions.UserCodeException("UDF failed to process a data block.\nOnce.")
    text = f"\x1b[36mray::f()\x1b[39m\n  File 'a', line 1, in f\n{said}\n\nThe above exception was"
    return ray.exceptions.RayTaskError("f", text, inner).as_instanceof_cause()


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (
            ray.exceptions.ObjectStoreFullError("no"),
            ResourceError,
            "Ray's object store is full; give it more by `ray start --object-store-memory BYTES`, "
            "or make room on the disk that it spills to",
        ),
        (
            of_ray_data("ModuleNotFoundError: No module named 'eyespot.cluster'"),
            EyespotError,
            "a machine of the cluster has no eyespot; install the same eyespot with the same "
            "extras on all of them",
        ),
        (
            ray.exceptions.RayTaskError("f", "Traceback\nKeyError: 'x'", KeyError("x")),
            EyespotError,
            "Ray gave up: KeyError: 'x'",
        ),
        (
            of_ray_data(
                "OSError: full\n\nDuring it\n\neyespot.errors.ResourceError: the disk is full"
            ),
            ResourceError,
            "the disk is full",
        ),
        (
            of_ray_data("OSError: [Errno 5] I/O"),
            EyespotError,
            "Ray gave up: OSError: [Errno 5] I/O",
        ),
        (
            WorkerGroupError("lost", {0: ray.exceptions.ActorDiedError()}),
            ResourceError,
            "workers of the cluster were lost too often; look at the memory of its machines, `ray "
            "status` says which are there",
        ),
        (
            WorkerGroupError("x", {1: of_a_worker(DataError("a.png is gone"))}),
            DataError,
            "a.png is gone",
        ),
        (
            ray.exceptions.RaySystemError("no such\nthing"),
            EyespotError,
            "Ray gave up: System error: no such",
        ),
    ],
)
def test_what_ray_raises_is_a_sentence(raised, kind, said):
    with pytest.raises(EyespotError) as error:
        with told():
            raise raised

    assert (type(error.value), str(error.value)) == (kind, said)


def test_what_is_not_ray_s_is_left_alone():
    with pytest.raises(KeyError):
        with told():
            raise KeyError("x")


def test_what_a_worker_raised_is_told_as_it_was():
    own = DataError("a.png is gone")
    with pytest.raises(DataError, match="^a.png is gone$"):
        with told():
            raise ray.exceptions.RayTaskError("f", "traceback", own).as_instanceof_cause()
    with pytest.raises(MissingExtra, match=r"^x needs y; install it with: pip install"):
        with told():
            raise RuntimeError("wrapped") from MissingExtra("y", extra="z", action="x")
