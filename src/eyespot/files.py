"""Writing that survives a crash, locks, tables, and the run folder's names."""

import contextlib
import csv
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eyespot.errors import DataError, ResourceError, UsageError
from eyespot.values import Array, Issue, Part, Predictions

# A cell that starts with one of these runs as a formula when a spreadsheet opens the table.
_LIVE = ("=", "+", "-", "@", "\t", "\r", "'")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes the file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    Raises ResourceError when there is no room or no right to write.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise ResourceError(f"{path} cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 as `write_bytes` does; names that are not UTF-8 keep their bytes."""
    write_bytes(path, _encoded(text))


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, from a table or a Windows file name
        return text.encode("utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON as `write_bytes` does."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def table_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV table as text; a cell that a spreadsheet would run as a formula gets a quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_quiet(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV table as `table_text` spells it, whole or not at all."""
    write_text(path, table_text(header, rows))


def write_issues(path: Path, issues: Iterable[Issue]) -> None:
    """Writes issues as a table: name, kind, detail."""
    rows = ((issue.name, issue.kind, issue.detail) for issue in issues)
    write_table(path, ("name", "kind", "detail"), rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a table that `write_table` wrote, every cell a string.

    Raises DataError when the file is missing or a row has more or fewer cells than the header.
    """
    try:
        text = path.read_text("utf-8", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    rows = []
    for row in reader:
        if len(row) != len(header):
            raise DataError(
                f"{path} line {reader.line_num}: {len(row)} cells under {len(header)} column "
                "names; mend the line"
            )
        rows.append({key: _loud(cell) for key, cell in zip(header, row, strict=True)})
    return rows


def _quiet(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_LIVE) else cell


def _loud(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_LIVE) else cell


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
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.npz"

    @property
    def predictions_table(self) -> Path:
        return self.path / "predictions.csv"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def read_predictions(self, part: Part) -> Predictions:
        """What the model said about this part. Raises DataError when it is not there or torn."""
        names, classes, labels, probs = self._arrays(
            f"{part}_names", "classes", f"{part}_labels", f"{part}_probs"
        )
        return Predictions(
            names=tuple(names.tolist()), classes=tuple(classes.tolist()), labels=labels, probs=probs
        )

    def read_pictures(self) -> dict[str, Array]:
        """The test images kept for the report, by name: uint8 (H, W, C), as the model saw them."""
        names, pictures = self._arrays("picture_names", "pictures")
        return dict(zip(names.tolist(), pictures, strict=True))

    def _arrays(self, *names: str) -> list[Array]:
        try:
            with np.load(self.predictions, allow_pickle=False) as arrays:
                return [arrays[name] for name in names]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise DataError(
                f"{self.path} is not a finished run: {self.predictions.name}: {error}"
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
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({error}); train again") from error


def write_predictions(
    run: Run, valid: Predictions, test: Predictions, pictures: Mapping[str, Array]
) -> None:
    """Writes predictions.npz: all that the report needs, so that the images may go away.

    pictures: some of the test images by name, each uint8 (H, W, C), all of one shape.
    """
    arrays: dict[str, Array] = {"classes": np.array(test.classes, dtype=np.str_)}
    for part, predictions in (("valid", valid), ("test", test)):
        arrays[f"{part}_names"] = np.array(predictions.names, dtype=np.str_)
        arrays[f"{part}_labels"] = predictions.labels
        arrays[f"{part}_probs"] = predictions.probs
    arrays["picture_names"] = np.array(list(pictures), dtype=np.str_)
    arrays["pictures"] = np.array(list(pictures.values()), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(run.predictions, buffer.getvalue())


def new_run(out: Path | None, *, name: str, root: Path) -> Run:
    """A fresh run folder: `out`, or the first free `root/<name>-<n>`.

    Raises UsageError when `out` already holds something, ResourceError when it cannot be made.
    """
    try:
        if out is not None:
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise UsageError(
                    f"{out} is already there and not empty; name a new folder for the run"
                )
            out.mkdir(parents=True, exist_ok=True)
            return Run(out)
        root.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            try:
                (root / f"{name}-{number}").mkdir()
                return Run(root / f"{name}-{number}")
            except FileExistsError:
                number += 1
    except OSError as error:
        raise ResourceError(f"{out or root} cannot be made: {error.strerror or error}") from error


@contextlib.contextmanager
def owned(run: Run) -> Iterator[None]:
    """Holds the run folder for this process; the kernel lets go even after kill -9.

    Raises ResourceError when another process holds it.
    """
    import fcntl

    with open(run.path / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResourceError(
                f"{run.path} is being written by another training; "
                "wait for it or name another folder"
            ) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(file.name)


def cache_folder() -> Path:
    """Where downloads and unpacked archives lie: `$EYESPOT_CACHE`, or the user's cache folder."""
    named = os.environ.get("EYESPOT_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if base:
        return Path(base) / "eyespot"
    try:
        return Path.home() / ".cache" / "eyespot"
    except RuntimeError:  # no HOME and no user entry, as in a bare container
        return Path(tempfile.gettempdir()) / "eyespot-cache"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there, and the rename is already durable
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
