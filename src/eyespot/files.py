"""Writing that survives a crash, locks, tables, and the run folder's names."""

import contextlib
import csv
import io
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from eyespot.errors import DataError, ResourceError, UsageError
from eyespot.values import Array, Issue, Part, Predictions

# A cell that starts with one of these runs as a formula when a spreadsheet opens the table.
# Source: OWASP, CSV injection; the four wide ones are what Japanese keyboards type.
_LIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
# Half of a surrogate pair, from a Windows file name or a table; the gap are POSIX's odd bytes.
_UNPAIRED = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_MARKS = re.compile('[,"\r\n]')
_EMPTY = '""'  # a bare empty line would be no row at all
_ESCAPED = "'\\"
_TEMPORARY = re.compile(r"\..{1,40}-[0-9a-f]{16}")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes the file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    Raises ResourceError when there is no room or no right to write.
    """
    temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(8)}")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from error
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that a killed `write_bytes` left in a folder that is `owned`."""
    for path in list(folder.iterdir()):
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def _unwritable(path: Path, error: OSError) -> ResourceError:
    return ResourceError(f"{path} cannot be written: {error.strerror or error}")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 as `write_bytes` does; names that are not UTF-8 keep their bytes."""
    write_bytes(path, encoded(text))


def encoded(text: str) -> bytes:
    """UTF-8; a name that is not keeps its bytes."""
    try:
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON as `write_bytes` does."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def table_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV table as text; a cell that a spreadsheet would run as a formula gets a quote."""
    return "".join(map(row_text, (header, *rows)))


def row_text(row: Sequence[object]) -> str:
    """One row of it, with its end."""
    return (",".join(map(_spelled, row)) or _EMPTY) + "\n"


def _spelled(value: object) -> str:
    """One cell. The csv module's own writer, up to Python 3.12, leaves a carriage return bare."""
    text = "" if value is None else str(value)
    if not isinstance(value, int | float | np.number):
        text = _quiet(text)
    return '"' + text.replace('"', '""') + '"' if _MARKS.search(text) else text


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV table as `table_text` spells it, whole or not at all."""
    write_text(path, table_text(header, rows))


def write_issues(path: Path, issues: Iterable[Issue]) -> None:
    """Writes issues as a table: name, kind, detail."""
    rows = ((issue.name, issue.kind, issue.detail) for issue in issues)
    write_table(path, ("name", "kind", "detail"), rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a table that `write_table` wrote, every cell a string.

    A byte order mark and empty lines, which a spreadsheet adds, do not count. Raises DataError when
    the file is missing, empty or torn, or a row has more or fewer cells than the header.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(f"{path} is empty; make it anew")
        for row in filter(None, reader):
            if len(row) != len(header):
                raise ValueError(f"{len(row)} cells under {len(header)} column names")
            rows.append({key: unquoted(cell) for key, cell in zip(header, row, strict=True)})
    except (csv.Error, ValueError) as error:
        raise DataError(f"{path} line {reader.line_num}: {error}; mend the line") from error
    return rows


def _quiet(cell: str) -> str:
    if not cell.isascii() and _UNPAIRED.search(cell):
        return _ESCAPED + cell.encode("unicode_escape").decode()
    return f"'{cell}" if cell.startswith(_LIVE) else cell


def unquoted(cell: str) -> str:
    """What `table_text` was given for this cell. Raises ValueError for one it cannot have made."""
    if cell.startswith(_ESCAPED):
        try:
            return cell[len(_ESCAPED) :].encode().decode("unicode_escape")
        except UnicodeError as error:
            raise ValueError(f"{cell} is not an escaped name") from error
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


def new_folder(out: Path | None, *, name: str, root: Path, purpose: str) -> Path:
    """A fresh folder: `out`, or the first free `root/<name>-<n>`. purpose: a word for errors.

    Raises UsageError when `out` already holds something, ResourceError when it cannot be made.
    """
    try:
        if out is not None:
            if out.exists() and not out.is_dir():
                raise ResourceError(f"{out} cannot be made: a file is in its place")
            if out.exists() and any(out.iterdir()):
                raise UsageError(
                    f"{out} is already there and not empty; name a new folder for the {purpose}"
                )
            out.mkdir(parents=True, exist_ok=True)
            return out
        root.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "-", name)[:80]  # a set made in Python may be called anything
        number = 1
        while True:
            try:
                (root / f"{name}-{number}").mkdir()
                return root / f"{name}-{number}"
            except FileExistsError:
                number += 1
    except OSError as error:
        raise ResourceError(f"{out or root} cannot be made: {error.strerror or error}") from error


@contextlib.contextmanager
def fresh_folder(out: Path | None, *, name: str, root: Path, purpose: str) -> Iterator[Path]:
    """A folder as `new_folder` makes it; it goes again if the work fails and leaves it empty.

    One that was there before stays.
    """
    mine = out is None or not out.exists()
    folder = new_folder(out, name=name, root=root, purpose=purpose)
    try:
        yield folder
    except BaseException:
        if mine:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def check_free(out: Path) -> None:
    """Raises UsageError when there is something at this place."""
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is already there and not empty; name a new folder")
    except OSError as error:
        raise ResourceError(f"{out} cannot be made: {error.strerror or error}") from error


@contextlib.contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A folder to fill that becomes `out` at the end, or goes away if anything goes wrong."""
    folder = out.absolute().with_name(f".{out.absolute().name[:40]}-{secrets.token_hex(8)}")
    try:
        folder.mkdir(parents=True)
        try:
            yield folder
            if out.exists():  # empty, as was found before
                out.rmdir()
            os.rename(folder, out)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise ResourceError(f"{out} cannot be made: {error.strerror or error}") from error


@contextlib.contextmanager
def owned(run: Run) -> Iterator[None]:
    """Holds the run folder for this process; the kernel lets go even after kill -9.

    Raises ResourceError when another process holds it, or when it cannot be written to.
    """
    path = run.path / ".lock"
    try:
        file = _locked(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    if file is None:
        raise ResourceError(
            f"{run.path} is being written by another training; wait for it or name another folder"
        )
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            file.close()
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()


def _locked(path: Path) -> TextIO | None:
    """The file, open and locked; None when somebody else has locked it."""
    while True:
        file = open(path, "a")
        try:
            if not _lock(file.fileno()):
                file.close()
                return None
            # Its owner may have removed it since it was opened: then the lock holds nobody off.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(handle: int) -> bool:
    """Whether the open file is now this process's."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # some network file systems have no locks; a training is not refused for that
        return True
    return True


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


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, where the file system can: it is done already, so no failure."""
    if os.name == "nt":  # a folder cannot be opened there, and the rename is already durable
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
