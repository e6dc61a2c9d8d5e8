"""How long a leaderboard of 200 runs x 30 metrics x 1,632 prompts takes: as a call, and as a whole process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from board_runs import write_board_runs

from bench.reports.board.make import leaderboard
from bench.reports.exports.board_forms import files
from bench.stats.pairwise import differences
from bench.stats.simultaneous import deviations, reaches, spreads
from bench.types import Estimator

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS, METRICS, PROMPTS, PRIMARY = 200, 30, 1632, 5


@pytest.fixture(scope="module", params=[0, 8], ids=["whole", "failed"])
def synthetic(request, tmp_path_factory):
    """board.toml and runs; 'failed': every run lacks eight images, other ones in each."""
    return write_board_runs(
        tmp_path_factory.mktemp("board"), systems=SYSTEMS, metrics=METRICS, prompts=PROMPTS, primary=PRIMARY,
        failed=request.param,
    )  # fmt: skip


@pytest.mark.benchmark(group="board")
def test_the_board(benchmark, synthetic):
    board, runs = synthetic
    found = benchmark.pedantic(lambda: leaderboard(board, runs), rounds=2, warmup_rounds=1)
    assert len(found.ranked) == SYSTEMS and len(found.columns) == METRICS and len(found.pairs) == METRICS
    assert sum(not p.exploratory for p in found.pairs.values()) == PRIMARY
    assert benchmark.stats.stats.min < 6.0


@pytest.mark.benchmark(group="board")
def test_its_exports(benchmark, synthetic):
    found = leaderboard(*synthetic)
    made = benchmark.pedantic(lambda: files(found), rounds=2)
    assert len(made) == 5 and benchmark.stats.stats.min < 3.0


@pytest.mark.benchmark(group="board")
def test_the_whole_process(benchmark, synthetic, tmp_path):
    """`bench leaderboard board.toml RUNS --out SITE`: imports, reading, statistics, page and files."""
    board, runs = synthetic
    out = str(tmp_path / "s")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def process():
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bench", "leaderboard", str(board), str(Path(runs[0]).parent), "--out", out],
            env=environment, capture_output=True, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return time.perf_counter() - began

    benchmark.pedantic(process, rounds=2)
    assert benchmark.stats.stats.min < 8.0
    assert (tmp_path / "s" / "index.html").stat().st_size <= 3_000_000


@pytest.mark.benchmark(group="board-statistics")
@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("share", [0.0, 0.005])
def test_all_pairs_of_a_column(benchmark, repeats, share):
    """The worst case of 0.5 %: single images of a prompt are missing, other ones in each system."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(PROMPTS, SYSTEMS))
    x = np.where(rng.random(x.shape) < share, np.nan, x)
    groups = np.repeat(np.arange(PROMPTS // repeats), repeats)
    found = benchmark.pedantic(lambda: differences(Estimator("mean", ("x",)), {"x": x}, groups), rounds=3)
    assert np.isfinite(found.error).all() and benchmark.stats.stats.min < 2.0


@pytest.mark.benchmark(group="board-statistics")
def test_max_t_of_a_column(benchmark):
    influence = np.random.default_rng(0).normal(size=(PROMPTS, SYSTEMS)) / PROMPTS
    spread = spreads(influence)
    found = benchmark.pedantic(lambda: reaches(deviations(influence), spread, 0.95), rounds=3, warmup_rounds=1)
    assert (found > 3).all() and benchmark.stats.stats.min < 1.0
