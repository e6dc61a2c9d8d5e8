"""Rules over the recorded detections of 100,000 images: below ten seconds."""

from __future__ import annotations

import numpy as np
import pytest

from bench.functional.rules import position_verdicts
from bench.types import Detections

WORDS = ("left of", "right of", "above", "below")


@pytest.mark.benchmark(group="rules")
def test_five_position_rules_over_a_hundred_thousand_images(benchmark):
    rng = np.random.default_rng(0)
    found, asked = [], []
    for i in range(100_000):
        n = int(rng.integers(1, 8))
        corners = np.sort(rng.random((n, 2, 2)), 1).reshape(n, 4)
        labels = tuple(("dog", "cat", "cup", "car")[j] for j in rng.integers(0, 4, n))
        found.append(Detections(corners, labels, rng.random(n)))
        asked.append(("dog", "cat", WORDS[i % 4]))
    benchmark.pedantic(position_verdicts, args=(found, asked), rounds=1)
    assert benchmark.stats is None or benchmark.stats.stats.max < 10
