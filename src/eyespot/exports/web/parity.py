"""Whether the page answers as the model does: its own code, in a browser, on real pictures."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

import numpy as np

from eyespot.errors import ImageError, ModelError, ResourceError, count
from eyespot.exports.web.browser import open_page
from eyespot.models.predict import prepared
from eyespot.values.arrays import Array
from eyespot.values.model import Model

TOLERANCE = 1e-3  # of a probability: browsers decode JPEG, and add, in another order
_NEAR = 1e-2  # a refusal as near to 1 as this may fall to either side
_SECONDS = 60  # for the browser to start, and for the page to load the model
_SECONDS_PER_PICTURE = 3
_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "wasm": "application/wasm",
}


@dataclass(frozen=True, kw_only=True)
class WebParity:
    """How the page's answers on `num` pictures compare with the model's.

    difference: the largest of a probability. unread: how many pictures the browser could not
    decode; they count as disagreements.
    """

    num: int
    same_labels: int
    same_refusals: int
    difference: float
    unread: int = 0

    @property
    def sound(self) -> bool:
        agreed = self.same_labels == self.same_refusals == self.num
        return agreed and self.difference < TOLERANCE

    def sentences(self, how: str) -> list[str]:
        """What a person wants to know, a line each. how: which pictures these are."""
        return [
            f"the page, in a browser, on {count(self.num, 'picture')}: {how}",
            f"same label: {self.same_labels:,} of {self.num:,}",
            f"largest difference of a probability: {self.difference:.1e}",
            f"known or unknown alike: {self.same_refusals:,} of {self.num:,}",
        ]


def check_web_parity(parity: WebParity, how: str) -> None:
    """Raises ModelError for a page that does not answer as its model."""
    if parity.sound:
        return
    raise ModelError(
        f"the page says something else than the model: {parity.num - parity.same_labels:,} other "
        f"labels, {parity.num - parity.same_refusals:,} other verdicts and {parity.unread:,} "
        f"unread of {count(parity.num, 'picture')} ({how}), probabilities up to "
        f"{parity.difference:.1e} apart; it is not kept, please report the recipe"
    )


def web_parity(
    files: Mapping[str, bytes], model: Model, pictures: Sequence[bytes], *, browser: str
) -> WebParity:
    """Opens the folder's files in a browser and compares what the page says about pictures.

    files: as `web_files` makes them. pictures: encoded as a browser can decode them; those that
    the model itself cannot decode do not count.
    Raises ResourceError where the browser does not answer, ModelError where the page fails.
    """
    given, shown = [], []
    for data in pictures:
        try:
            shown.append(prepared(data, model.preparation))
        except ImageError:
            continue
        given.append(data)
    if not given:
        raise ModelError("there is no picture to check the page with; name some")
    probs_NK, refusals_N = model.examine(np.stack(shown))
    return _compared(_answers(files, given, browser), probs_NK, refusals_N)


def _compared(
    answers: Sequence[Mapping[str, Any]], probs_NK: Array, refusals_N: Array | None
) -> WebParity:
    labels = refusals = unread = 0
    difference = 0.0
    for row, answer in enumerate(answers):
        if "error" in answer:
            unread += 1
            continue
        probs_K = np.array(answer["probs"], np.float32)
        labels += int(probs_K.argmax() == probs_NK[row].argmax())
        difference = max(difference, float(np.abs(probs_K - probs_NK[row]).max()))
        own = None if refusals_N is None else float(refusals_N[row])
        refusals += _agree(own, answer["refusal"])
    return WebParity(
        num=len(answers),
        same_labels=labels,
        same_refusals=refusals,
        difference=difference,
        unread=unread,
    )


def _agree(own: float | None, other: float | None) -> bool:
    if own is None or other is None:
        return own is None and other is None
    return (own > 1) == (other > 1) or abs(own - 1) < _NEAR


def _answers(
    files: Mapping[str, bytes], pictures: Sequence[bytes], browser: str
) -> list[dict[str, Any]]:
    """What the page says of each picture: {probs, refusal}, or {error}."""
    seconds = _SECONDS + _SECONDS_PER_PICTURE * len(pictures)
    with _serving(files, pictures) as (address, seen):
        with open_page(browser, f"{address}/check.html") as process:
            if not _waited(seen.opened, process, _SECONDS) or not _waited(
                seen.ready, process, seconds
            ):
                reason = "does not answer" if process.poll() is None else "has ended"
                raise ResourceError(
                    f"{browser} {reason} when it is started without a window; export again with "
                    "another browser on the PATH to be sure"
                )
    answer = seen.said[0]
    if "error" in answer:
        raise ModelError(f"the page does not run: {answer['error']}")
    found: list[dict[str, Any]] = answer["found"]
    return found


def _waited(ready: threading.Event, process: "subprocess.Popen[bytes]", seconds: int) -> bool:
    """Whether it got ready before the time was over or the browser gone."""
    for _ in range(seconds):
        if ready.wait(1):
            return True
        if process.poll() is not None:
            break
    return ready.is_set()


@dataclass(frozen=True, eq=False)
class _Seen:
    """What came from a browser: that it opened the page, and what the page said at its end."""

    opened: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    said: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def _serving(files: Mapping[str, bytes], pictures: Sequence[bytes]) -> Iterator[tuple[str, _Seen]]:
    """A server of the files and, below check/, the pictures; its address, and what it sees."""
    own = resources.files("eyespot") / "exports" / "web"
    shown = {
        **files,
        **{name: (own / name).read_bytes() for name in ("check.html", "check.js")},
        **{f"check/{number}": data for number, data in enumerate(pictures)},
        "check/num": str(len(pictures)).encode(),
    }
    seen = _Seen()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.opened.set()
            content = shown.get(self.path.removeprefix("/"))
            kind = _TYPES.get(self.path.rpartition(".")[2], "application/octet-stream")
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            seen.said.append(json.loads(body))
            seen.ready.set()

        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
