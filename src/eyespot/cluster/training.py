"""`train` on a cluster: Ray Train starts the workers, and starts them anew when one is lost."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eyespot.cluster.connection import Cluster, joined
from eyespot.cluster.failures import told
from eyespot.cluster.listening import Distant, listening
from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.errors import DataError, ResourceError, UsageError
from eyespot.files.atomic import remove_leftovers
from eyespot.files.run import Run
from eyespot.line.engine import Here, Task
from eyespot.line.learning import Saving, learn_samples
from eyespot.line.progress import Progress, Silence
from eyespot.training.recipe import Recipe
from eyespot.values.arrays import Array
from eyespot.values.training import Epoch

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel

MOST_FAILURES = 3  # times that the workers are started anew
STORE = 512 * 2**20  # bytes of shared memory, where this starts Ray by itself


@dataclass(frozen=True)
class OnRay:
    """An Engine. workers: processes of a training, or trainings at the same time."""

    cluster: Cluster
    workers: int

    def learn(
        self,
        run: Run,
        model: "TorchModel",
        loaded: Loaded,
        parts: Split,
        recipe: Recipe,
        tell: Progress,
    ) -> list[Epoch]:
        """As `learn` of line/learning.py: the numbers are those of one process, but for rounding.

        The images lie in Ray's shared memory, once on each machine. The leading worker keeps the
        training in the run folder; when a worker is lost all begin anew from there.
        Raises ResourceError where the images do not fit, DataError where the run folder is not to
        be seen on the leading worker's machine.
        """
        if recipe.batch and recipe.batch < self.workers:
            raise UsageError(
                f"{self.workers} workers cannot share batches of {recipe.batch} images; "
                f"use fewer --workers, or --set batch={2 * self.workers}"
            )
        images = stored(loaded.images, self.cluster)
        if self.workers == 1:
            tell.say(f"one worker on {self.cluster}")
        else:
            tell.say(f"{self.workers} workers on {self.cluster}, a piece of each batch for each")
        scratch = run.path.absolute() / ".ray"
        with listening(tell) as ear:
            given = {
                "run": Run(run.path.absolute()),
                "model": model,
                "images": images,
                "labels": loaded.dataset.labels,
                "places": [parts.indices("train"), parts.indices("valid")],
                "recipe": recipe,
                "tell": ear,
            }
            try:
                with told():
                    self._fit(given, str(scratch))
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
                remove_leftovers(run.path)  # of a worker that was killed while it wrote
        return _taken_over(run, model, recipe)

    def each(self, task: Task, shared: Any, items: Sequence[Any], tell: Progress) -> None:
        """Each item in a process of its own, as many at a time as there are workers."""
        import ray

        cores = max(1, self.cluster.num_cpus // self.workers)
        with listening(tell, epochs=False) as ear:
            one = ray.remote(_done).options(num_cpus=cores, max_retries=MOST_FAILURES)
            common = ray.put(shared)
            waiting = [one.remote(task, common, item, ear) for item in items]
            try:
                while waiting:
                    ready, waiting = ray.wait(waiting)
                    with told():
                        ray.get(ready)
            finally:  # one has failed, or the user has had enough
                for late in waiting:
                    ray.cancel(late, force=True)

    def _fit(self, given: dict[str, Any], scratch: str) -> None:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        gpus = _has_gpus(self.workers)
        resources = {"CPU": max(1, self.cluster.num_cpus // self.workers)}
        trainer = TorchTrainer(
            _train_loop,
            train_loop_config=given,
            scaling_config=ScalingConfig(
                num_workers=self.workers,
                use_gpu=gpus,
                resources_per_worker=resources | ({"GPU": 1} if gpus else {}),
            ),
            run_config=RunConfig(
                storage_path=scratch,
                failure_config=FailureConfig(max_failures=MOST_FAILURES),
            ),
        )
        leaders = list[Any]()
        # Its own handler of Ctrl-C ends this process at once, with the exit code 0.
        trainer._register_sigint_handler = leaders.append
        try:
            trainer.fit()
        except KeyboardInterrupt:
            for leader in leaders:
                ray.kill(leader)
            raise


def _done(task: Task, shared: Any, item: Any, tell: Distant) -> None:
    """On a worker: the task, with what all share fetched from the machine's shared memory."""
    task(shared, item, tell)


def _has_gpus(num: int) -> bool:
    import ray

    return bool(ray.cluster_resources().get("GPU", 0) >= num)


def _train_loop(given: dict[str, Any]) -> None:
    """On each worker. Ray has joined them by torch.distributed."""
    import ray
    import ray.train

    from eyespot.training.peers import Peers
    from eyespot.training.samples import Samples
    from eyespot.training.world import find_world

    place = ray.train.get_context()
    rank, num = place.get_world_rank(), place.get_world_size()
    world = find_world(Peers(rank, num) if num > 1 else None)
    run, tell = given["run"], given["tell"] if world.leads else Silence()
    if world.leads and not run.recipe.exists():
        raise DataError(
            f"{run.path} cannot be seen on {ray.util.get_node_ip_address()}; name a run folder "
            "that every machine of the cluster sees, by --out"
        )
    images: Array = ray.get(given["images"])
    train, valid = (
        Samples.of(images, given["labels"], world, places) for places in given["places"]
    )
    learn_samples(run, given["model"], train, valid, given["recipe"], world, tell)


def _taken_over(run: Run, model: "TorchModel", recipe: Recipe) -> list[Epoch]:
    """The history of the training, whose best weights the model gets, from its last checkpoint."""
    from eyespot.training.state import State
    from eyespot.training.world import find_world

    world = find_world()
    state = State.of(model.net, recipe, world, num_classes=len(model.classes))
    Saving(run, model.card, state, world).restore(Silence())
    if not state.history:
        raise DataError(
            f"{run.path} holds nothing of the training; name a run folder that every machine of "
            "the cluster sees, by --out"
        )
    model.net.load_state_dict(state.best)
    return state.history


def stored(images: Array, cluster: Cluster) -> Any:
    """The images in Ray's shared memory. Raises ResourceError where they do not fit."""
    import ray

    if images.nbytes > 0.9 * cluster.store:
        raise ResourceError(
            f"the pixels are {images.nbytes / 1e9:.2f} GB and Ray's object store is "
            f"{cluster.store / 1e9:.2f} GB; start the cluster with `ray start "
            f"--object-store-memory {2 * images.nbytes}`, or choose a smaller size, for instance "
            "--set size=32"
        )
    return ray.put(images)


@contextlib.contextmanager
def engine_on(
    wanted: str | None, workers: int | None, *, each_core: bool = False
) -> Iterator[Here | OnRay]:
    """Who computes: this process, or a cluster. wanted: as `joined` takes it.

    workers: one for each machine if not given, or for each core. Raises UsageError for more than
    there are cores.
    """
    if wanted is None:
        if workers is not None:
            raise UsageError("--workers is for --cluster; add --cluster auto")
        yield Here()
        return
    with joined(wanted, action="--cluster", store=STORE) as cluster:
        num = workers or (cluster.num_cpus if each_core else cluster.num_nodes)
        if num > cluster.num_cpus:
            raise UsageError(f"--workers {num} are more than the cores of {cluster}")
        yield OnRay(cluster, num)
