"""What a lost worker does to a training: digits, by one process and by two workers, one killed.

    python benchmarks/killed_worker.py one killed --seeds 0 1 2 3 4
    python benchmarks/killed_worker.py two killed --seeds 0 1 2 3 4

`one` trains in this process, as `eyespot train digits --recipe quick` does. `two` trains with two
workers on two nodes of Ray on this machine, a core each; after 15 epochs the second node's worker
gets kill -9. Prints a line for each seed. A run that is there already is not made again.
"""

import argparse
import os
import signal
import threading
import time
import warnings
from pathlib import Path

import eyespot
from eyespot.cluster.training import engine_on
from eyespot.files.run import Run
from eyespot.files.tables import read_table

EPOCHS = 15  # before the kill


def num_epochs(run: Run) -> int:
    return len(read_table(run.history)) if run.history.exists() else 0


def workers_of(daemon: int) -> list[int]:
    """The processes of a node that train."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            title = (entry / "cmdline").read_bytes()
        except OSError:  # gone meanwhile
            continue
        if parent == daemon and title.startswith(b"ray::RayTrainWorker"):
            found.append(int(entry.name))
    return found


def killed_once(run: Run, daemon: int, killed: list[int], over: threading.Event) -> None:
    while not killed and not over.wait(0.02):
        if num_epochs(run) >= EPOCHS:
            for pid in workers_of(daemon):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)


def trained_by_two(seed: int, run: Run) -> int:
    """Trains, kills, and says how many workers were killed."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_worker_niceness="0")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=small | {"include_dashboard": False})
    second = cluster.add_node(**small)
    cluster.wait_for_nodes()
    daemon = second.all_processes["raylet"][0].process.pid
    killed, over = list[int](), threading.Event()
    killer = threading.Thread(target=killed_once, args=(run, daemon, killed, over))
    killer.start()
    try:
        with engine_on(cluster.address, 2) as engine:
            trained(seed, run, engine)
    finally:
        over.set()
        killer.join()
        cluster.shutdown()
    return len(killed)


def trained(seed: int, run: Run, engine: object = None) -> None:
    eyespot.train("digits", recipe="quick", settings={"seed": seed}, out=run.path, engine=engine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("way", choices=["one", "two"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    given = parser.parse_args()
    for seed in given.seeds:
        run = Run(given.folder / f"{given.way}-{seed}")
        started, killed = time.perf_counter(), 0
        if not run.origin.exists():
            if given.way == "two":
                killed = trained_by_two(seed, run)
            else:
                trained(seed, run)
        accuracy = run.read_json(run.evaluation)["test"]["accuracy"]["value"]
        print(
            f"{given.way}, seed {seed}: accuracy {accuracy:.4f}, {num_epochs(run)} epochs, "
            f"{killed} killed, {time.perf_counter() - started:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own code calls what Ray has deprecated
        main()
