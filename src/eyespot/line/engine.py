"""Who computes: this process, or something that has others compute for it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from eyespot.data.loading import Loaded
from eyespot.data.splits import Split
from eyespot.files.run import Run
from eyespot.line.learning import learn
from eyespot.line.progress import Progress
from eyespot.training.recipe import Recipe
from eyespot.values.training import Epoch

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel

# What is done with what all share, one item of its own, and somebody to be told.
Task = Callable[[Any, Any, Progress], None]


class Engine(Protocol):
    """The heavy work of a training. A second one is in cluster/."""

    def learn(
        self,
        run: Run,
        model: "TorchModel",
        loaded: Loaded,
        parts: Split,
        recipe: Recipe,
        tell: Progress,
    ) -> list[Epoch]:
        """As `learn` of learning.py."""

    def each(self, task: Task, shared: Any, items: Sequence[Any], tell: Progress) -> None:
        """Does the task with every item, in any order, maybe at the same time."""


class Here:
    """This process does it all, one thing after the other."""

    learn = staticmethod(learn)

    def each(self, task: Task, shared: Any, items: Sequence[Any], tell: Progress) -> None:
        for item in items:
            task(shared, item, tell)
