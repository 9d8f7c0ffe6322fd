"""The page, a model and its runtime as a static folder: no server of ours, no network once seen."""

import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from PIL import Image, ImageDraw

from eyespot.errors import ResourceError
from eyespot.models.card import ModelCard
from eyespot.models.facts import page_facts

_ICON_SIDES = (192, 512)
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'"
)
_HEAD = f"""<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="manifest" href="manifest.webmanifest">
"""


def web_files(
    card: ModelCard, graph: bytes, runtime: Mapping[str, bytes], *, name: str
) -> dict[str, bytes]:
    """Every file of the folder by its path in it. graph: of the ONNX file with this card.

    All addresses in them are relative, so that the folder may lie anywhere below a host.
    """
    page = dict(_below(_package() / "page", "page/"))
    files = {
        "index.html": _index(page.pop("page/index.html")),
        **page,
        "model.onnx": graph,
        "model.json": json.dumps(_facts(card, name)).encode(),
        **{f"runtime/{file}": data for file, data in runtime.items()},
        "manifest.webmanifest": _manifest(name),
        **{f"icon-{side}.png": _icon(side) for side in _ICON_SIDES},
    }
    return {**files, "sw.js": _service_worker(files)}


def _facts(card: ModelCard, name: str) -> dict[str, object]:
    """What the page knows about its model, and how to prepare a picture and read an answer."""
    shape = card.preparation.model_dump(mode="json")
    return page_facts(card, name=name) | {"preparation": shape, "temperature": card.temperature}


def write_folder(files: Mapping[str, bytes], out: Path) -> None:
    """Writes the folder, whole or not at all; `out` must not be there, or be empty.

    Raises ResourceError where there is no room or no right to write.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:40]}-") as fresh:
            inside = Path(fresh) / "web"
            for name, data in files.items():
                (inside / name).parent.mkdir(parents=True, exist_ok=True)
                (inside / name).write_bytes(data)
            if out.exists():
                out.rmdir()  # it is empty, or this is refused
            inside.replace(out)
    except OSError as error:
        raise ResourceError(f"{out} cannot be written: {error.strerror or error}") from error


def _package() -> Traversable:
    return resources.files("eyespot") / "exports"


def _below(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_file():
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _index(page: bytes) -> bytes:
    text = page.decode()
    for old, new in (
        ('data-backend="server"', 'data-backend="local"'),
        ("<title>", f"{_HEAD}<title>"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.encode()


def _manifest(name: str) -> bytes:
    icons = [
        {"src": f"icon-{side}.png", "sizes": f"{side}x{side}", "type": "image/png"}
        for side in _ICON_SIDES
    ]
    manifest = {
        "name": f"{name} - eyespot",
        "short_name": name[:30],
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#1f5fbf",
        "icons": icons,
    }
    return json.dumps(manifest, indent=2).encode()


def _icon(side: int) -> bytes:
    """The same as page/icon.svg, on white to its corners, as phones cut them."""
    scale = 4 * side / 64  # drawn large and reduced, so that edges are smooth
    image = Image.new("RGB", (4 * side, 4 * side), "#ffffff")
    draw = ImageDraw.Draw(image)
    for x, y, radius, colour in (
        (32, 32, 26, "#1f5fbf"),
        (32, 32, 15, "#ffffff"),
        (37, 28, 7, "#14171b"),
    ):
        box = [
            (x - radius) * scale,
            (y - radius) * scale,
            (x + radius) * scale,
            (y + radius) * scale,
        ]
        draw.ellipse(box, fill=colour)
    file = io.BytesIO()
    image.reduce(4).save(file, "PNG", optimize=True)
    return file.getvalue()


def _service_worker(files: Mapping[str, bytes]) -> bytes:
    """Knows every file, and has another version as soon as one of them differs."""
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(f"\0{name}\0{len(data)}\0".encode())
        digest.update(data)
    text = (_package() / "web" / "sw.js").read_text("utf-8")
    names = json.dumps(["./", *(name for name in files if name != "index.html")])
    text = text.replace("eyespot-VERSION", f"eyespot-{digest.hexdigest()[:16]}")
    return text.replace('["FILES"]', names).encode()
