"""What workers say, told by the process that started them."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from eyespot.cluster.connection import on_this_machine
from eyespot.line.progress import Progress
from eyespot.values.training import Epoch

_SECONDS = 0.2  # between two looks at what was said

_Said = tuple[str, tuple[Any, ...]]


class _Ear:
    """An actor that keeps what was said until it is fetched."""

    def __init__(self) -> None:
        self._said: list[_Said] = []

    def hear(self, said: _Said) -> None:
        self._said.append(said)

    def fetch(self) -> list[_Said]:
        said, self._said = self._said, []
        return said


class Distant:
    """A Progress whose words go to an ear on another machine. Can be pickled."""

    def __init__(self, ear: Any) -> None:
        self._ear = ear

    def say(self, sentence: str) -> None:
        self._tell("say", sentence)

    def download(self, file: str, done: int, size: int) -> None: ...

    def image(self, done: int, num: int) -> None: ...

    def copy(self, done: int, num: int) -> None: ...

    def epoch(self, epoch: Epoch, num: int) -> None:
        self._tell("epoch", epoch, num)

    def _tell(self, kind: str, *words: Any) -> None:
        self._ear.hear.remote((kind, words))


@contextlib.contextmanager
def listening(tell: Progress, *, epochs: bool = True) -> Iterator[Distant]:
    """A Progress for workers; what they say is told here while the context lasts.

    epochs: False for several trainings at the same time, whose epochs would be mixed up.
    """
    import ray

    ear = ray.remote(_Ear).options(num_cpus=0, scheduling_strategy=on_this_machine()).remote()
    over = threading.Event()

    def tell_all() -> None:
        for kind, words in ray.get(ear.fetch.remote()):
            if kind == "say":
                tell.say(*words)
            elif epochs:
                tell.epoch(*words)

    def listen() -> None:
        while not over.wait(_SECONDS):
            with contextlib.suppress(ray.exceptions.RayError):
                tell_all()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield Distant(ear)
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(ray.exceptions.RayError):
            tell_all()
        ray.kill(ear)
