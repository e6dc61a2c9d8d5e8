"""The house keeps its shape: imports go one way, light rooms stay light, files and functions stay short.

The directions are contracts of import-linter in pyproject.toml, run here as a test. What import-linter cannot see, an
import at run time, is looked for in a fresh interpreter. Sizes count all lines, docstrings too.
"""

from __future__ import annotations

import ast
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ROOT / "bench"
LIGHT = ("types", "errors", "registry", "spec", "store", "study", "aliases", "systemcard", "ledger", "stats", "formats",
         "world", "reports")  # fmt: skip
HEAVY = ("torch", "torchvision", "torchmetrics", "open_clip", "timm", "torch_fidelity", "diffusers", "transformers")
FILES = sorted(ROOMS.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(ROOMS).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[tuple[str, int]]:
    """(top-level name, line) of every absolute import of a file, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name.partition(".")[0], node.lineno) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add((node.module.partition(".")[0], node.lineno))
    return found


def functions(path: Path) -> list[tuple[int, str]]:
    """(lines, 'file:line name') of every function of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{name_of(path)}:{node.lineno} {node.name}")
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    ]


def fresh(code: str) -> str:
    """What a new interpreter prints for the code; it sees this checkout and nothing of this process."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def loaded_after(modules: list[str], names: tuple[str, ...]) -> str:
    imports = "".join(f"import {module}\n" for module in modules)
    return fresh(f"{imports}import sys\nprint(*sorted(set({names!r}) & set(sys.modules)))")


def test_imports_go_one_way():
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in LIGHT], ids=name_of)
def test_light_rooms_never_name_a_heavy_package(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bad = sorted(f"line {line} imports {name}" for name, line in imported(tree) if name in HEAVY)
    assert not bad, f"{name_of(path)}: {'; '.join(bad)}. The rooms {', '.join(LIGHT)} never do, in functions neither."


def test_light_rooms_load_nothing_heavy():
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in FILES if room_of(p) in LIGHT]
    assert loaded_after(modules, HEAVY) == ""


def test_start_up_loads_nothing_heavy():
    """`bench --help` and `bench list` answer at once: neither torch nor rich nor pydantic is loaded to get there."""
    modules = ["bench", "bench.registry", "bench.cli"]
    assert loaded_after(modules, (*HEAVY, "rich", "pydantic", "scipy", "pandas", "pyarrow", "matplotlib")) == ""


def test_packages_do_not_gather_names():
    """A package's __init__ that is both imported from inside and imports inside is how cycles begin."""
    for path in FILES:
        if path.name == "__init__.py" and path.parent != ROOMS and room_of(path) not in ("functional", "cli"):
            names = {name for name, _ in imported(ast.parse(path.read_text(encoding="utf-8")))}
            assert "bench" not in names, f"{name_of(path)} imports from bench; import the module that owns the name."


def test_files_are_short():
    sizes = {name_of(p): len(p.read_text(encoding="utf-8").splitlines()) for p in FILES}
    long = [f"{name} has {lines} lines" for name, lines in sizes.items() if lines > 400]
    assert not long, f"{'; '.join(long)}; no file has more than 400. Split it along what it owns."


def test_functions_are_short():
    sizes = [size for path in FILES for size in functions(path)]
    long = [f"{where} ({lines} lines)" for lines, where in sizes if lines > 80]
    assert not long, f"No function has more than 80 lines: {', '.join(long)}."
    middle = statistics.median(lines for lines, _ in sizes)
    assert middle <= 12, f"The median function has {middle} lines, more than 12."


def test_every_file_says_what_it_owns():
    silent = [name_of(p) for p in FILES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert not silent, f"Without a docstring at the top: {', '.join(silent)}."


def test_names_of_test_files_are_unique():
    """pytest's importlib mode takes equal names, other tools that read reports by file name do not."""
    names = [p.name for p in sorted((ROOT / "tests").rglob("test_*.py"))]
    twice = sorted({n for n in names if names.count(n) > 1})
    assert not twice, f"Test files with the same name: {', '.join(twice)}."


def test_datasets_never_becomes_a_package():
    """A `datasets/__init__.py` would shadow Hugging Face's for everyone who works from the root of the checkout."""
    assert not list((ROOT / "datasets").rglob("*.py"))
