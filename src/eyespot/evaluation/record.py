"""What a model said and how good it is, as files of the run folder."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from eyespot.evaluation.metrics import judge
from eyespot.files import Run, write_json, write_predictions, write_table
from eyespot.values import Array, Predictions

HEADER = ("name", "part", "label", "predicted", "probability")


def write_record(
    run: Run,
    valid: Predictions,
    test: Predictions,
    pictures: Mapping[str, Array],
    *,
    more: Mapping[str, object] | None = None,
) -> None:
    """Writes predictions.npz, predictions.csv and evaluation.json; an empty part has no score.

    pictures: the test images that a report shows, by name. more: for evaluation.json.
    """
    write_predictions(run, valid, test, pictures)
    write_table(run.predictions_table, HEADER, [*_rows("valid", valid), *_rows("test", test)])
    parts = {"test": test, "valid": valid}
    scores = {part: asdict(judge(said)) for part, said in parts.items() if len(said)}
    write_json(run.evaluation, {**scores, **(more or {})})


def _rows(part: str, said: Predictions) -> Iterator[tuple[str, ...]]:
    likeliest = said.probs.max(axis=1, initial=0)
    for row in zip(said.names, said.labels, said.predicted, likeliest, strict=True):
        name, truth, answer, probability = row
        yield name, part, said.classes[truth], said.classes[answer], f"{probability:.6f}"
