"""How many scenes a second are drawn, sampled and read, in processor time of one core."""

from __future__ import annotations

import time

import pytest

from bench.world.detect import detect
from bench.world.render import render
from bench.world.split import split

N = 1000


@pytest.fixture(scope="module")
def scenes():
    return [entry.scene for entry in split("test", N)]


@pytest.mark.benchmark(group="world", timer=time.process_time)
def test_render(benchmark, scenes):
    images = benchmark.pedantic(render, (scenes, range(N)), rounds=7, warmup_rounds=1)
    assert images.shape == (N, 64, 64, 3)
    assert N / benchmark.stats.stats.median >= 5000


@pytest.mark.benchmark(group="world", timer=time.process_time)
def test_sample(benchmark):
    rows = benchmark.pedantic(lambda: list(split("train", N)), rounds=5, warmup_rounds=1)
    assert len(rows) == N
    assert N / benchmark.stats.stats.median >= 2000


@pytest.mark.benchmark(group="world", timer=time.process_time)
def test_detect(benchmark, scenes):
    images = render(scenes, range(N))
    found = benchmark.pedantic(detect, (images,), rounds=5, warmup_rounds=1)
    assert all(f.readable for f in found)
    assert N / benchmark.stats.stats.median >= 300
