"""Joining a Ray cluster, or starting one on this machine, and what goes wrong on the way."""

import contextlib
import importlib.util
import logging
import os
import re
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eyespot.cluster.failures import first_line, told
from eyespot.errors import EyespotError, MissingExtra, UsageError, count

_LEAST_STORE = 80 * 2**20  # bytes; Ray refuses less
_SECONDS_TO_ANSWER = 5.0
_HOME = re.compile(r"(?P<host>[^:/\s]+):(?P<port>\d{1,5})")
# What a client of gRPC says first (RFC 9113, 3.4): the preface and empty settings.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4  # the kind of the frame that it is answered with, at place 3
_TOKEN = re.compile("AuthToken|[Aa]uthentication token")
_VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What there is to work with. store: bytes of shared memory on the machine with least."""

    address: str
    num_nodes: int
    num_cpus: int
    store: int

    def __str__(self) -> str:
        return f"Ray on {count(self.num_nodes, 'machine')}, {count(self.num_cpus, 'core')}"


@contextlib.contextmanager
def joined(wanted: str, *, action: str, store: int = 0) -> Iterator[Cluster]:
    """A Ray cluster to work on, left again at the end.

    wanted: `auto` joins the cluster that runs on this machine or that RAY_ADDRESS names, and starts
    one here where there is none; `local` always starts one; else a cluster's HOST:PORT. action:
    what it is for, for errors. store: bytes of shared memory that a started one should have, at
    least.
    Raises MissingExtra, UsageError for an address that leads nowhere, EyespotError for a cluster of
    other versions, ResourceError where its memory or disks are full.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra("ray", extra="cluster", action=action)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what is done here
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray's own 15 gives its workers a thirtieth of a core that anything else wants as well.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else it writes to stderr as well
    with warnings.catch_warnings():  # Ray's own code calls what Ray has deprecated
        warnings.simplefilter("ignore")
        import ray
        import ray.data

        mine = not ray.is_initialized()
        if mine:
            _start(wanted, store)
        try:
            _quiet()
            with told():
                yield _found()
        finally:
            if mine:
                ray.shutdown()


def _start(wanted: str, store: int) -> None:
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own: dict[str, Any] = {
        "include_dashboard": False,
        "object_store_memory": max(store, _LEAST_STORE),
    }
    before = signal.getsignal(signal.SIGTERM)
    told = os.environ.get("RAY_ADDRESS", "") if wanted == "auto" else wanted
    if told not in ("", "auto", "local"):
        _check_address(told)
    try:
        with _hushed():
            if wanted == "local" or wanted == "auto" and not _join_own(quiet):
                ray.init(address="local", **own, **quiet)
            elif wanted != "auto":
                ray.init(address=wanted, **quiet)
    except (RuntimeError, ConnectionError, ValueError, ray.exceptions.RayError) as error:
        ray.shutdown()  # it may be half way in
        raise _not_joined(wanted, error) from error
    finally:  # Ray takes the signal for itself
        with contextlib.suppress(ValueError, TypeError):
            signal.signal(signal.SIGTERM, before)


def _join_own(quiet: dict[str, Any]) -> bool:
    """Joins the cluster of this machine or of RAY_ADDRESS; whether there is one."""
    import ray

    try:
        ray.init(address="auto", **quiet)
    except ConnectionError as error:
        if _TOKEN.search(_all_said(error)):
            raise
        return False
    return True


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Ray's parts in C++ write to stderr while they start, whatever they are told."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError):  # there is no stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check_address(address: str) -> None:
    """Raises UsageError where no cluster answers: Ray itself would try for minutes."""
    found = _HOME.fullmatch(address)
    if not found or int(found["port"]) > 65_535:
        raise UsageError(f"--cluster '{address}' is no address; write auto, local or HOST:PORT")
    cure = (
        "`ray status` on one of its machines says whether it runs, `--cluster local` starts one on "
        "this machine"
    )
    try:
        home = (found["host"], int(found["port"]))
        with socket.create_connection(home, timeout=_SECONDS_TO_ANSWER) as line:
            line.sendall(_HELLO)
            answer = line.recv(9)
    except OSError as error:
        raise UsageError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); {cure}"
        ) from error
    secret = os.environ.get("RAY_USE_TLS", "0") != "0"  # it does not answer in the clear
    if not secret and answer[3:4] != bytes([_SETTINGS]):
        raise UsageError(f"what answers at {address} is no Ray cluster; {cure}")


def _not_joined(wanted: str, error: Exception) -> EyespotError:
    said = _all_said(error)
    if _TOKEN.search(said):
        where = "of this machine" if wanted == "auto" else f"at {wanted}"
        return EyespotError(
            f"the cluster {where} wants a token; set RAY_AUTH_MODE=token, and copy "
            "~/.ray/auth_token from its first machine to this one"
        )
    versions = _VERSIONS.findall(said)
    if len(versions) >= 2:
        (ray, python), (own_ray, own_python) = versions[:2]
        return EyespotError(
            f"the cluster at {wanted} runs Ray {ray} on Python {python}, and this is Ray "
            f"{own_ray} on Python {own_python}; install the same versions on all machines"
        )
    return EyespotError(f"the cluster {wanted} cannot be joined: {first_line(said)}")


def _all_said(error: BaseException | None) -> str:
    """What an error and those before it say."""
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def _quiet() -> None:
    import ray._private.worker
    from ray.data import DataContext

    # What is said of dead workers goes to stdout else, among the data, whatever log_to_driver says.
    ray._private.worker._worker_logs_enabled = False
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray.train", "ray.tune", "ray"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong, we say ourselves


def _found() -> Cluster:
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    stores = [node["Resources"].get("object_store_memory", 0) for node in nodes]
    return Cluster(
        address=str(ray.get_runtime_context().gcs_address),
        num_nodes=len(nodes),
        num_cpus=int(sum(node["Resources"].get("CPU", 0) for node in nodes)),
        store=int(min(stores, default=0)),
    )


def on_this_machine() -> Any:
    """Where to put an actor that must not be lost before the process that started it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = ray.get_runtime_context().get_node_id()
    return NodeAffinitySchedulingStrategy(node_id=here, soft=False)
