"""The web folder in a browser: it runs below any path, without a network; run with `-m browser`."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from drawn_digits import drawn_digit
from eyespot.errors import EyespotError, ModelError
from eyespot.exports import export_web
from eyespot.exports.web import exporting
from eyespot.exports.web.browser import find_browser
from eyespot.exports.web.parity import web_parity
from eyespot.exports.web.runtime import runtime_files
from eyespot.models.loading import load
from visiting import SEVEN, Visit, draw, hand_over, rows, says

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def runtime() -> Mapping[str, bytes]:
    """onnxruntime-web, from the cache or by npm."""
    if find_browser() is None:
        pytest.skip("there is no chromium on this machine")
    try:
        return runtime_files()
    except EyespotError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def digits(digits_run: Path, runtime: Mapping[str, bytes]) -> Path:
    """The run of a model of drawn digits, exported to `web` in it."""
    done = export_web(digits_run)
    assert done.page is not None and done.page.sound
    return digits_run


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Any web server of static files; the address of what lies in it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_drawn_7_is_a_7_without_a_server_of_ours(digits: Path, visit: Visit) -> None:
    with hosted(digits.parent) as host:
        page = visit(f"{host}/run/web/")  # below a path, as on a host of many pages
        draw(page, SEVEN)

        says(page, "7")
        assert "stay on this device" in page.inner_text("#privacy")


def test_the_second_visit_needs_no_network(digits: Path, visit: Visit) -> None:
    with hosted(digits) as host:
        page = visit(f"{host}/web/")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto(f"{host}/web/index.html")  # the server is gone
    page.wait_for_selector("[data-ready]", state="attached")
    page.get_by_role("tab", name="Draw").click()
    draw(page, SEVEN)

    says(page, "7")


def test_dropped_files_are_answered_as_by_the_model(digits: Path, visit: Visit) -> None:
    paths = sorted((digits.parent / "drawn").glob("*/7.png"))
    said = {
        path.parent.name: one for path, one in zip(paths, load(digits).predict(paths), strict=True)
    }

    with hosted(digits) as host:
        page = visit(f"{host}/web/")
        files = [(f"{path.parent.name}.png", path.read_bytes()) for path in paths]
        hand_over(page, "drop", *files, ("notes.png", b"buy milk"))
        found = {row[1]: row[2].split() for row in rows(page, len(paths) + 1)}

    for name, one in said.items():
        wanted = ["unknown", "nearest:", one.label] if one.unknown else [one.label]
        assert found[f"{name}.png"] == wanted
    assert "is not a picture that this browser can read" in " ".join(found["notes.png"])


def files_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def coded(form: str, pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def test_every_form_of_picture_is_prepared_as_in_python(
    digits: Path, runtime: Mapping[str, bytes]
) -> None:
    rng = np.random.default_rng(0)
    ink = drawn_digit("7", rng, side=80)[8:, :, np.newaxis] / 255
    smooth = ((1 - ink) * (200, 190, 150) + ink * (20, 40, 120)).astype(np.uint8)
    noise = np.concatenate([smooth, rng.integers(150, 256, (*ink.shape,))], axis=2).astype(np.uint8)
    noise[..., :3] -= rng.integers(0, 20, (*ink.shape,), dtype=np.uint8)
    turned = Image.Exif()
    pictures = [
        coded("PNG", noise),
        coded("PNG", noise[..., :3]),
        coded("PNG", noise[..., 0]),
        coded("PNG", noise[..., [0, 3]]),
        coded("PNG", np.concatenate([255 - 0 * smooth, (255 * ink).astype(np.uint8)], axis=2)),
        coded("BMP", noise[..., :3]),
        coded("WEBP", noise, lossless=True, exact=True),
        coded("JPEG", smooth, quality=95),
        coded("JPEG", smooth[..., 0], quality=80),
    ]
    palette = Image.fromarray(noise[..., :3]).quantize(16)
    for options in ({}, {"transparency": 3}):
        file = io.BytesIO()
        palette.save(file, "PNG", **options)
        pictures.append(file.getvalue())
        file = io.BytesIO()
        palette.save(file, "GIF", **options)
        pictures.append(file.getvalue())
    for orientation in range(1, 9):
        turned[0x0112] = orientation
        pictures.append(coded("JPEG", smooth, exif=turned, quality=95))
    files = files_in(digits / "web")

    said = web_parity(files, load(digits), pictures, browser=str(find_browser()))

    assert said.num == len(pictures) and said.unread == 0
    assert said.sound, said


def test_a_page_that_answers_otherwise_is_not_kept(
    digits: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = exporting.web_files

    def hotter(*given: object, name: str) -> dict[str, bytes]:
        files = real(*given, name=name)  # type: ignore[arg-type]
        facts = json.loads(files["model.json"])
        files["model.json"] = json.dumps(facts | {"temperature": 2 * facts["temperature"]}).encode()
        return files

    monkeypatch.setattr(exporting, "web_files", hotter)

    with pytest.raises(ModelError, match="0 other labels, 0 other verdicts and 0 unread of"):
        export_web(digits, out=tmp_path / "web")
    assert not (tmp_path / "web").exists()


def test_a_page_that_does_not_run_is_told_why(digits: Path, runtime: Mapping[str, bytes]) -> None:
    files = files_in(digits / "web")
    del files["model.onnx"]

    seven = coded("PNG", drawn_digit("7", np.random.default_rng(0)))

    with pytest.raises(ModelError, match="the page does not run: model.onnx is missing"):
        web_parity(files, load(digits), [seven], browser=str(find_browser()))
