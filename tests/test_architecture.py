"""The house stands as DESIGN draws it: who may import whom, what waits, what is public."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import eyespot

SOURCE = Path(eyespot.__file__).parent
ORDER = (
    "errors, values, files < images < data < nets < training < models < evaluation < reports "
    "< exports < line < copies < serving, cluster < cli"
)
RANKS = {
    name.strip(): rank for rank, group in enumerate(ORDER.split("<")) for name in group.split(",")
}
# Within the first group, too, an import goes to the left only; the package itself is below all.
FIRST = [name.strip() for name in ORDER.split("<")[0].split(",")]
FILES = sorted(path for path in SOURCE.rglob("*.py"))


def module(path: Path) -> str:
    """`eyespot.data.splits` for its file; a package's __init__ is the package."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(["eyespot", *(part for part in parts if part != "__init__")])


MODULES = {module(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Every module of eyespot that the file imports, inside functions and TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("eyespot"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            if node.module and node.module.partition(".")[0] == "eyespot":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in MODULES else node.module


def group(name: str) -> str | None:
    """The folder or file of the house that a module belongs to; None for the package itself."""
    words = name.split(".")
    return words[1] if len(words) > 1 and words[1] != "__main__" else None


@pytest.mark.parametrize("path", FILES, ids=module)
def test_a_file_imports_only_from_the_left_of_its_own_folder(path):
    own = group(module(path))
    if own is None:  # the package's own file: lazy, so that it may name everything
        return
    assert own in RANKS, f"{own} has no place in the house; DESIGN says {ORDER}"

    for target in filter(None, map(group, imports(path))):
        if target != own:
            left = RANKS[target] < RANKS[own] or (
                {own, target} <= set(FIRST) and FIRST.index(target) < FIRST.index(own)
            )
            assert left, f"{module(path)} imports {target}, which is not to the left of {own}"


def test_no_imports_go_in_circles():
    graph = {name: set(imports(path)) - {name, "eyespot"} for name, path in MODULES.items()}
    graph["eyespot"] = set()  # it names everything, lazily
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_the_public_names_are_exactly_these():
    assert eyespot.__all__ == [
        "EyespotError",
        "Recipe",
        "check",
        "evaluate",
        "export",
        "load",
        "read",
        "report",
        "serve",
        "split",
        "train",
    ]


@pytest.mark.parametrize("name", eyespot.__all__)
def test_a_public_name_can_be_imported(name):
    assert callable(getattr(eyespot, name))


def test_a_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'eyespot' has no attribute 'fit'"):
        eyespot.fit  # noqa: B018


HEAVY = ("torch", "sklearn", "matplotlib", "scipy", "numpy", "PIL", "jinja2", "safetensors")


CLI = sorted((SOURCE / "cli").glob("*.py"))
SHARED = ("__init__", "clustered", "options", "outcome", "talk")
VERBS = [path for path in CLI if path.stem not in SHARED]


@pytest.mark.parametrize("verb", ["", *(path.stem for path in VERBS)])
def test_help_imports_nothing_heavy(verb):
    code = (
        "import sys; from eyespot.cli import main\n"
        f"sys.argv = ['eyespot', *{verb.split()!r}, '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.endswith("heavy: []\n"), done.stdout + done.stderr
    assert done.stderr == ""


def test_training_without_torch_says_what_to_install(tmp_path):
    code = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'torch' else real(name)\n"
        "sys.modules['torch'] = None\n"
        f"sys.argv = ['eyespot', 'train', 'digits', '--out', {str(tmp_path / 'run')!r}]\n"
        "from eyespot.cli import main; main()"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.endswith("install it with: pip install 'eyespot[train]'\n")
    assert len(done.stderr.splitlines()) == 1


def test_importing_eyespot_imports_nothing_else():
    code = "import sys, eyespot; print([n for n in sys.modules if n.startswith('eyespot.')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", VERBS, ids=module)
def test_a_verb_declares_calls_the_library_and_prints(path):
    assert len(path.read_text("utf-8").splitlines()) <= 70


def test_only_the_command_line_prints():
    for path in FILES:
        if group(module(path)) in ("cli", "serving"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id in ("print", "exit")), path
