"""`predict` on a cluster: Ray Data hands portions to a pool of workers that hold the model."""

import atexit
import contextlib
import hashlib
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eyespot import __version__
from eyespot.cluster.attempts import Begun, safe_images, tally_here
from eyespot.cluster.connection import Cluster, joined
from eyespot.cluster.parts import Counts, begin, counted, held, write_part
from eyespot.cluster.portions import Portion, Stock, stock
from eyespot.cluster.storage import Place, place
from eyespot.errors import ResourceError, UsageError
from eyespot.models.loading import load, model_path
from eyespot.models.predict import Asked, answers
from eyespot.values.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a prediction on a cluster gave. fresh: pictures that were answered this time."""

    out: str
    counts: Counts
    fresh: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        """What `predict --cluster --json` prints."""
        return {"out": self.out, **asdict(self.counts), "seconds": round(self.seconds, 2)}


def predict_on(
    cluster: str,
    model: str | Path,
    sources: Sequence[str],
    out: str | None,
    *,
    asked: Asked | None = None,
    workers: int | None = None,
    size: int | None = None,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[int, int], None] = lambda done, num: None,
) -> Answered:
    """Answers for every picture, as Parquet files in a folder; the same as `answers` gives.

    cluster: as `joined` takes it. sources: as `stock` takes them. out: a new folder, or one to go
    on in, that every machine sees, or a URL. workers: how many hold the model, each on one core;
    all cores if not given. size: pictures of a portion.
    Raises EyespotError: UsageError, DataError, ModelError or ResourceError, and where the answers
    and the pictures in quarantine are not exactly the pictures that went in.
    """
    started, asked = time.perf_counter(), asked or Asked()
    if out is None:
        raise UsageError("with --cluster the answers go to a folder; name it by --out FOLDER")
    if asked.coverage is not None:
        raise UsageError("--coverage is not for --cluster; leave one of them away")
    target, path = place(out), model_path(model)
    load(path)  # what is wrong with it is said before anything is started
    data = path.read_bytes()
    found = stock(sources, size=size)
    manifest = {
        "eyespot": __version__,
        "model": hashlib.sha256(data).hexdigest(),
        "images": found.digest,
        "num": found.num,
        "size": found.size,
        "accept_all": asked.accept_all,
    }
    with held(target), _going_on():
        done = begin(target, manifest)
        kept = target / path.name
        kept.write(data)  # where every worker finds it
        fresh = 0
        if len(done) < found.num_portions:
            with joined(cluster, action="--cluster") as ray:
                say(f"{found.num:,} pictures in {found.num_portions:,} portions on {ray}")
                if done:
                    say(f"{len(done):,} portions are answered already")
                known = _known(found, done)
                for told in _run(ray, kept, found, done, target, asked, workers):
                    fresh += told
                    progress(known + fresh, found.num)
        counts = counted(target, num=found.num, num_portions=found.num_portions)
    seconds = time.perf_counter() - started
    return Answered(out=target.shown, counts=counts, fresh=fresh, seconds=seconds)


@contextlib.contextmanager
def _going_on() -> Iterator[None]:
    """Tells an interruption that nothing is lost."""
    try:
        yield
    except (KeyboardInterrupt, ResourceError) as error:
        error.add_note("the same command goes on from here")
        raise


def _known(found: Stock, done: set[int]) -> int:
    return sum(len(one.names) for one in found.portions() if one.number in done) if done else 0


def _run(
    cluster: Cluster,
    model: Place,
    found: Stock,
    done: set[int],
    out: Place,
    asked: Asked,
    workers: int | None,
) -> Iterator[int]:
    """Has all portions answered that are not yet; yields the pictures of each."""
    import ray.data

    items = [
        {"number": one.number, "portion": pickle.dumps(one)}
        for one in found.portions()
        if one.number not in done
    ]
    num = max(1, min(workers or cluster.num_cpus, len(items)))
    todo = ray.data.from_items(items, override_num_blocks=len(items))
    answered = todo.map_batches(
        Answering,
        fn_constructor_kwargs={
            "model": model,
            "out": out,
            "asked": asked,
            "begun": tally_here(),
        },
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=num),
        num_cpus=1,
    )
    for row in answered.iter_rows():
        yield int(row["num"])


class Answering:
    """A worker that holds the model. begun: given on Ray alone."""

    def __init__(self, model: Place, out: Place, asked: Asked, begun: Begun | None = None) -> None:
        with tempfile.TemporaryDirectory(prefix="eyespot-model-") as folder:
            path = Path(folder, Path(model.path).name)
            path.write_bytes(model.read())
            self._model = load(path)
        self._out, self._asked, self._begun = out, asked, begun
        if begun:  # at its end a process of Ray 2.60 may hang for ever in exit handlers of C++
            atexit.register(os._exit, 0)

    def __call__(self, batch: dict[str, Array]) -> dict[str, Array]:
        """Answers a portion and writes its part; how many pictures it was."""
        import numpy as np

        told = [self._answer(pickle.loads(data)) for data in batch["portion"]]
        return {"num": np.array(told, np.int64)}

    def _answer(self, portion: Portion) -> int:
        attempt = self._begun(portion.number) if self._begun else 1
        opened = safe_images(portion, attempt)
        places = range(len(portion.images))
        said = answers(self._model, places, portion.names, self._asked, fetch=opened)
        return write_part(self._out, portion.number, said)["num"]
