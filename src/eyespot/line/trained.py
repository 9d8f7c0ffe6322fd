"""What a training gave, and how it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from eyespot.errors import count
from eyespot.evaluation.folds import FoldScores
from eyespot.files.run import Run
from eyespot.training.headscore import HeadScore
from eyespot.training.recipe import Recipe
from eyespot.values.dataset import Part
from eyespot.values.evaluation import Evaluation

if TYPE_CHECKING:
    from eyespot.models.torch_model import TorchModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a training gave. evaluation: of the test part; None where the set is too small.

    folds: the scores of a cross-validation; the evaluation is then of the images of all folds, each
    judged by the model that had not seen it. model: None for folds without an ensemble.
    ensemble_evaluation: of the ensemble, on the images that were kept out of all folds.
    head: of a head on features, what folds of the training part say.
    num_doubted: labels that are wrong, as far as the model can be sure; suspects.csv names them.
    """

    run: Run
    model: "TorchModel | None"
    recipe: Recipe
    classes: tuple[str, ...]
    counts: Mapping[Part, Sequence[int]]
    evaluation: Evaluation | None
    seconds: float
    num_doubted: int = 0
    folds: FoldScores | None = None
    ensemble_evaluation: Evaluation | None = None
    head: HeadScore | None = None

    def as_json(self) -> dict[str, object]:
        """What `train --json` prints."""
        accuracy = self.evaluation.accuracy if self.evaluation else None
        told: dict[str, object] = {
            "run": str(self.run.path),
            "model": str(self.run.model) if self.model else None,
            **{f"num_{part}": sum(counts) for part, counts in self.counts.items()},
            "classes": list(self.classes),
            "seconds": round(self.seconds, 2),
            "accuracy": asdict(accuracy) if accuracy else None,
            "num_doubted": self.num_doubted,
        }
        if self.head:
            told["head"] = self.head.as_json()
        if self.folds:
            tested = self.ensemble_evaluation
            told |= {"mean": self.folds.mean, "sd": self.folds.sd, "folds": self._each(self.folds)}
            told["ensemble_accuracy"] = asdict(tested.accuracy) if tested else None
        return told

    def sentences(self) -> list[str]:
        """The result in a line or a few."""
        if self.head and self.head.nums and not self.folds:
            return [
                f"the head in folds of the training part: {self.head}",
                *self._tested(),
            ]
        return self._tested()

    def _tested(self) -> list[str]:
        if self.evaluation is None:
            return ["test accuracy unknown: no image was kept apart as a test part"]
        images = f"{self.evaluation.accuracy} on {count(self.evaluation.num, 'image')}"
        if not self.folds:
            return [f"test accuracy {images}"]
        told = [f"accuracy {self.folds}", f"every image judged unseen: {images}"]
        if tested := self.ensemble_evaluation:
            told.append(f"ensemble: test accuracy {tested.accuracy} on {tested.num:,} images")
        elif self.model:
            told.append("ensemble: not tested, it has seen every image")
        return told

    def doubt(self) -> str | None:
        """What is to be said of wrong labels, if any."""
        if not self.num_doubted:
            return None
        told = f"{self.run.suspects.name}: {count(self.num_doubted, 'label')} to look at among"
        if self.folds:
            return f"{told} {sum(self.folds.nums):,} images"
        judged = sum(sum(self.counts[part]) for part in ("valid", "test"))
        others = "--folds 5 looks at the training images"
        return f"{told} {judged:,} validation and test images; {others}"

    @property
    def usable(self) -> Run:
        """The run whose model can be used: this one, or its first fold."""
        return self.run if self.model else self.run.fold(1)

    def _each(self, folds: FoldScores) -> list[dict[str, object]]:
        pairs = zip(folds.accuracies, folds.nums, strict=True)
        return [
            {"run": str(self.run.fold(n).path), "num": num, "accuracy": asdict(accuracy)}
            for n, (accuracy, num) in enumerate(pairs, 1)
        ]
