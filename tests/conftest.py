"""What several test files share: pictures on disk, one trained run, the command line in-process."""

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from eyespot.exports.web.browser import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# A shell starts what runs in the background with Ctrl-C ignored, for this process and its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = {"kind": "ink", "epochs": 2, "width": 8, "batch": 16, "rate": 0.01}


def halves(num: int, *, bright: int, side: int = 12, seed: int = 0) -> np.ndarray:
    """uint8 (num, side, side): noise whose left (0) or right (1) half is bright."""
    noise = np.random.default_rng([seed, bright]).integers(0, 90, (num, side, side))
    half = slice(0, side // 2) if bright == 0 else slice(side // 2, side)
    noise[:, :, half] += 150
    return noise.astype(np.uint8)


def write_pictures(root: Path, *, num: int = 30, seed: int = 0) -> Path:
    """A folder per class, `left` and `right`, with `num` pictures each."""
    for label, name in enumerate(("left", "right")):
        folder = root / name
        folder.mkdir(parents=True)
        for index, pixels in enumerate(halves(num, bright=label, seed=seed)):
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


@dataclass(frozen=True)
class Answer:
    """What a command gave: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def eyespot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """The command line in this process: eyespot("train", "digits") -> Answer."""
    from eyespot.cli import main

    def run(*args: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["eyespot", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, out, err)

    return run


@dataclass(frozen=True)
class Trained:
    """A trained run, the folder of pictures that it was trained on and what training returned."""

    data: Path
    run: Path
    trained: object


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two classes, 60 pictures, two epochs, with its report."""
    import eyespot

    root = tmp_path_factory.mktemp("trained")
    data = write_pictures(root / "halves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0})
        result = eyespot.train(data, settings=TINY, out=root / "run")
    return Trained(data, root / "run", result)


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains on one core, and without the two seconds that a page of charts takes."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # two threads that wait cost more
    monkeypatch.setattr("eyespot.line.single.report", lambda run: run.report.write_text("a page"))


@pytest.fixture
def full_disk() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """A context in which no file grows beyond so many bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource", reason="no such limit here")

    @contextlib.contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session")
def digits_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of a short training on 600 of scikit-learn's digits."""
    from sklearn.datasets import load_digits

    import eyespot as package

    digits = load_digits()
    images = np.round(digits.images[:600] * 255 / 16).astype(np.uint8)
    settings = {"epochs": 3, "width": 8, "batch": 32, "rate": 0.01, "ink": False}
    run = tmp_path_factory.mktemp("digits") / "run"
    package.train((images, digits.target[:600]), settings=settings, out=run)
    return run / "model.safetensors"


@dataclass(frozen=True)
class Nodes:
    """Ray nodes on this machine, a core each. others: the daemons of all but the first."""

    address: str
    others: tuple[int, ...]

    def _workers(self, daemon: int, word: str) -> list[int]:
        """The processes on a node in whose title the word stands."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = int(entry.name)
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                title = (entry / "cmdline").read_bytes().decode(errors="replace")
                if parent == daemon and title.startswith("ray::") and word in title:
                    found.append(pid)
        return found

    @contextlib.contextmanager
    def killing(
        self, word: str, *, when: Callable[[], bool], whole: bool = False
    ) -> Iterator[list[int]]:
        """Gives those processes of one node kill -9, once: as soon as it is time and there are
        some. whole: and its daemon, so that the node is lost.

        Yields which they were. Ends with the block, whatever happens in it.
        """
        over, killed = threading.Event(), list[int]()

        def kill() -> None:
            while not killed and not over.wait(0.02):
                if not when():
                    continue
                for daemon in self.others:
                    if not killed and (found := self._workers(daemon, word)):
                        for pid in [daemon, *found] if whole else found:
                            os.kill(pid, signal.SIGKILL)
                            killed.append(pid)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            yield killed
        finally:
            over.set()
            killer.join()


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """A cluster of two nodes, which ends with the test. Its workers know the tests' own files."""
    yield from _nodes(2, monkeypatch)


@pytest.fixture
def three_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """The same, of three."""
    yield from _nodes(3, monkeypatch)


def _nodes(num: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    pytest.importorskip("ray", reason="needs the extra cluster")
    import warnings

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else they starve beside other work
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        small = {"num_cpus": 1, "object_store_memory": 150 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=small)
        others = [
            cluster.add_node(num_cpus=1, object_store_memory=150 * 2**20) for _ in range(num - 1)
        ]
        cluster.wait_for_nodes()
        daemons = [node.all_processes["raylet"][0].process.pid for node in others]
        try:
            yield Nodes(cluster.address, tuple(daemons))
        finally:
            cluster.shutdown()


def _write_greys(path: Path, levels: list[int], *, width: int = 320, height: int = 240) -> None:
    """A film without compression, 10 frames a second, each of one grey."""
    colour = bytes([128]) * (width * height // 2)
    frames = [
        b"FRAME\n" + bytes([round(16 + level * 219 / 255)]) * (width * height) + colour
        for level in levels
    ]
    path.write_bytes(
        f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + b"".join(frames)
    )


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """A browser for all tests of the session, whose camera shows a film: 2 s grey 70, 2 s grey 110.

    One for all, since playwright's loop cannot be started twice in one thread.
    """
    driving = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = find_browser()
    if found is None:
        pytest.skip("there is no chromium on this machine")
    film = tmp_path_factory.mktemp("film") / "levels.y4m"
    _write_greys(film, [70] * 20 + [110] * 20)
    with driving.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a model that knows drawn digits; its data lie beside it, in `drawn`."""
    from drawn_digits import train_drawn_digits

    return train_drawn_digits(tmp_path_factory.mktemp("digits"))


# A browser itself complains of an answer that is no 200, as to what is no picture.
_REFUSED = re.compile("Failed to load resource: the server responded with a status of 422 ")


@pytest.fixture
def visit(chromium: "Browser") -> Iterator[Callable[..., "Page"]]:
    """Opens a page: visit(address, **context) -> Page. What it complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def opened(address: str, *, width: int = 1280, height: int = 900, **options: Any) -> "Page":
        size = {"width": width, "height": height}
        context = chromium.new_context(viewport=size, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector("[data-ready]", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [words for words in complaints if not _REFUSED.match(words)] == []
