"""What a model said and how good it is, as files of the run folder."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from eyespot.evaluation.folds import pooled
from eyespot.evaluation.metrics import judge
from eyespot.evaluation.suspects import suspects
from eyespot.files.atomic import write_json
from eyespot.files.run import Run, write_predictions
from eyespot.files.tables import write_table
from eyespot.values.arrays import Array
from eyespot.values.predictions import Predictions

HEADER = ("name", "part", "label", "predicted", "probability")
SUSPECTS = ("name", "label", "proposed", "probability", "own", "sure", "part")


def write_record(
    run: Run,
    valid: Predictions,
    test: Predictions,
    pictures: Mapping[str, Array],
    *,
    heats: Mapping[str, Array] | None = None,
    more: Mapping[str, object] | None = None,
) -> int:
    """Writes predictions.npz, predictions.csv, suspects.csv and evaluation.json; returns how many
    labels are surely wrong. An empty part has no score.

    pictures: the test images that a report shows, by name. heats: where the model looked in some of
    them. more: for evaluation.json.
    """
    write_predictions(run, valid, test, pictures, heats)
    write_table(run.predictions_table, HEADER, [*_rows("valid", valid), *_rows("test", test)])
    parts = {"test": test, "valid": valid}
    scores = {part: asdict(judge(said)) for part, said in parts.items() if len(said)}
    write_json(run.evaluation, {**scores, **(more or {})})
    return write_suspects(run, valid, test)


def write_suspects(run: Run, valid: Predictions, test: Predictions) -> int:
    """Writes suspects.csv, which a person may edit; returns how many labels are surely wrong."""
    parts = {name: part for part, said in (("valid", valid), ("test", test)) for name in said.names}
    found = suspects(pooled([valid, test], list(parts)))
    rows = [
        (
            one.name,
            one.label,
            one.proposed,
            f"{one.probability:.6f}",
            f"{one.own:.6f}",
            "yes" if one.sure else "no",
            parts[one.name],
        )
        for one in found
    ]
    write_table(run.suspects, SUSPECTS, rows)
    return sum(one.sure for one in found)


def _rows(part: str, said: Predictions) -> Iterator[tuple[str, ...]]:
    likeliest = said.probs.max(axis=1, initial=0)
    for row in zip(said.names, said.labels, said.predicted, likeliest, strict=True):
        name, truth, answer, probability = row
        yield name, part, said.classes[truth], said.classes[answer], f"{probability:.6f}"
