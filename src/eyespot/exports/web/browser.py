"""A Chromium on this machine, which opens a page without a window."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
_QUIET = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--mute-audio",
    "--remote-debugging-port=0",  # without it some versions end as soon as the page is loaded
)
_SECONDS_TO_END = 10


def find_browser() -> str | None:
    """The path of a Chromium, Chrome or Edge, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextlib.contextmanager
def open_page(browser: str, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A browser at this address, with a profile of its own; it ends with the context."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Its sandbox needs rights that containers do not give; all it opens is our own page.
        command = [browser, *_QUIET, "--no-sandbox", f"--user-data-dir={profile}", address]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
