"""docs/metrics.md is what the metrics declare today, and says of each all that a reader needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench import registry

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_metrics_declare():
    done = subprocess.run(
        [sys.executable, "tools/metrics.py"], capture_output=True, text=True, cwd=ROOT, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == done.stdout, (
        "python tools/metrics.py > docs/metrics.md"
    )


def test_every_metric_has_a_formula():
    for name, entry in registry.entries("metric").items():
        if entry.origin == "built-in":
            assert entry.load().formula, name
