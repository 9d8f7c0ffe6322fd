"""A training on a cluster is that of one process, whoever dies."""

import numpy as np
import pytest

import eyespot
from eyespot.errors import ResourceError, UsageError
from eyespot.files.run import Run
from eyespot.files.tables import read_table

pytest.importorskip("ray", reason="needs the extra cluster")

from eyespot.cluster.connection import Cluster
from eyespot.cluster.training import OnRay, engine_on, stored

SMALL = Cluster(address="here", num_nodes=1, num_cpus=2, store=1_000_000)
FIELDS = {"epochs": 16, "width": 16}


def losses(run: Run) -> list[list[float]]:
    rows = read_table(run.history)
    return [[float(row["train_loss"]), float(row["valid_loss"])] for row in rows]


def test_workers_without_a_cluster_are_refused():
    with pytest.raises(UsageError, match="--workers is for --cluster; add --cluster auto"):
        with engine_on(None, 2):
            pass


def test_a_batch_that_is_smaller_than_the_workers_is_refused(tmp_path):
    recipe = eyespot.Recipe(batch=4)
    with pytest.raises(UsageError, match="8 workers cannot share batches of 4 images; use fewer"):
        OnRay(SMALL, 8).learn(Run(tmp_path), None, None, None, recipe, None)


def test_pixels_that_the_object_store_cannot_hold_are_a_sentence():
    with pytest.raises(ResourceError) as error:
        stored(np.zeros((2_000, 32, 32, 1), np.uint8), SMALL)

    assert str(error.value) == (
        "the pixels are 0.00 GB and Ray's object store is 0.00 GB; start the cluster with `ray "
        "start --object-store-memory 4096000`, or choose a smaller size, for instance --set size=32"
    )


@pytest.mark.cluster
def test_a_killed_worker_is_replaced_and_the_training_ends_as_that_of_one_process(
    tmp_path, two_nodes, capfd
):
    alone = eyespot.train("digits", recipe="quick", settings=FIELDS, out=tmp_path / "alone")
    out = tmp_path / "run"

    def begun() -> bool:
        if not (out / "history.csv").exists() or len(losses(Run(out))) < 2:
            return False
        (out / ".resume.new-0123456789abcdef").write_bytes(b"as a kill in a write leaves it")
        return True

    with two_nodes.killing("RayTrainWorker", when=begun) as killed:
        with engine_on(two_nodes.address, 2) as engine:
            trained = eyespot.train(
                "digits", recipe="quick", settings=FIELDS, out=out, engine=engine
            )

    assert killed
    assert [len(losses(run)) for run in (trained.run, alone.run)] == [16, 16]
    # The first epochs are chaotic in bfloat16; test_peers.py compares every step in float32.
    assert losses(trained.run)[-1] == pytest.approx(losses(alone.run)[-1], abs=0.1)
    assert trained.evaluation.accuracy.value == pytest.approx(
        alone.evaluation.accuracy.value, abs=0.02
    )
    assert capfd.readouterr().out == ""
    assert sorted(path.name for path in out.iterdir()) == sorted(
        path.name for path in alone.run.path.iterdir()
    )


@pytest.mark.cluster
def test_the_work_of_a_lost_node_goes_on_upon_another(tmp_path, three_nodes, capfd):
    out = tmp_path / "run"

    def begun() -> bool:
        return (out / "history.csv").exists() and len(losses(Run(out))) > 1

    with three_nodes.killing("RayTrainWorker", when=begun, whole=True) as killed:
        with engine_on(three_nodes.address, 2) as engine:
            trained = eyespot.train(
                "digits", recipe="quick", settings=FIELDS, out=out, engine=engine
            )

    assert len(killed) > 1
    assert [int(row["epoch"]) for row in read_table(trained.run.history)] == [*range(1, 17)]
    assert trained.evaluation.accuracy.value > 0.95
    assert capfd.readouterr().out == ""


@pytest.mark.cluster
def test_folds_side_by_side_give_the_run_of_folds(tmp_path, two_nodes, monkeypatch):
    fields = {"epochs": 2, "width": 8, "folds": 3}
    with engine_on(two_nodes.address, 2) as engine:
        beside = eyespot.train(
            "digits", recipe="quick", settings=fields, out=tmp_path / "run", engine=engine
        )

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as Ray tells a worker that has one core
    alone = eyespot.train("digits", recipe="quick", settings=fields, out=tmp_path / "alone")
    assert beside.folds is not None and beside.folds.nums == (599, 599, 599)
    for number in (1, 2, 3):
        one, other = beside.run.fold(number), alone.run.fold(number)
        assert losses(one) == losses(other)
        assert np.array_equal(
            one.read_predictions("test").probs, other.read_predictions("test").probs
        )
        assert one.report.exists()
