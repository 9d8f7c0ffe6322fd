"""A model as a folder with the page, kept only if the page answers as the model does."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from eyespot.errors import ResourceError, UsageError
from eyespot.exports.exporting import original_of, write_proven
from eyespot.exports.heldout import HeldOut, held_out, spread
from eyespot.exports.parity import Parity
from eyespot.exports.web.browser import find_browser
from eyespot.exports.web.encoding import encoded
from eyespot.exports.web.folder import web_files, write_folder
from eyespot.exports.web.parity import WebParity, check_web_parity, web_parity
from eyespot.exports.web.runtime import runtime_files
from eyespot.files.run import Run
from eyespot.models.loading import ONNX, load, model_path
from eyespot.models.onnx_file import OnnxFile, read_onnx
from eyespot.values.model import Model

NUM_CHECKED = 200


@dataclass(frozen=True, kw_only=True)
class ExportedWeb:
    """Where the folder lies, and what proves it.

    graph: how its model.onnx compares with the model, None where that is the model. page: how the
    page does, None where no browser could check it, and unchecked says why. how: on which pictures.
    """

    path: Path
    num_bytes: int
    how: str
    graph: Parity | None
    page: WebParity | None
    unchecked: str | None

    def as_json(self) -> dict[str, object]:
        """What `export --json` prints."""
        told: dict[str, object] = {"path": str(self.path), "to": "web", "bytes": self.num_bytes}
        proofs = {"graph": self.graph, "page": self.page}
        return told | {
            "unchecked": self.unchecked,
            **{name: None if proof is None else asdict(proof) for name, proof in proofs.items()},
        }

    def sentences(self) -> list[str]:
        """What a person wants to know, a line each."""
        told = [] if self.graph is None else self.graph.sentences()
        if self.page is not None:
            return [*told, *self.page.sentences(self.how)]
        return [*told, f"the page was NOT checked: {self.unchecked}"]


def export_web(
    source: str | Path,
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    runtime: str | Path | None = None,
    must_check: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> ExportedWeb:
    """Writes a folder with the page and the model in it, which any web server can show.

    source: a run folder, or a model file of either form. out: a new folder; `web` beside the model,
    if not given. data: pictures to judge by, as for `export`. runtime: where onnxruntime-web lies;
    None has npm fetch it. must_check: fail, and do not only say so, where no browser can check it.
    Raises ModelError for a page that answers otherwise than the model; nothing is kept then.
    """
    path = model_path(source)
    folder = _fresh(path.parent / "web" if out is None else Path(out))
    if must_check:
        _browser()
    libraries = runtime_files(None if runtime is None else Path(runtime))
    original, held, file, graph = _proven(path, data, say)
    name = path.parent.name if path.stem == "model" else path.stem
    files = web_files(file.card, file.data, libraries, name=name or "model")
    page, unchecked = None, None
    try:
        pictures = [encoded(one) for one in spread(list(held.sources), NUM_CHECKED)]
        page = web_parity(files, original, pictures, browser=_browser())
        check_web_parity(page, held.how)
    except ResourceError as error:  # a browser that is missing, or does not run here
        if must_check:
            raise
        unchecked = str(error)
    write_folder(files, folder)
    return ExportedWeb(
        path=folder,
        num_bytes=sum(map(len, files.values())),
        how=held.how,
        graph=graph,
        page=page,
        unchecked=unchecked,
    )


def _browser() -> str:
    """The path of a browser. Raises ResourceError where there is none."""
    if (found := find_browser()) is None:
        raise ResourceError(
            "no Chromium, Chrome or Edge is on the PATH; install one, and export again to be sure"
        )
    return found


def _proven(
    path: Path, data: str | Path | None, say: Callable[[str], None]
) -> tuple[Model, HeldOut, OnnxFile, Parity | None]:
    """The model, what it is judged by, and the same as ONNX, which has proved to be the same."""
    if path.suffix.lower() == ONNX:
        model = load(path)
        held = held_out(model.classes, model.preparation, Run(path.parent), data, say=say)
        return model, held, read_onnx(path), None
    original, run = original_of(path)
    held = held_out(original.classes, original.preparation, run, data, say=say)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.onnx"
        parity = write_proven(original, made, held, form="float32")
        return original, held, read_onnx(made), parity


def _fresh(folder: Path) -> Path:
    """The same, if a new folder can be made there: refused before the work, not after it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is already there; name a new folder by --out, or remove it")
    return folder
