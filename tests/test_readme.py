"""The README is true: its commands run, its verbs and extras are all there are."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from eyespot.cli import app
from eyespot.cli.options import RecipeOption
from eyespot.training.recipe import Recipe
from eyespot.training.recipefile import recipe_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language; none is a language too."""
    fences = re.findall(r"^```(.*)\n((?:(?!```).*\n)*)^```$", README, re.MULTILINE)
    return [text for own, text in fences if own == language]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the files that the README's examples name."""
    (tmp_path / "mine").mkdir()
    digits = load_digits()
    for name, index in {"seven": 7, "three": 3, "zero": 0}.items():
        image = Image.fromarray((digits.images[index] * 255 / 16).astype(np.uint8))
        image.save(tmp_path / "mine" / f"{name}.png")
    (tmp_path / "seven.png").write_bytes((tmp_path / "mine" / "seven.png").read_bytes())
    (tmp_path / "mine" / "notes.jpg").write_text("buy milk")
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_two_commands_set_everything_up():
    first, second = blocks("")[0].splitlines()

    assert first == "pip install -c constraints.txt -e '.[train]' && eyespot train digits"
    assert second == "pip install -c constraints.txt -e '.[test]' && pytest"


def test_every_verb_is_documented():
    for verb in app.registered_commands:
        assert f"| `eyespot {verb.name} " in README, verb.name


def test_every_recipe_is_documented_and_in_the_help():
    (option,) = RecipeOption.__metadata__

    for name in recipe_names():
        assert f"| `{name}` |" in README, name
        assert re.search(rf"[ ,:]{name}[ ,.]", option.help), name


def test_the_example_of_a_recipe_is_one():
    (text,) = blocks("toml")
    recipe = Recipe(**tomllib.loads(text))

    assert [layer.type for layer in recipe.layers] == ["conv", "pool", "flatten", "dense"]
    for field in ("optimizer", "schedule"):
        names = ", ".join(get_args(Recipe.model_fields[field].annotation))
        assert f"  # {names}\n" in text


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for wanted in [*project["dependencies"], *(one for extra in extras.values() for one in extra)]:
        package = re.split(r"[<>=\[]", wanted)[0]
        assert package == "eyespot" or re.search(rf"^\|.*\b{package}\b.*\|", README, re.MULTILINE)


def test_the_tree_of_the_source_is_the_real_one():
    tree = next(block for block in blocks("") if block.startswith("src/eyespot/"))
    words = {word.rstrip("/") for line in tree.splitlines()[1:] for word in line.split()}

    for entry in (ROOT / "src" / "eyespot").iterdir():
        if not entry.name.startswith("_"):
            assert entry.name in words, f"README's tree lacks {entry.name}"


@pytest.mark.slow
def test_the_session_runs_as_it_is_written(pictures):
    session = blocks("console")[0].splitlines()
    for line in session:
        if line.startswith("$ "):
            done = run(["-m", *shlex.split(line[2:])], pictures)
            refused = "mine" in line  # one of its files is no picture
            assert done.returncode == (3 if refused else 0), done.stderr
            assert "Traceback" not in done.stderr

    assert (pictures / "runs" / "digits-1" / "report.html").exists()


@pytest.mark.slow
def test_the_python_example_runs(pictures):
    done = run(["-c", blocks("python")[0]], pictures)

    assert done.returncode == 0, done.stderr
    assert re.search(r"^7 0\.\d+ ", done.stdout, re.MULTILINE)
