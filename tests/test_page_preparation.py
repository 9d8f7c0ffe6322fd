"""The page's JavaScript prepares a picture as Python does, to the bit. Run by node."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drawn_digits import STROKES, drawn_digit
from eyespot.errors import ImageError
from eyespot.images.ink import bridged
from eyespot.images.inkstyle import find_style
from eyespot.images.preparation import prepare
from eyespot.values.arrays import Array

NODE = shutil.which("node")
PROGRAM = """
import { readFileSync } from "node:fs";
import { bridged } from "./ink.js";

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const cases = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ picture, preparation }) => {
  try {
    const { picture: found } = bridged({ ...picture, data: bytes(picture.data) }, preparation);
    return { ...found, data: Buffer.from(found.data).toString("base64") };
  } catch (error) {
    return { error: error.message };
  }
})));
"""

Prepared = Callable[[Sequence[tuple[Array, dict[str, Any]]]], list[Array | str]]


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Prepares pictures by the page's own modules: prepared([(pixels, preparation)])."""
    if NODE is None:
        pytest.skip("there is no node on this machine; the browser tests do the same in chromium")
    page = Path(str(files("eyespot.exports"))) / "page"
    for module in page.glob("*.js"):
        shutil.copy(module, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.js").write_text(PROGRAM)

    def run(cases: Sequence[tuple[Array, dict[str, Any]]]) -> list[Array | str]:
        asked = [
            {"picture": _spelled(pixels), "preparation": preparation}
            for pixels, preparation in cases
        ]
        done = subprocess.run(
            [str(NODE), "program.js"],
            cwd=tmp_path,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return [_read(found) for found in json.loads(done.stdout)]

    return run


def _spelled(pixels: Array) -> dict[str, Any]:
    height, width, channels = pixels.shape
    data = base64.b64encode(pixels.tobytes()).decode()
    return {"data": data, "width": width, "height": height, "channels": channels}


def _read(found: dict[str, Any]) -> Array | str:
    """The picture, or why there is none."""
    if "error" in found:
        return str(found["error"])
    flat = np.frombuffer(base64.b64decode(found["data"]), np.uint8)
    return flat.reshape(found["height"], found["width"], found["channels"])


def random_picture(rng: np.random.Generator, channels: int) -> Array:
    """Noise, or an edge and a ramp, of any small shape."""
    height, width = rng.integers(1, 90, 2)
    if rng.random() < 0.5:
        return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    ramp = np.add.outer(np.arange(height) * rng.integers(0, 9), np.arange(width) * 5) % 256
    ramp[ramp > rng.integers(1, 256)] = rng.integers(0, 256)
    return np.repeat(ramp.astype(np.uint8)[..., np.newaxis], channels, axis=2)


def test_random_pictures_are_prepared_as_in_python(prepared: Prepared) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for fit in ("pad", "stretch", "crop"):
        for channels in (1, 3):
            for _ in range(60):
                pixels = random_picture(rng, int(rng.choice([1, 3])))
                size = int(rng.integers(4, 70))
                cases.append((pixels, {"size": size, "channels": channels, "fit": fit}))

    found = prepared(cases)

    for (pixels, preparation), one in zip(cases, found, strict=True):
        np.testing.assert_array_equal(one, prepare(pixels, **preparation), str(preparation))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (28, 28), (700, 1201)])
def test_any_shape_is_prepared_as_in_python(shape: tuple[int, int], prepared: Prepared) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    cases = [
        (pixels, {"size": 28, "channels": channels, "fit": fit})
        for fit in ("pad", "stretch", "crop")
        for channels in (1, 3)
    ]

    for (_, preparation), one in zip(cases, prepared(cases), strict=True):
        np.testing.assert_array_equal(one, prepare(pixels, **preparation), str(preparation))


def test_a_picture_of_the_right_size_is_left_as_it_is(prepared: Prepared) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (28, 28, 1), dtype=np.uint8)

    (found,) = prepared([(pixels, {"size": 28, "channels": 1, "fit": "pad"})])

    np.testing.assert_array_equal(found, pixels)


def page_of(digit: str, rng: np.random.Generator) -> Array:
    """uint8 (H, W, 3): a digit in some ink on some paper, with a shadow and some noise."""
    height, width = rng.integers(40, 260, 2)
    side = int(min(height, width) * rng.uniform(0.4, 0.95))
    ink = np.zeros((height, width, 1))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    ink[top : top + side, left : left + side, 0] = drawn_digit(digit, rng, side=side) / 255
    paper, colour = rng.uniform(140, 255, 3), rng.uniform(0, 110, 3)
    if rng.random() < 0.3:
        paper, colour = colour, paper
    light = np.linspace(rng.uniform(0.5, 1), 1, width)[np.newaxis, :, np.newaxis]
    pixels = (paper * (1 - ink) + colour * ink) * light + rng.normal(0, 4, (height, width, 1))
    if rng.random() < 0.3:
        pixels[int(rng.integers(height))] = colour  # a ruled line
    return pixels.clip(0, 255).astype(np.uint8)


def test_characters_on_paper_are_found_and_redrawn_as_in_python(prepared: Prepared) -> None:
    rng = np.random.default_rng(3)
    digits = np.stack([drawn_digit(digit, rng) for digit in [*STROKES] * 30])[..., np.newaxis]
    style = find_style(digits)
    assert style is not None
    pictures = [page_of(digit, rng) for digit in [*STROKES] * 10]
    tall = [drawn_digit(digit, rng, side=300)[:, ::4, np.newaxis] for digit in [*STROKES] * 5]
    pictures += [255 - digit for digit in tall]  # Pillow 13 would begin with their height
    pictures += [random_picture(rng, 3) for _ in range(40)]
    pictures += [np.full((90, 70, 3), 200, np.uint8), digits[0]]
    fields = {"size": 28, "fit": "pad"}
    channels = [1 if number % 4 else 3 for number in range(len(pictures))]
    spelled = json.loads(style.model_dump_json())

    found = prepared(
        [
            (pixels, {**fields, "channels": num, "ink": spelled})
            for pixels, num in zip(pictures, channels, strict=True)
        ]
    )

    num_drawn = 0
    for pixels, num, one in zip(pictures, channels, found, strict=True):
        try:
            expected = bridged(pixels, style, channels=num, **fields)
            num_drawn += 1
        except ImageError as error:
            assert one == str(error)
            continue
        np.testing.assert_array_equal(one, expected)
    assert len(pictures) // 2 < num_drawn < len(pictures)
