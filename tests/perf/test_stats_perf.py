"""How long the resampling of a whole board takes."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats import bootstrap as module
from bench.types import Estimator

SYSTEMS, PROMPTS, RESAMPLES = 40, 1632, 2000


@pytest.mark.benchmark(group="stats")
def test_joint_bootstrap_of_a_board(benchmark):
    columns = {"x": np.random.default_rng(0).normal(size=(PROMPTS, SYSTEMS))}
    groups = np.array([f"p{i}" for i in range(PROMPTS)], dtype=object)

    def whole():
        module._whole.cache_clear()
        return module.bootstrap(Estimator("mean", ("x",)), columns, groups, resamples=RESAMPLES)

    found = benchmark.pedantic(whole, rounds=5, warmup_rounds=1)
    assert found.shape == (RESAMPLES, SYSTEMS)
    assert benchmark.stats.stats.median < 1.0
