"""The folder that runs the page anywhere, and what it is made of. The browser: test_web."""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Answer, Trained
from eyespot.errors import ModelError, ResourceError
from eyespot.exports.web import export_web, exporting, parity, runtime
from eyespot.exports.web.encoding import encoded
from eyespot.exports.web.folder import web_files, write_folder
from eyespot.exports.web.parity import WebParity, check_web_parity
from eyespot.models.card import ModelCard
from eyespot.models.file import read_card

RUNTIME = {"ort.js": b"export {};", "ort-wasm.js": b"", "ort-wasm.wasm": b"\0asm"}


@pytest.fixture
def card(trained: Trained) -> ModelCard:
    return read_card(trained.run / "model.safetensors")


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a browser, and a runtime that needs no network."""
    monkeypatch.setattr(exporting, "find_browser", lambda: None)
    monkeypatch.setattr(exporting, "runtime_files", lambda source: RUNTIME)


def test_the_index_asks_the_model_in_the_page_and_nothing_of_another_host(card: ModelCard) -> None:
    files = web_files(card, b"graph", RUNTIME, name="halves")
    index = files["index.html"].decode()

    assert 'data-backend="local"' in index
    assert '<link rel="manifest" href="manifest.webmanifest">' in index
    for address in re.findall(r'(?:src|href)="([^"]*)"', index):
        assert address in files, address
    for name, data in files.items():
        if name.endswith((".html", ".css", ".js", ".webmanifest")) and "runtime/" not in name:
            hosts = set(re.findall(r"""["'`(](?:https?:)?//[\w.]+""", data.decode()))
            assert hosts <= {'"http://www.w3.org'}, name


def test_no_page_has_a_script_or_a_style_in_it(card: ModelCard) -> None:
    index = web_files(card, b"", RUNTIME, name="halves")["index.html"].decode()

    assert re.findall(r"<script[^>]*>([^<]*)", index) == [""]
    assert "<style" not in index
    assert not re.search(r"\s(style|on\w+)=", index)


def test_the_page_knows_how_to_prepare_a_picture_and_read_an_answer(card: ModelCard) -> None:
    facts = json.loads(web_files(card, b"", RUNTIME, name="halves")["model.json"])

    assert facts["classes"] == ["left", "right"]
    assert facts["preparation"] == card.preparation.model_dump(mode="json")
    assert facts["temperature"] == card.temperature
    assert facts["refuses"] == card.refuses


def test_the_service_worker_keeps_every_file_and_is_new_when_one_is(card: ModelCard) -> None:
    files = web_files(card, b"one", RUNTIME, name="halves")
    other = web_files(card, b"two", RUNTIME, name="halves")

    kept = json.loads(re.search(r"FILES = (\[.*\]);", files["sw.js"].decode())[1])  # type: ignore[index]
    assert set(kept) == {"./", *files} - {"index.html", "sw.js"}
    assert files["sw.js"] != other["sw.js"]


