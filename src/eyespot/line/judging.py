"""How good a model is on labelled images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eyespot.data.keeping import judged_parts, read_split
from eyespot.data.renumbering import renumbered
from eyespot.data.summary import sentences
from eyespot.errors import DataError
from eyespot.evaluation import judge
from eyespot.evaluation.conformal import SetScore, judge_sets
from eyespot.files.run import Run
from eyespot.line.model import predictions_of
from eyespot.line.planning import Source, loaded_images, read_source
from eyespot.line.progress import Progress, Silence
from eyespot.line.trained import Trained
from eyespot.models.conformal import scores_for
from eyespot.models.loading import load, model_path
from eyespot.values.dataset import PARTS, Issue, Part
from eyespot.values.evaluation import Evaluation
from eyespot.values.model import Model
from eyespot.values.predictions import Predictions


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What an evaluation gave. how: which images it is about, in words. sets: if asked for."""

    evaluation: Evaluation
    predictions: Predictions
    how: str
    issues: tuple[Issue, ...]
    counts: Mapping[Part, int]
    sets: SetScore | None = None


def evaluate(
    model: str | Path | Trained | Model,
    source: Source,
    *,
    part: Part | None = None,
    columns: Mapping[str, str] | None = None,
    quarantine: str | Path | None = None,
    coverage: float | None = None,
    progress: Progress | None = None,
) -> Judged:
    """How good a model is on labelled images that it was not trained on.

    Of the set that it was trained on, its test part, as the run folder keeps it; of another set
    with parts of its own, that set's test part; else all images. part: another one, by name.
    A picture that the model was trained on is not judged, whatever its name and set; a model file
    without its run folder, and a model in memory, do not know which these are. coverage: also judge
    sets of classes that are to hold the truth in this share of images.
    Raises UsageError for a coverage that is no share, or that the model knows nothing about;
    DataError when a class is not one of the model's, or when no image is left.
    """
    tell = progress or Silence()
    judged, run = _model_and_run(model)
    scores = np.empty(0) if coverage is None else scores_for(judged, coverage)
    dataset = renumbered(read_source(source, columns, quarantine, tell), judged.classes)
    for sentence in sentences([one for one in dataset.issues if one.kind == "quarantined"]):
        tell.say(sentence)
    loaded = loaded_images(dataset, judged.preparation, tell)
    parts, how = judged_parts(loaded, read_split(run) if run else None, part)
    indices = [index for index, own in enumerate(parts) if own == (part or "test")]
    if not indices and run and (folds := run.folds):
        raise DataError(
            f"{dataset.name}: every image was in a training part of the folds and cannot judge "
            f"the model of all; judge a fold, such as {folds[0].path}, or give new images"
        )
    if not indices:
        raise DataError(f"{dataset.name}: no image is left to judge by ({how})")
    predictions = predictions_of(judged, loaded, indices)
    return Judged(
        evaluation=judge(predictions),
        predictions=predictions,
        how=how,
        issues=loaded.issues,
        counts={name: parts.count(name) for name in PARTS},
        sets=None if coverage is None else judge_sets(predictions, scores, coverage),
    )


def _model_and_run(model: str | Path | Trained | Model) -> tuple[Model, Run | None]:
    """The model that is meant, and the folder that knows what it was trained on."""
    if isinstance(model, Trained):
        return model.model or load(model.run.path), model.run
    if isinstance(model, str | Path):
        return load(model), Run(model_path(model).parent)
    return model, None
