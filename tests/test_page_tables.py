"""The page's table is written as eyespot writes tables. Run by node."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from eyespot.files.tables import table_text

NODE = shutil.which("node")
PROGRAM = """
import { readFileSync } from "node:fs";
import { csv } from "./csv.js";

const names = JSON.parse(readFileSync(0, "utf8"));
const said = { label: "=1+1", probability: 0.5, unknown: false };
console.log(JSON.stringify(csv(names.map((name) => ({ name, said, truth: name })))));
"""
NAMES = [
    "plain.png",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "\uff1dwide",
    "'quoted",
    'a "b", c',
    "two\nlines",
    "two\rlines",
    "kitten \U0001f408",
    "",
]


@pytest.mark.skipif(NODE is None, reason="there is no node on this machine")
def test_names_are_spelled_as_in_the_tables_of_the_command_line(tmp_path: Path) -> None:
    shutil.copy(Path(str(files("eyespot.exports"))) / "page" / "csv.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.js").write_text(PROGRAM)

    done = subprocess.run(
        [str(NODE), "program.js"],
        cwd=tmp_path,
        input=json.dumps(NAMES),
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    header = ["name", "label", "probability", "unknown", "corrected", "error"]
    expected = table_text(header, [[name, "=1+1", 0.5, "false", name, ""] for name in NAMES])
    assert json.loads(done.stdout) == expected
