"""How many images a second the adversarial generators draw on two cores. Run alone on a quiet machine."""

from __future__ import annotations

import pytest
import torch

from bench import registry
from bench.generators.reference.gan_nets import latents
from bench.generators.reference.text import ids_of

N, BATCH = 512, 64
LEAST = 500
"""Images a second."""


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["cgan", "iten", "cman", "wirn", "titan"])
@pytest.mark.benchmark(group="gan")
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
