"""The moving bar at a real terminal, and what takes its place where there is none."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import eyespot
from conftest import write_pictures
from eyespot.cli import talk
from eyespot.cli.talk import LiveProgress

SOURCE = str(Path(eyespot.__file__).parents[1])

# Looking at an image takes a moment; the rest is the command line as it is.
SLOW = """
import time
import eyespot.data.inspection as inspection
from eyespot.cli import main
look = inspection.open_image
def slow(source):
    time.sleep(0.02)
    return look(source)
inspection.open_image = slow
main()
"""


class Screen:
    """What a terminal of so many columns shows, for the few codes that a bar uses."""

    CODE = re.compile(r"\x1b\[(\??)(\d*)([A-Za-z])|\x1b\[[\d;]*m")

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[str] = [""]
        self.row = self.column = 0
        self.cursor = True

    def write(self, text: str) -> None:
        while text:
            code = self.CODE.match(text)
            if code:
                self._obey(*code.groups())
                text = text[code.end() :]
                continue
            if text[0] == "\r":
                self.column = 0
            elif text[0] == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            else:
                self._put(text[0])
            text = text[1:]

    def _put(self, letter: str) -> None:
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
        self.column += 1

    def _obey(self, private: str | None, number: str | None, kind: str | None) -> None:
        if kind is None or kind == "m":
            return
        if (private, number) == ("?", "25"):
            self.cursor = kind == "h"
        elif kind == "A":
            self.row -= int(number or 1)
        elif kind == "K":
            self.lines[self.row] = ""
        else:
            raise AssertionError(f"a code that no bar needs: {private}{number}{kind}")

    @property
    def text(self) -> list[str]:
        return [line for line in map(str.rstrip, self.lines) if line]


def at_terminal(
    code: str, *args: str, columns: int, more: Mapping[str, str], stop: bool = False
) -> tuple[int, str, Screen]:
    """Runs Python at a terminal; presses Ctrl-C as soon as a bar has begun. Exit code, raw output,
    screen at the end."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    names = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment |= {"PYTHONPATH": SOURCE, "TERM": "xterm", "PYTHONUTF8": "1", **more}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        # Its own session and terminal, so that Ctrl-C goes to it alone.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    raw = b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 65_536)
            except OSError:  # Linux says so at the end
                break
            if not data:
                break
            raw += data
        if stop and re.search(rb"[1-9]%", raw):
            stop = False
            os.write(master, b"\x03")
    os.close(master)
    screen = Screen(columns)
    text = raw.decode()
    screen.write(text)
    return child.wait(60), text, screen


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
class TestTerminal:
    @pytest.fixture
    def pets(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("EYESPOT_CACHE", str(tmp_path / "cache"))
        return write_pictures(tmp_path / "pets", num=40)

    @pytest.mark.parametrize("columns", [80, 40])
    def test_the_bar_fits_and_goes_away(self, pets, columns):
        code, raw, screen = at_terminal(SLOW, "check", "pets", columns=columns, more={})

        bars = re.findall(r"reading images [^\r\n]*", re.sub(r"\x1b\[[^a-zA-Z]*m", "", raw))
        assert code == 0
        assert len(bars) > 2 and max(map(len, bars)) <= columns
        assert any(re.search(r" \d+% \d:\d\d:\d\d$", bar) for bar in bars[:-1])
        assert screen.text[0].startswith("pets: a folder per class, 80 images of 2 classes;")
        assert screen.text[-1] == "next: eyespot train pets"
        assert not any("reading" in line for line in screen.text)
        assert screen.cursor

    def test_no_colour_is_no_colour(self, pets):
        code, raw, _ = at_terminal(SLOW, "check", "pets", columns=80, more={"NO_COLOR": "1"})

        assert code == 0
        assert "reading images" in raw
        assert re.findall(r"\x1b\[[\d;]*m", raw) == []

    def test_a_terminal_that_knows_no_codes_gets_none(self, pets):
        code, raw, _ = at_terminal(SLOW, "check", "pets", columns=80, more={"TERM": "dumb"})

        assert code == 0
        assert "\x1b" not in raw
        assert raw.startswith("pets: a folder per class")

    def test_ctrl_c_leaves_one_sentence_and_no_folder(self, pets):
        code, _, screen = at_terminal(
            SLOW, "check", "pets", "--out=seen", columns=80, more={}, stop=True
        )

        assert code == 130
        assert "".join(screen.text) == (
            "eyespot: interrupted; what was found is kept: the same command goes on from there"
        )
        assert screen.cursor
        assert not Path("seen").exists()
        assert [path.suffix for path in Path("cache/facts").iterdir()] == [".part"]


def test_a_log_file_gets_a_line_now_and_then(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 31.0, 40.0, 62.0, 1000.0])
    monkeypatch.setattr(talk.time, "monotonic", lambda: next(clock))
    with LiveProgress() as progress:
        for done in (1600, 3200, 4800, 6400, 8000, 80_000):
            progress.image(done, 80_000)

    assert capsys.readouterr().err.splitlines() == [
        "reading images: 4,800 of 80,000, about 12 min left",  # 3,200 in 31 s
        "reading images: 8,000 of 80,000, about 12 min left",
    ]


def test_a_short_work_leaves_a_log_file_alone(capsys):
    with LiveProgress() as progress:
        for done in range(1, 65):
            progress.image(done, 64)

    assert capsys.readouterr().err == ""
