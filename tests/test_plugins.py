"""The examples of docs/plugins.md, installed as an outside package through entry points and run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
FILES = {m[1]: m[2] for m in re.finditer(r"```python\n# (my_bench/\w+\.py)\n(.*?)```", TEXT, re.DOTALL)}
ENTRY_POINTS = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with the outside package installed: its code and its metadata, as pip --target leaves them."""
    package, site = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("site")
    (package / "my_bench").mkdir()
    for name, source in {"my_bench/__init__.py": "", **FILES}.items():
        (package / name).write_text(source)
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "my-bench"\nversion = "1"\n{ENTRY_POINTS}'
    )
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*install, "--target", str(site), str(package)], check=True)
    return site


def _python(site: Path, code: str, tmp_path: Path) -> str:
    header = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    done = subprocess.run([sys.executable, "-c", header + code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_kind_is_documented_in_under_thirty_lines():
    assert len(FILES) == 5
    for name, source in FILES.items():
        assert len(source.splitlines()) < 30, name


def test_listed_without_import_and_run_end_to_end(outside, tmp_path):
    code = """
import json
from bench import registry
origins = {kind: [n for n, e in registry.entries(kind).items() if e.origin == "my-bench"] for kind in registry.KINDS}
assert "torch" not in sys.modules and "my_bench" not in sys.modules
import bench.api
from bench.study import Study
run = bench.api.run(Study(systems=("gradient(size=32)",), dataset="weather", metrics=("brightness",)))[0]
print(json.dumps([origins, run.counts, [s.value for s in run.scores]]))
"""
    origins, counts, values = json.loads(_python(outside, code, tmp_path))
    assert origins == {
        "metric": ["brightness"],
        "extractor": ["mean-colour"],
        "dataset": ["weather"],
        "generator": ["gradient"],
        "fusion": ["sum"],
    }
    assert counts == {"ok": 6} and 0.1 < values[0] < 0.6


def test_fusion_example_is_the_identity_at_first(outside, tmp_path):
    code = """
import torch
from bench import registry
from bench.fusion.base import TextContext
fusion = registry.create("fusion", "sum", {"channels": 4, "text_dim": 8})
h = torch.randn(2, 4, 5, 5)
context = TextContext(torch.randn(2, 3, 8), torch.ones(2, 3, dtype=torch.bool), torch.randn(2, 8))
print(torch.equal(fusion(h, context).h, h))
"""
    assert _python(outside, code, tmp_path).strip() == "True"
