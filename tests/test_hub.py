"""Backbones from a hub, which here is a server on this machine."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eyespot.errors import ModelError
from eyespot.nets.hub import downloaded
from tiny_backbone import make_backbone

pytest.importorskip("huggingface_hub")

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """What the hub answers for one repository, owner/tiny, whose files lie in a folder."""

    folder: Path
    asked: list[str]
    hashes: dict[str, str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(path)
        if path.startswith("/api/models/owner/tiny"):
            self._answer(json.dumps(self._told(path)).encode(), {})
        elif path.startswith(f"/owner/tiny/resolve/{REVISION}/"):
            data = (self.folder / path.rpartition("/")[2]).read_bytes()
            etag = hashlib.sha256(data).hexdigest()
            self._answer(data, {"ETag": f'"{etag}"', "X-Repo-Commit": REVISION})
        else:
            self._answer(b"{}", {"X-Error-Code": "RepoNotFound"}, status=404)

    def _told(self, path: str) -> object:
        files = []
        for file in sorted(self.folder.iterdir()):
            one: dict[str, Any] = {"rfilename": file.name, "size": file.stat().st_size}
            if file.suffix == ".safetensors":
                digest = self.hashes.get(file.name, hashlib.sha256(file.read_bytes()).hexdigest())
                one["lfs"] = {"sha256": digest, "size": one["size"], "pointerSize": 130}
            files.append(one)
        if "/tree/" in path:
            for one in files:
                own = {"lfs": {**one["lfs"], "oid": one["lfs"]["sha256"]}} if "lfs" in one else {}
                one |= {"type": "file", "path": one["rfilename"], "oid": "0", **own}
            return files
        return {"id": "owner/tiny", "sha": REVISION, "siblings": files}

    def _answer(self, data: bytes, headers: dict[str, str], *, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *words: object) -> None: ...


@pytest.fixture
def hub(tmp_path):
    kind = type("Own", (Hub,), {"folder": make_backbone(tmp_path / "hub"), "asked": []})
    kind.hashes = {}
    (kind.folder / "modeling_own.py").write_text("raise SystemExit")
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kind, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def fetch(wish: str, address: str, tmp_path: Path, **variables: str) -> str:
    """What a process prints that asks the hub at this address for a backbone."""
    code = (
        "import sys\nfrom eyespot.errors import EyespotError\n"
        "from eyespot.nets.finding import find_backbone\n"
        "try: print(find_backbone(sys.argv[1]).path.name)\n"
        "except EyespotError as error: print(error.exit_code, error)"
    )
    own = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    own |= {"EYESPOT_CACHE": str(tmp_path / "cache"), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    own |= {"NO_PROXY": "*", "EYESPOT_BACKBONES": "", **variables}
    words = [sys.executable, "-c", code, wish]
    done = subprocess.run(words, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_named_backbone_is_fetched_once_at_its_revision_and_without_code(hub, tmp_path):
    kind, address = hub

    assert fetch("owner/tiny", address, tmp_path) == f"owner--tiny@{REVISION}"
    there = tmp_path / "cache" / "backbones" / f"owner--tiny@{REVISION}"
    assert not list(there.rglob("*.py"))
    kind.asked.clear()
    assert fetch(f"owner/tiny@{REVISION}", address, tmp_path) == there.name
    assert fetch("owner/tiny", address, tmp_path, HF_HUB_OFFLINE="1") == there.name
    assert kind.asked == []


def test_weights_that_were_damaged_on_their_way_are_refused(hub, tmp_path):
    kind, address = hub
    kind.hashes = {"model.safetensors": "0" * 64}

    said = fetch("owner/tiny", address, tmp_path)

    assert said.startswith("5 owner/tiny: model.safetensors was damaged on its way")
    assert not list((tmp_path / "cache" / "backbones").glob("*/model.safetensors"))


def test_a_repository_with_a_pickle_alone_is_refused_before_anything_is_fetched(hub, tmp_path):
    kind, address = hub
    (kind.folder / "model.safetensors").rename(kind.folder / "pytorch_model.bin")

    said = fetch("owner/tiny", address, tmp_path)

    assert said.startswith("5 owner/tiny has its weights as pytorch_model.bin, a pickle")
    assert not any("resolve" in path for path in kind.asked)


def test_a_name_that_the_hub_does_not_know_is_said(hub, tmp_path):
    said = fetch("owner/tinny", hub[1], tmp_path)

    assert said.startswith("5 backbone 'owner/tinny': the hub has no such name or revision")


def test_without_a_network_it_says_what_to_do(tmp_path):
    said = fetch("owner/tiny", "http://127.0.0.1:9", tmp_path)

    assert said.startswith("5 backbone 'owner/tiny' is not in ")
    assert said.endswith("go online once, or copy its folder to this machine and name that")


def told_of(folder):
    """Of a hub that knows the files in this folder."""
    siblings = [SimpleNamespace(rfilename=file.name, lfs=None) for file in folder.iterdir()]
    return SimpleNamespace(sha=REVISION, siblings=siblings)


def test_of_two_that_fetch_the_same_at_once_both_get_it(tmp_path, monkeypatch):
    source = make_backbone(tmp_path / "hub")
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: told_of(source))

    def fetched_by_another(*_: Any, local_dir: Path, **__: Any) -> None:
        shutil.copytree(source, local_dir.with_suffix(""))

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched_by_another)

    assert (downloaded("owner/tiny") / "model.safetensors").exists()


def test_a_full_disk_is_not_blamed_on_the_network(tmp_path, monkeypatch):
    source = make_backbone(tmp_path / "hub")
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: told_of(source))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "weights")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)

    with pytest.raises(OSError, match="No space left on device"):  # the command line exits with 4
        downloaded("owner/tiny")


@pytest.mark.parametrize("wish", ["owner/", "/name", "o/n@", "o/../n", "o/n\n"])
def test_what_is_no_name_is_refused(wish, tmp_path, monkeypatch):
    monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path))

    with pytest.raises(ModelError, match="is no folder and no name on the hub, OWNER/NAME"):
        downloaded(wish)
