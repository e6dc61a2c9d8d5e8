"""Speed of the reference flow: images a second at its default steps and guidance, and of a step of its training.

Run alone on a quiet machine with `pytest tests/perf/test_generators_perf.py`; images/s are in `extra_info`.
"""

from __future__ import annotations

import pytest
import torch

from bench.generators.reference.flow_model import FlowModel
from bench.generators.reference.fusing import maker
from bench.registry import create
from bench.spec import parse
from bench.training.loop import Training
from bench.training.recipes import How, trainable
from bench.types import Request

LEAST = 20
"""Images a second on two cores, of the default side; 64 pixels are measured and not yet held to it (about 14)."""


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("side", "fusion"), [(32, "attention"), (32, "gated"), (32, "film"), (64, "attention")])
def test_images_a_second(benchmark, monkeypatch, side, fusion):
    """Two batches at the defaults; weights change no speed, so that random ones do."""
    made = create("generator", "flow", {"side": side})
    made.fuse(parse(fusion))
    network = FlowModel(maker(parse(fusion)), side).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    made.__dict__["network"] = network
    requests = [Request(str(i), 0, "a small red circle left of a large blue star", i) for i in range(64)]
    found = benchmark.pedantic(lambda: list(made.generate(requests)), rounds=3, warmup_rounds=1)
    assert len(found) == 64 and found[0].image.shape == (side, side, 3)
    rate = len(requests) / benchmark.stats["min"]
    benchmark.extra_info["images/s"] = round(rate, 1)
    assert rate >= LEAST or side == 64


def test_a_step_of_training(benchmark, tmp_path):
    recipe = trainable("generator:flow", How(steps=1000)).recipe
    steps = iter(Training(recipe, tmp_path))
    next(steps)
    benchmark.pedantic(lambda: next(steps), rounds=8, warmup_rounds=2)
    benchmark.extra_info["rows"] = recipe.rows
    steps.close()
