"""How the command line talks: data to stdout, words to stderr, a live line where a person looks."""

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eyespot.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from eyespot.values import Epoch


def complain(sentence: str) -> None:
    """An error, on stderr."""
    print(f"eyespot: {printable(sentence)}", file=sys.stderr)


def say(sentence: str) -> None:
    """Words for a person, on stderr."""
    print(printable(sentence), file=sys.stderr)


def show_json(value: Any) -> None:
    """One JSON object on one line of stdout."""
    print(json.dumps(value))


def printable(text: str) -> str:
    """The text without what a terminal would obey or an output stream could not encode."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def parse_columns(text: str | None) -> dict[str, str] | None:
    """`image=NAME,label=NAME` as a mapping. Raises UsageError."""
    if text is None:
        return None
    columns = {}
    for pair in text.split(","):
        role, equals, name = pair.partition("=")
        if role.strip() not in ("image", "label", "part") or not name.strip() or not equals:
            raise UsageError(
                f"--columns '{text}' is not understood; write image=NAME,label=NAME "
                "with the table's own column names"
            )
        columns[role.strip()] = name.strip()
    return columns


class LiveProgress:
    """Tells a person at a terminal with a moving bar, a log file with plain lines."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._started = time.monotonic()
        self._live = sys.stderr.isatty()

    def say(self, sentence: str) -> None:
        self._stop()
        say(sentence)

    def image(self, done: int, num: int) -> None:
        if self._live and (done == num or done % 16 == 0):
            self._show("reading images", done, num)

    def epoch(self, epoch: "Epoch", num: int) -> None:
        self._stop()
        valid = (
            "" if epoch.valid_loss != epoch.valid_loss else f"  valid {epoch.valid_accuracy:.4f}"
        )
        say(
            f"epoch {epoch.epoch:>{len(str(num))}}/{num}  loss {epoch.train_loss:.4f}  "
            f"train {epoch.train_accuracy:.4f}{valid}  {epoch.seconds:.1f} s"
        )
        if self._live and epoch.epoch < num:
            self._show("training", epoch.epoch, num)

    def _show(self, words: str, done: int, num: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(words, total=num)
        assert self._task is not None
        self._bar.update(self._task, completed=done, description=words)
        if done == num:
            self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def columns_of_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned text; all but the first column to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
