"""Every registered metric at a size that runs at once, fed with the synthetic rows of the conformance suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import registry
from bench.conformance import rows as synthetic
from bench.metrics.base import Metric

SMALL: dict[str, dict[str, Any]] = {
    "kd": {"subset_size": 20, "subsets": 8},
    "is": {"splits": 3},
    "r-precision": {"candidates": 10},
    "discriminator-score": {"extractor": "judge"},
    "vqascore": {"extractor": "judge"},
    "t2i-compbench-3d": {"depth_extractor": "judge"},
    "text-rendering": {"extractor": "reader"},
    "category-compatibility": {"classes": str(Path(__file__).with_name("classes.txt"))},
    "ffid": {"least": 2},
}
"""Parameters that let a metric run on few rows."""


def make(name: str, **params: Any) -> Metric:
    """A metric by name, small."""
    return registry.create("metric", name, {**SMALL.get(name, {}), **params})


class Kit:
    """The helpers of this folder, for tests (which cannot import each other)."""

    make = staticmethod(make)
    sample = staticmethod(synthetic.sample)
    perfect = staticmethod(synthetic.perfect)
    spoiled = staticmethod(synthetic.spoiled)
    arguments = staticmethod(synthetic.arguments)
    take = staticmethod(synthetic.take)
    values = staticmethod(synthetic.values)
    rows = staticmethod(synthetic.random_rows)
    n, width = synthetic.N, synthetic.WIDTH


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit


Fed = Callable[..., Metric]


@pytest.fixture
def fed() -> Fed:
    """A metric by name that has seen its rows."""

    def feed(name: str, **params: Any) -> Metric:
        metric = make(name, **params)
        metric.update(**synthetic.arguments(metric))
        return metric

    return feed
