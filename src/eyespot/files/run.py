"""The run folder: where each thing of a training lies, and reading it back."""

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.errors import DataError
from eyespot.files.atomic import write_bytes
from eyespot.files.folders import new_folder
from eyespot.values.arrays import Array
from eyespot.values.dataset import Part
from eyespot.values.predictions import Predictions


@dataclass(frozen=True)
class Run:
    """A run folder: where each thing lies. Holds no state but the path."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def origin(self) -> Path:
        return self.path / "origin.json"

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    @property
    def issues(self) -> Path:
        return self.path / "issues.csv"

    @property
    def quarantine(self) -> Path:
        return self.path / "quarantine.csv"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def asked(self) -> Path:
        """What the training was asked for; there while it can be resumed."""
        return self.path / "resume.json"

    @property
    def resume(self) -> Path:
        return self.path / "resume.pt"

    @property
    def previous(self) -> Path:
        return self.path / "resume-previous.pt"

    @property
    def fresh(self) -> Path:
        """The next resume.pt, until it takes that one's place."""
        return self.path / "resume.new"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def onnx(self) -> Path:
        """The same model as an export writes it."""
        return self.path / "model.onnx"

    @property
    def int8(self) -> Path:
        """The same in 8 bits."""
        return self.path / "model-int8.onnx"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.npz"

    @property
    def predictions_table(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def suspects(self) -> Path:
        return self.path / "suspects.csv"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def fold(self, number: int) -> "Run":
        """The run of a fold, from 1."""
        return Run(self.path / f"fold-{number}")

    @property
    def folds(self) -> "list[Run]":
        """The runs of the folds that have a model, in order; none in an ordinary run."""
        found: list[Run] = []
        while (fold := self.fold(len(found) + 1)).model.exists():
            found.append(fold)
        return found

    def read_predictions(self, part: Part) -> Predictions:
        """What the model said about this part. Raises DataError when it is not there or torn."""
        names, classes, labels, probs = self._arrays(
            f"{part}_names", "classes", f"{part}_labels", f"{part}_probs"
        )
        return Predictions(
            names=tuple(names.tolist()),
            classes=tuple(classes.tolist()),
            labels=labels,
            probs=probs,
            refusal=self._array_or_none(f"{part}_refusal"),
        )

    def read_pictures(self) -> dict[str, Array]:
        """The test images kept for the report, by name: uint8 (H, W, C), as the model saw them."""
        names, pictures = self._arrays("picture_names", "pictures")
        return dict(zip(names.tolist(), pictures, strict=True))

    def read_heats(self) -> dict[str, Array]:
        """Where the model looked, by name: uint8 (H, W), 255 most; for some of the pictures.

        Empty for a run that an earlier version made.
        """
        names, heats = (self._array_or_none(name) for name in ("heat_names", "heats"))
        return (
            {} if names is None or heats is None else dict(zip(names.tolist(), heats, strict=True))
        )

    def _arrays(self, *names: str) -> list[Array]:
        with self._predictions_file() as arrays:
            return [arrays[name] for name in names]

    def _array_or_none(self, name: str) -> Array | None:
        """An array that not every model, and no earlier version, has written."""
        with self._predictions_file() as arrays:
            return arrays[name] if name in arrays else None

    @contextlib.contextmanager
    def _predictions_file(self) -> Iterator[Mapping[str, Array]]:
        try:
            # np.load leaves a file that it has opened itself and cannot read open.
            with open(self.predictions, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                yield arrays
        # A damaged zip raises nearly anything: zlib.error, NotImplementedError, RuntimeError, ...
        except Exception as error:
            raise DataError(
                f"{self.path} is not a finished run: {self.predictions.name} cannot be "
                f"read ({getattr(error, 'strerror', None) or error})"
            ) from error

    def read_json(self, path: Path) -> Any:
        """The value of one of this run's JSON files. Raises DataError if it is missing or torn."""
        try:
            return json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise DataError(
                f"{self.path} is not a finished run: {path.name} cannot be read "
                f"({error.strerror or error})"
            ) from error
        except (ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else error
            raise DataError(f"{path} is not JSON ({reason}); train again") from error


def write_predictions(
    run: Run,
    valid: Predictions,
    test: Predictions,
    pictures: Mapping[str, Array],
    heats: Mapping[str, Array] | None = None,
) -> None:
    """Writes predictions.npz: all that the report needs, so that the images may go away.

    pictures: some of the test images by name, each uint8 (H, W, C), all of one shape. heats: of
    some of these, each uint8 (H, W), 255 where the model looked most.
    """
    arrays: dict[str, Array] = {"classes": np.array(test.classes, dtype=np.str_)}
    for part, predictions in (("valid", valid), ("test", test)):
        arrays[f"{part}_names"] = np.array(predictions.names, dtype=np.str_)
        arrays[f"{part}_labels"] = predictions.labels
        arrays[f"{part}_probs"] = predictions.probs
        if predictions.refusal is not None:
            arrays[f"{part}_refusal"] = predictions.refusal
    arrays["picture_names"] = np.array(list(pictures), dtype=np.str_)
    arrays["pictures"] = np.array(list(pictures.values()), dtype=np.uint8)
    if heats:
        arrays["heat_names"] = np.array(list(heats), dtype=np.str_)
        arrays["heats"] = np.array(list(heats.values()), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(run.predictions, buffer.getvalue())


def new_run(out: Path | None, *, name: str, root: Path) -> Run:
    """A fresh run folder, as `new_folder` makes it."""
    return Run(new_folder(out, name=name, root=root, purpose="run"))
