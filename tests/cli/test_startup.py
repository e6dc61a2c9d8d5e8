"""What start-up imports: nothing heavy (the times are measured in tests/perf)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch", "torchvision", "torchmetrics", "open_clip", "timm", "rich", "pydantic", "pandas", "numpy", "scipy", "PIL",
    "matplotlib", "pyarrow", "jinja2",
}  # fmt: skip


def imported(line: list[str], child_environment) -> set[str]:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n'.join(m for m in sys.modules if '.' not in m), file=sys.stderr))\n"
        f"sys.argv[1:] = {line!r}\n"
        "from bench.cli import entry\n"
        "entry()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "line",
    [["--help"], ["--version"], ["list"], ["list", "metrics", "--json"], ["list", "panels"], ["run", "--help"]],
    ids=" ".join,
)
def test_start_up_imports_nothing_heavy(line, child_environment) -> None:
    found = imported(line, child_environment)
    assert "click" in found
    assert found.isdisjoint(HEAVY)


def test_the_check_would_see_a_heavy_import(child_environment) -> None:
    assert "numpy" in imported(["cache", "show"], child_environment)
