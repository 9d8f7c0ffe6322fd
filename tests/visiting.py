"""What a person does on the page, and what the page says then."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

driving = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

PATIENCE = 60_000  # milliseconds after which a test gives up, on however slow a machine
SEVEN = ((0.3, 0.25), (0.7, 0.24), (0.6, 0.45), (0.5, 0.62), (0.44, 0.8))
# Puts files where a person would drop or paste them; bytes come as lists of numbers.
HAND_OVER = """([event, files]) => {
  const carried = new DataTransfer();
  for (const [name, bytes] of files) carried.items.add(
    new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(event === "paste"
    ? new ClipboardEvent("paste", { ...options, clipboardData: carried })
    : new DragEvent("drop", { ...options, dataTransfer: carried }));
}"""

Visit = Callable[..., "Page"]


def draw(page: "Page", points: tuple[tuple[float, float], ...]) -> None:
    """A stroke on the pad, with the mouse; the points are shares of its side."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def hand_over(page: "Page", event: str, *files: tuple[str, bytes]) -> None:
    page.evaluate(HAND_OVER, [event, [(name, list(data)) for name, data in files]])


def holds(page: "Page", where: str, text: str | re.Pattern[str]) -> None:
    """Waits until an element holds this text. Not by a script, which the page would not let in."""
    driving.expect(page.locator(where)).to_have_text(text, timeout=PATIENCE)


def says(page: "Page", text: str) -> None:
    """Waits until the large answer is this."""
    holds(page, "#answer", text)


def rows(page: "Page", num: int) -> list[list[str]]:
    """The cells of the table, once it has so many rows and an answer in each."""
    driving.expect(page.locator("#rows tr")).to_have_count(num, timeout=PATIENCE)
    waiting = page.locator("#rows td.says", has_text=re.compile("^…$"))
    driving.expect(waiting).to_have_count(0, timeout=PATIENCE)
    return [row.locator("td").all_inner_texts() for row in page.locator("#rows tr").all()]
