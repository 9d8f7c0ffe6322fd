"""A cluster is joined, or why not is a sentence."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs the extra cluster")

from eyespot.cluster.connection import _not_joined, joined
from eyespot.cluster.training import stored
from eyespot.errors import EyespotError, ResourceError, UsageError

CURE = (
    "`ray status` on one of its machines says whether it runs, `--cluster local` starts one on "
    "this machine"
)


def refusal(address: str) -> str:
    with pytest.raises(UsageError) as error:
        with joined(address, action="x"):
            pass
    return str(error.value)


@pytest.mark.parametrize("address", ["here", "ray://here:10001", "here:99999", "http://here:80"])
def test_what_is_no_address_is_a_sentence(address):
    assert refusal(address) == (
        f"--cluster '{address}' is no address; write auto, local or HOST:PORT"
    )


def test_an_address_at_which_nobody_answers_is_a_sentence(monkeypatch):
    told = f"no Ray cluster answers at 127.0.0.1:1 (Connection refused); {CURE}"
    assert refusal("127.0.0.1:1") == told
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert refusal("auto") == told


def test_an_address_at_which_something_else_answers_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(100)
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert refusal(address) == f"what answers at {address} is no Ray cluster; {CURE}"
        thread.join()


def test_other_versions_are_a_sentence():
    from ray._private.utils import check_version_info

    with pytest.raises(RuntimeError) as error:
        check_version_info({"ray_version": "2.9.0", "python_version": "3.10.1"}, "node 10.0.0.1")

    own = ".".join(map(str, sys.version_info[:3]))
    import ray

    assert str(_not_joined("10.0.0.2:6379", error.value)) == (
        f"the cluster at 10.0.0.2:6379 runs Ray 2.9.0 on Python 3.10.1, and this is Ray "
        f"{ray.__version__} on Python {own}; install the same versions on all machines"
    )


@pytest.mark.parametrize(
    ("wanted", "where"), [("auto", "of this machine"), ("10.0.0.2:6379", "at 10.0.0.2:6379")]
)
def test_a_token_that_is_wanted_is_a_sentence(wanted, where):
    error = ConnectionError("Failed to connect to Ray cluster")
    error.__cause__ = RuntimeError("Failed to connect to GCS. RPC error: InvalidAuthToken: missing")
    assert str(_not_joined(wanted, error)) == (
        f"the cluster {where} wants a token; set RAY_AUTH_MODE=token, and copy ~/.ray/auth_token "
        "from its first machine to this one"
    )


@pytest.mark.cluster
def test_a_cluster_of_other_versions_or_with_too_little_memory_is_a_sentence(
    two_nodes, monkeypatch
):
    with joined(two_nodes.address, action="x") as cluster:
        assert (cluster.num_nodes, cluster.num_cpus) == (2, 2)
        with pytest.raises(ResourceError, match="GB and Ray's object store is 0.16 GB; start the"):
            stored(np.zeros((200, 1_000, 1_000), np.uint8), cluster)
    monkeypatch.setattr("ray._private.utils.compute_version_info", lambda: ("2.9.0", "3.10.1"))
    with pytest.raises(EyespotError, match=r"on Python .*, and this is Ray 2.9.0 on Python 3.10.1"):
        with joined(two_nodes.address, action="x"):
            pass


@pytest.mark.cluster
def test_ctrl_c_ends_a_training_on_a_cluster_and_it_goes_on_later(tmp_path):
    command = [sys.executable, "-m", "eyespot", "train", "--cluster", "local", "--workers", "1"]
    new = [*command, "digits", "--recipe", "quick", "--set", "epochs=400", "--out", "run"]
    process = subprocess.Popen(new, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 300
    while not (tmp_path / "run" / "resume.pt").exists() and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[1]

    assert process.returncode == 130, said
    assert said.endswith("eyespot: interrupted; go on with: eyespot train --resume run\n")
    assert not (tmp_path / "run" / ".ray").exists()
    assert os.listdir(tmp_path) == ["run"]
