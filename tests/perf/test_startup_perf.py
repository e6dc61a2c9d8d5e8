"""Start-up: `bench --help` under 0.25 s and `bench list metrics` under 0.5 s, and what they do not import.

Best of seven processes, since what is asked is what the command costs and not what else the machine does. Interpreter
start-up is part of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(("line", "limit"), [(["--help"], 0.25), (["list", "metrics"], 0.5)], ids=["help", "list"])
def test_a_command_answers_in_time(line: list[str], limit: float, benchmark, tmp_path: Path) -> None:
    def once() -> None:
        command = [sys.executable, "-m", "bench", *line]
        subprocess.run(command, check=True, env=ENVIRONMENT, cwd=tmp_path, stdout=subprocess.DEVNULL)

    began = time.perf_counter()
    once()
    best = time.perf_counter() - began
    benchmark.pedantic(once, rounds=7, iterations=1)
    if benchmark.stats is not None:
        best = min(best, benchmark.stats.stats.min)
    assert best < limit
