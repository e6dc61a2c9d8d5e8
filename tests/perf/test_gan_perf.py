"""How many images a second the adversarial generators draw, in processor time of one core: threads of a busy machine
wait for each other."""

from __future__ import annotations

import time

import pytest
import torch

from bench import registry
from bench.generators.reference.gan_nets import latents
from bench.generators.reference.text import ids_of

N, BATCH = 512, 64
LEAST = 500
"""Images a second; the bar is for two cores, one must do."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["cgan", "iten", "cman", "wirn", "titan"])
@pytest.mark.benchmark(group="gan", timer=time.process_time)
def test_images_a_second(benchmark, name):
    """With the weights that a network is made with: how long a pass takes does not depend on them."""
    painter = registry.create("generator", name, {}).build().painter.eval().to(memory_format=torch.channels_last)
    ids = ids_of(["a red circle left of a blue square"] * BATCH)
    seeds = list(range(N))

    def draw():
        with torch.inference_mode():
            return [painter(latents(seeds[at : at + BATCH]), ids).images for at in range(0, N, BATCH)]

    images = benchmark.pedantic(draw, rounds=5, warmup_rounds=1)
    assert images[0].shape == (BATCH, 3, 32, 32)
    assert N / benchmark.stats.stats.median >= LEAST
