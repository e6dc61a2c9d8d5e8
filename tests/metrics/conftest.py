"""Synthetic rows for every view that a metric can ask for, and every registered metric at a size that runs at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from bench import registry
from bench.metrics.base import Metric
from bench.types import Detections, PixelFacts, Relation, Sample, Thing, View

SHAPES, COLOURS = ("circle", "square", "star"), ("red", "green", "blue", "grey")
SMALL: dict[str, dict[str, Any]] = {
    "kd": {"subset_size": 20, "subsets": 8},
    "is": {"splits": 3},
    "r-precision": {"candidates": 10},
}
"""Parameters that let a metric run on few rows."""
N, WIDTH, CLASSES = 60, 12, 7


def make(name: str, **params: Any) -> Metric:
    """A metric by name, small."""
    return registry.create("metric", name, {**SMALL.get(name, {}), **params})


def sample(i: int) -> Sample:
    """Two things, the first left of the second; every fifth prompt states no relation, two prompts share a group."""
    things = (
        Thing(SHAPES[i % 3], {"colour": COLOURS[i % 4]}, (4.0, 10.0, 14.0, 20.0)),
        Thing(SHAPES[(i + 1) % 3], {"colour": COLOURS[(i // 4) % 4]}, (34.0, 10.0, 44.0, 20.0)),
    )
    relations = (Relation(0, "left of", 1),) if i % 5 else ()
    return Sample(f"s{i:03d}", f"prompt number {i}", objects=things, relations=relations, group=f"g{i // 2}")


def perfect(one: Sample) -> Detections:
    """What a faultless detector sees in a faultless image of a sample."""
    things = one.objects
    boxes = np.array([t.box for t in things], dtype=np.float64).reshape(-1, 4)
    attributes = tuple(dict(t.attributes) for t in things)
    return Detections(boxes, tuple(t.label for t in things), np.ones(len(things)), attributes, (64, 64))


def spoiled(one: Sample, i: int) -> Detections:
    """In turn: right, nothing found, one thing missing, sides exchanged, another colour, unreadable."""
    full = perfect(one)
    kind = i % 6
    if kind in (1, 5):
        return Detections(np.zeros((0, 4)), (), np.zeros(0), (), (64, 64), readable=kind == 1)
    if kind == 2:
        return Detections(full.boxes[:1], full.labels[:1], full.scores[:1], full.attributes[:1], (64, 64))
    if kind == 3:
        return Detections(full.boxes[::-1].copy(), full.labels, full.scores, full.attributes, (64, 64))
    if kind == 4:
        changed = ({"colour": "pink"}, *full.attributes[1:])
        return Detections(full.boxes, full.labels, full.scores, changed, (64, 64))
    return full


def facts(i: int) -> PixelFacts:
    """Of seven images one is constant, one black; every tenth is a duplicate."""
    low, high = {0: (9, 9), 1: (0, 5)}.get(i % 7, (0, 250))
    return PixelFacts(f"digest {i if i % 10 else 0}", 64, 64, low, high)


def random_rows(n: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def rows(view: View, n: int, seed: int = 0) -> Any:
    """n rows of a view; images and texts of one seed agree in part."""
    samples = [sample(i) for i in range(n)]
    shared = random_rows(n, WIDTH, seed)
    return {
        ("generated", "features"): lambda: shared + random_rows(n, WIDTH, seed + 1),
        ("reference", "features"): lambda: random_rows(n, WIDTH, seed + 2),
        ("generated", "logits"): lambda: 2 * random_rows(n, CLASSES, seed + 3),
        ("prompt", "features"): lambda: shared + random_rows(n, WIDTH, seed + 4),
        ("generated", "detections"): lambda: [spoiled(s, i) for i, s in enumerate(samples)],
        ("generated", "facts"): lambda: [facts(i) for i in range(n)],
        ("sample", "truth"): lambda: samples,
    }[view.subject, view.output]()


def arguments(metric: Metric, n: int = N) -> dict[str, Any]:
    """All arguments of `update`, ids included."""
    given = {name: rows(view, n) for name, view in metric.views().items()}
    return {**given, "ids": [f"s{i:03d}#0" for i in range(n)]}


def take(given: Mapping[str, Any], index: Any) -> dict[str, Any]:
    """The arguments of some rows, in the order of `index`."""
    chosen = list(index)
    return {k: v[chosen] if isinstance(v, torch.Tensor) else [v[i] for i in chosen] for k, v in given.items()}


def values(metric: Metric) -> dict[str, float]:
    """compute() as output -> float."""
    found = metric.compute()
    named = found if isinstance(found, Mapping) else {"value": found}
    return {name: float(value) for name, value in named.items()}


class Kit:
    """The helpers of this folder, for tests (which cannot import each other)."""

    make = staticmethod(make)
    sample = staticmethod(sample)
    perfect = staticmethod(perfect)
    spoiled = staticmethod(spoiled)
    arguments = staticmethod(arguments)
    take = staticmethod(take)
    values = staticmethod(values)
    rows = staticmethod(random_rows)
    n, width = N, WIDTH


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit


Fed = Callable[..., Metric]


@pytest.fixture
def fed() -> Fed:
    """A metric by name that has seen its rows."""

    def feed(name: str, **params: Any) -> Metric:
        metric = make(name, **params)
        metric.update(**arguments(metric))
        return metric

    return feed