def test_the_icons_of_an_installed_page_are_pictures(card: ModelCard) -> None:
    files = web_files(card, b"", RUNTIME, name="halves")

    for icon in json.loads(files["manifest.webmanifest"])["icons"]:
        side = int(icon["sizes"].partition("x")[0])
        assert Image.open(io.BytesIO(files[icon["src"]])).size == (side, side)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_folder({"a": b"1", "b/c": b"2"}, tmp_path / "out")

    assert (tmp_path / "out" / "b" / "c").read_bytes() == b"2"
    with pytest.raises(ResourceError, match="out cannot be written"):
        write_folder({"a": b"1"}, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_an_export_that_no_browser_could_check_says_so(
    trained: Trained, no_browser: None, eyespot: Callable[..., Answer], tmp_path: Path
) -> None:
    done = eyespot("export", trained.run, "--to", "web", "--out", tmp_path / "web")

    assert done.code == 0
    assert "the page was NOT checked: no Chromium" in done.out
    assert (tmp_path / "web" / "model.onnx").exists()
    refused = eyespot(
        "export", trained.run, "--to", "web", "--out", tmp_path / "other", "--must-check"
    )
    assert refused.code == 4
    assert "eyespot: no Chromium, Chrome or Edge is on the PATH" in refused.err
    assert not (tmp_path / "other").exists()


def test_a_browser_that_does_not_run_leaves_the_page_unchecked(
    trained: Trained, no_browser: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(exporting, "find_browser", lambda: str(broken))
    monkeypatch.setattr(parity, "_SECONDS", 2)

    done = export_web(trained.run, out=tmp_path / "web")

    assert done.page is None
    assert done.unchecked is not None and "chromium has ended when it is started" in done.unchecked
    assert (tmp_path / "web" / "model.onnx").exists()
    with pytest.raises(ResourceError, match="has ended when it is started"):
        export_web(trained.run, out=tmp_path / "other", must_check=True)


def test_a_page_that_disagrees_is_not_kept(
    trained: Trained, no_browser: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = WebParity(num=200, same_labels=199, same_refusals=200, difference=0.4)
    monkeypatch.setattr(exporting, "find_browser", lambda: "a browser")
    monkeypatch.setattr(exporting, "web_parity", lambda *given, browser: said)

    with pytest.raises(ModelError, match="1 other labels, 0 other verdicts and 0 unread of 200"):
        export_web(trained.run, out=tmp_path / "web")
    assert not (tmp_path / "web").exists()


@pytest.mark.parametrize(
    "said",
    [
        WebParity(num=9, same_labels=8, same_refusals=9, difference=0.0),
        WebParity(num=9, same_labels=9, same_refusals=8, difference=0.0),
        WebParity(num=9, same_labels=9, same_refusals=9, difference=1.1e-3),
        WebParity(num=9, same_labels=9, same_refusals=9, difference=float("nan")),
    ],
)
def test_a_page_agrees_in_labels_verdicts_and_probabilities(said: WebParity) -> None:
    with pytest.raises(ModelError, match="the page says something else than the model"):
        check_web_parity(said, "pictures")

    check_web_parity(WebParity(num=9, same_labels=9, same_refusals=9, difference=9e-4), "pictures")


def test_pictures_go_to_the_browser_as_they_are_or_as_png(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 12)
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    Image.fromarray(pixels).save(tmp_path / "a.tif")

    assert encoded(tmp_path / "a.jpg") == (tmp_path / "a.jpg").read_bytes()
    for source in (pixels, tmp_path / "a.tif"):
        found = Image.open(io.BytesIO(encoded(source)))
        assert found.format == "PNG"
        assert (np.asarray(found) == pixels).all()


def packed(files: dict[str, bytes]) -> bytes:
    """An npm archive."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of a package that stands in for the real one, by their names in it."""
    files = {"one.mjs": b"export {};", "two.wasm": b"\0asm"}
    pins = tuple(
        runtime._File(name, hashlib.sha256(data).hexdigest(), f"own-{name}")
        for name, data in files.items()
    )
    monkeypatch.setattr(runtime, "_FILES", pins)
    return files


@pytest.mark.parametrize("place", ["", "dist", "node_modules/onnxruntime-web/dist", "package/dist"])
def test_the_runtime_is_taken_from_a_folder(
    place: str, pinned: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name, data in pinned.items():
        (tmp_path / place / name).write_bytes(data)

    found = runtime.runtime_files(tmp_path)

    assert found.pop("NOTICE.txt").startswith(b"onnxruntime-web 1.")
    assert found == {f"own-{name}": data for name, data in pinned.items()}


def test_the_runtime_is_taken_from_an_archive(pinned: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "ort.tgz").write_bytes(packed(pinned))

    assert runtime.runtime_files(tmp_path / "ort.tgz")["own-two.wasm"] == pinned["two.wasm"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"one.mjs": b"stolen();", "two.wasm": b"\0asm"}, "one.mjs in .* is not that of"),
        ({"one.mjs": b"export {};"}, "is not the npm package onnxruntime-web: it holds no two"),
    ],
)
def test_another_runtime_is_refused(
    files: dict[str, bytes], reason: str, pinned: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "ort.tgz").write_bytes(packed(files))

    with pytest.raises(ResourceError, match=reason):
        runtime.runtime_files(tmp_path / "ort.tgz")


def test_without_npm_a_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ResourceError, match="there is no npm here; fetch it elsewhere by"):
        runtime.runtime_files()
