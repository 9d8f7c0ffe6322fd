"""The pages in a real browser, at the width of a desk and of a phone; run with `-m browser`.

Chromium is driven by its command line. Everything that it asks for, of whatever host, goes through
a small server that writes it down.
"""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from conftest import TINY, write_pictures
from eyespot import train
from eyespot.data import read
from eyespot.data.checkup import check
from eyespot.files.run import Run, write_predictions
from eyespot.reports import check_page, compare_page, report
from made_runs import HOSTILE, fake_run

pytestmark = pytest.mark.browser

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--enable-logging=stderr",
)
# Chromium itself calls home whatever it is told; no page of ours names these hosts.
OWN = re.compile(
    r"(http://)?(update|accounts|clients\d*|optimizationguide-pa|content-autofill|safebrowsing"
    r"|android\.clients|redirector|edgedl\.me)\.(google|googleapis|gvt1)\.com[:/]"
)
# The page lies in a frame of the wanted width: a window of Chromium is never as narrow as a phone.
# The frame is measured before anybody could scroll.
PROBE = """<!doctype html><link rel="icon" href="data:,"><body style="margin:0">
<iframe src="/page" style="border:0;width:WIDTHpx;height:900px"></iframe><pre></pre><script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const broken = [...page.querySelectorAll("a")].filter(a =>
    !page.getElementById((a.href.baseVal ?? a.getAttribute("href")).slice(1)));
  const images = [...page.images].filter(one => !one.naturalWidth);
  document.querySelector("pre").textContent = JSON.stringify({
    scroll: root.scrollWidth, client: root.clientWidth, height: root.scrollHeight,
    links: page.querySelectorAll("a").length, broken: broken.length, unseen: images.length });
}</script>"""


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page. asked: all that it requested. console: what it complained."""

    scroll: int
    client: int
    height: int
    links: int
    broken: int
    unseen: int
    asked: list[str]
    console: list[str]


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Callable[[Path, int], Seen]]:
    """Opens a page in a browser: look(page, width) -> Seen."""
    if not CHROMIUM:
        pytest.skip("there is no chromium on this machine")
    shown: dict[str, bytes] = {}
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = shown.get(re.sub(r"^http://[^/]*", "", self.path))
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(content or b"")

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"

    def seen(page: Path, width: int) -> Seen:
        asked.clear()
        shown["/page"] = page.read_bytes()
        shown["/probe"] = PROBE.replace("WIDTH", str(width)).encode()
        done = subprocess.run(
            [
                CHROMIUM,
                *QUIET,
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--proxy-server={place}",
                "--proxy-bypass-list=<-loopback>",
                f"--window-size={max(width, 600)},900",
                "--dump-dom",
                f"http://{place}/probe",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found = re.search(r"<pre>(\{.*\})</pre>", done.stdout)
        assert found, done.stderr[-2000:]
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        paths = [path.removeprefix(f"http://{place}") for path in asked if not OWN.match(path)]
        return Seen(**json.loads(found[1]), asked=paths, console=complaints)

    yield seen
    server.shutdown()
    server.server_close()


def check_sound(seen: Seen, width: int) -> None:
    """It fits into its width, is whole, complains of nothing and asks for nothing but itself."""
    assert seen.asked == ["/probe", "/page"]
    assert seen.console == []
    assert seen.scroll <= seen.client <= width
    assert (seen.broken, seen.unseen) == (0, 0)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_training_whose_images_are_gone_is_whole(
    width: int, look: Callable[[Path, int], Seen], tmp_path: Path
) -> None:
    data = write_pictures(tmp_path / "halves")
    run = train(data, settings={**TINY, "epochs": 1}, out=tmp_path / "run").run
    run.report.unlink()
    shutil.rmtree(data)

    check_sound(look(report(run), width), width)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("classes", "certainty"),
    [
        (tuple("0123456789"), 4.0),
        (("cat", "dog"), 2.0),
        (HOSTILE, 2.0),
        (tuple(f"{k} {'very ' * 20}long name" for k in range(25)), 4.0),
        (tuple(f"species {k:04d}" for k in range(1000)), 5.0),
    ],
    ids=["ten", "two", "hostile", "long", "thousand"],
)
def test_any_page_fits_its_width(
    classes: tuple[str, ...],
    certainty: float,
    width: int,
    look: Callable[[Path, int], Seen],
    tmp_path: Path,
) -> None:
    run = fake_run(
        tmp_path / "run-1",
        classes=classes,
        num=max(400, 2 * len(classes)),
        certainty=certainty,
        left_out=[("<b>" + "long/" * 40, "broken", "not an image")],
    )

    seen = look(report(run), width)

    check_sound(seen, width)
    assert seen.links >= (2 if len(classes) == 2 else 10)


def test_large_colour_pictures_fit_a_phone(
    look: Callable[[Path, int], Seen], tmp_path: Path
) -> None:
    run = fake_run(tmp_path / "run-1", classes=("cat", "dog"), certainty=2.0)
    test, valid = run.read_predictions("test"), run.read_predictions("valid")
    picture = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    names = run.read_pictures()
    heats = dict.fromkeys(run.read_heats(), picture[..., 0])
    write_predictions(run, valid, test, dict.fromkeys(names, picture), heats)

    check_sound(look(report(run), 390), 390)
    assert run.report.stat().st_size < 4_000_000


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_several_runs_fits_its_width(
    width: int, look: Callable[[Path, int], Seen], tmp_path: Path
) -> None:
    names = ("one", "<two>" + "long" * 40, "three", "four", "five", "six", "seven")
    runs: list[Run] = [
        fake_run(tmp_path / name, certainty=4.0, seed=1 + index % 2)
        for index, name in enumerate(names)
    ]

    check_sound(look(compare_page(runs, tmp_path / "compare.html"), width), width)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_check_fits_its_width(
    width: int, look: Callable[[Path, int], Seen], tmp_path: Path
) -> None:
    dataset = read(write_pictures(tmp_path / "halves"))
    (tmp_path / "check").mkdir()

    check_sound(look(check_page(check(dataset), tmp_path / "check"), width), width)
