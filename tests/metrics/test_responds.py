"""What the cards say that metrics respond to, held against images with that defect: each claim moves its metric, in
step with the share of defective images, and nothing else moves it.

The scenes have exact truth and an analytic detector, so that a metric may not lean on a trained judge. Set metrics of
image features are held to their claims by the engine's run of the same systems.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

from bench import registry
from bench.formats.images import pixel_digest
from bench.spec import seed_for
from bench.types import PixelFacts
from bench.world.defects import plant
from bench.world.render import render
from bench.world.split import scene_at

N = 160
PLANTED = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side")
CONTROLS = ("shuffled", "constant", "noise")
NAMES = (
    "object-presence", "counting", "attribute-binding", "spatial-relation", "box-overlap", "clipscore", "r-precision",
    "retrieval", "collapse",
)  # fmt: skip
PARAMS = {"r-precision": {"candidates": 50, "extractor": "scene-facts"}}
GRAZED = {"r-precision": 0.03}
"""How much defects that are not claimed may move a metric: few of the random mismatches differ in number or side."""


@cache
def _samples():
    return tuple(registry.create("dataset", "scenes", {"split": "test", "size": N}))


@cache
def _extractor(name):
    return registry.create("extractor", name, {})


@cache
def _images(system: str, p: float) -> tuple[np.ndarray, ...]:
    if system == "shuffled":
        return tuple(np.roll(np.stack(_images("oracle", 1)), 7, axis=0))
    if system == "constant":
        return tuple(np.full((N, 64, 64, 3), 128, np.uint8))
    if system == "noise":
        return tuple(np.random.default_rng(0).integers(0, 256, (N, 64, 64, 3), dtype=np.uint8))
    seeds = [seed_for(0, s.id, 0) for s in _samples()]
    scenes = [scene_at("test", i).scene for i in range(N)]
    if system in PLANTED:
        scenes = [plant(scene, system, p, seed) for scene, seed in zip(scenes, seeds, strict=True)]
    return tuple(render(scenes, seeds))


@cache
def _views(system: str, p: float):
    images = list(_images(system, p))
    facts = [PixelFacts(pixel_digest(i), 64, 64, int(i.min()), int(i.max())) for i in images]
    return {
        "found": _extractor("scene-detector").extract_images(images)["detections"],
        "image": _extractor("scene-facts").extract_images(images)["features"],
        "text": _extractor("scene-facts").extract_texts([s.prompt for s in _samples()])["features"],
        "facts": facts,
        "truth": list(_samples()),
    }


@cache
def _scores(name: str, system: str, p: float = 1.0) -> dict[str, float]:
    """Output -> score, turned so that more is better; no number counts as the worst."""
    metric = registry.create("metric", name, PARAMS.get(name, {}))
    views = _views(system, p)
    metric.update(**{argument: views[argument] for argument in metric.views()}, ids=[s.id for s in _samples()])
    found = metric.compute()
    named = {"value": found} if isinstance(found, torch.Tensor) else found
    scores = {o.name: float(named[o.name]) * (1 if o.direction == "higher" else -1) for o in metric.outputs}
    return {k: v if math.isfinite(v) else -math.inf for k, v in scores.items() if k != "seeds-ignored"}


def _claims(name: str) -> tuple[str, ...]:
    return registry.load("metric", name).responds_to


@pytest.mark.parametrize("name", NAMES)
def test_no_system_beats_the_oracle(name):
    best = _scores(name, "oracle")
    for system in (*PLANTED, *CONTROLS):
        for output, score in _scores(name, system).items():
            assert score <= best[output] + 1e-9, (system, output)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_moves_what_responds_to_it_and_nothing_else(name, defect):
    best, half, full = _scores(name, "oracle"), _scores(name, defect, 0.5), _scores(name, defect)
    if defect in _claims(name):
        assert any(full[o] < half[o] < best[o] for o in best), (best, half, full)
    else:
        for output in best:
            assert full[output] == pytest.approx(best[output], abs=GRAZED.get(name, 0.005)), output


@pytest.mark.parametrize("name", [n for n in NAMES if n != "collapse"])
@pytest.mark.parametrize("control", CONTROLS)
def test_controls_bring_prompt_metrics_down(name, control):
    assert control in _claims(name)
    best, found = _scores(name, "oracle"), _scores(name, control)
    low = {o.name: o.low for o in registry.create("metric", name, PARAMS.get(name, {})).outputs}
    assert any(low[o] is not None and found[o] - low[o] < 0.45 * (best[o] - low[o]) for o in best)


def test_collapse_tells_constant_images_from_all_others():
    for system in (*PLANTED, "shuffled", "noise", "oracle"):
        assert set(_scores("collapse", system).values()) == {0.0}, system
    assert _scores("collapse", "constant") == {"constant": -1, "black": 0, "duplicates": -1}
