"""How the command line talks: data to stdout, words to stderr, a live line where a person looks."""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.progress import Progress

    from eyespot.line.transcribing import Transcribed
    from eyespot.line.watching import Change
    from eyespot.models.tables import Result
    from eyespot.values.training import Epoch

_STEP_SECONDS = 0.1  # between two movements of a bar
_LOG_SECONDS = 30.0  # between two lines in a log file


def complain(sentence: str) -> None:
    """An error, on stderr."""
    say(f"eyespot: {sentence}")


def say(sentence: str) -> None:
    """Words for a person, on stderr."""
    print(printable(sentence), file=sys.stderr)


def show_json(value: Any) -> None:
    """One JSON object on one line of stdout."""
    print(json.dumps(value))


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def show_answer(result: "Result", *, form: Literal["table", "kaggle", "json"]) -> None:
    """What a model says of a picture, on a line of stdout, or on stderr why it cannot be read.

    kaggle: nothing on stdout, as the answers go into a file.
    """
    if isinstance(result, tuple):
        name, error = result
        complain(f"{name} {error}")
        if form == "json":
            show_json({"name": name, "error": str(error)})
    elif form == "json":
        show_json(result.as_json())
    elif form == "table":
        label = printable(result.label)
        cells = [f"unknown (nearest: {label})" if result.unknown else label]
        cells += [f"{result.probability:.4f}", printable(result.name)]
        if result.possible is not None:
            cells.append(" or ".join(map(printable, result.possible)))
        print(*cells, sep="\t")


def show_change(change: "Change", *, as_json: bool) -> None:
    """Something else is to be seen: a line on stdout at once, as whoever reads it waits for it."""
    if as_json:
        show_json(change.as_json())
    else:
        sight = change.sight
        cells = [f"{change.time:.2f}", printable(str(sight)), f"{sight.probability:.4f}"]
        print(*cells, *([printable(change.name)] if change.name else []), sep="\t")
    sys.stdout.flush()


def show_transcript(found: "Transcribed", *, several: bool, as_json: bool) -> None:
    """What stands on a page, on stdout, or on stderr why it cannot be read.

    several: pages are told apart by a line with their name.
    """
    if isinstance(found, tuple):
        name, error = found
        complain(f"{name} {error}")
        if as_json:
            show_json({"name": name, "error": str(error)})
        return
    if as_json:
        show_json(found.as_json())
        return
    if not found.characters:
        complain(f"nothing is written on {found.name}")
    if several:
        print(f"==> {printable(found.name)} <==")
    if found.characters:
        print("\n".join(printable(line) for line in found.text.split("\n")))


class LiveProgress:
    """Tells a person at a terminal with a moving bar, a log file with plain lines.

    A context: the bar goes away, and the cursor comes back, however the work ends.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._words = ""
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._first = self._due = self._next = 0.0
        self._known = 0

    def __enter__(self) -> "LiveProgress":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def say(self, sentence: str) -> None:
        self._stop()
        say(sentence)

    def download(self, file: str, done: int, size: int) -> None:
        words = f"downloading {file}"
        if not self._live and words != self._words:
            self._words = words
            say(f"{words}, {size / 1e6:,.1f} MB")
        self._show(words, done, size)

    def image(self, done: int, num: int) -> None:
        self._step("reading images", done, num)

    def answer(self, done: int, num: int) -> None:
        self._step("answering pictures", done, num)

    def pack(self, done: int, num: int) -> None:
        self._step("packing images", done, num)

    def copy(self, done: int, num: int) -> None:
        self._step("writing copies", done, num)

    def epoch(self, epoch: "Epoch", num: int) -> None:
        valid = epoch.valid_accuracy
        self.say(
            f"epoch {epoch.epoch:>{len(str(num))}}/{num}  loss {epoch.train_loss:.4f}  "
            f"train {epoch.train_accuracy:.4f}"
            + (f"  valid {valid:.4f}" if valid == valid else "")  # not a number without such a part
            + f"  {epoch.seconds:.1f} s"
        )
        self._show("training", epoch.epoch, num)

    def _step(self, words: str, done: int, num: int) -> None:
        """One of very many: most of them are not worth a word."""
        now = time.monotonic()
        if done < num and now < self._next:
            return
        self._next = now + _STEP_SECONDS
        if self._live:
            self._show(words, done, num)
        else:
            self._log(words, done, num, now)

    def _log(self, words: str, done: int, num: int, now: float) -> None:
        """A line now and then, with the time that is left, where there is no bar."""
        if words != self._words:
            self._words, self._known = words, done
            self._first, self._due = now, now + _LOG_SECONDS
        elif now >= self._due and self._known < done < num:
            self._due = now + _LOG_SECONDS
            left = (now - self._first) / (done - self._known) * (num - done)
            rough = f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s"
            say(f"{words}: {done:,} of {num:,}, about {rough} left")

    def _show(self, words: str, done: int, num: int) -> None:
        if not self._live or (self._bar is None and done >= num):
            return
        if words != self._words:
            self._stop()
        if self._bar is None:
            from rich.console import Console
            from rich.markup import escape
            from rich.progress import Progress

            self._bar, self._words = Progress(console=Console(stderr=True), transient=True), words
            self._bar.add_task(escape(printable(words)), total=num)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= num:
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
