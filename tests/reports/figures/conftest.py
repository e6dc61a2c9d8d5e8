"""Materials that several files of figure tests draw from, made once."""

from __future__ import annotations

import dataclasses
from functools import cache

import pandas as pd
import pytest
from drawn_figures import METRICS, names, table

from bench.reports.comparison.compare import compare
from bench.reports.figures.frames import material_of
from bench.reports.figures.material import Material

CONDITIONS = ("semantic", "spatial relations, with a name of some length", "temporal $x$")
FUSIONS = ("", "+attention(heads=4)", "+gate", "+مولد")


@cache
def crowd_of(count: int, figure: str) -> Material:
    """So many systems with hostile names (series, generators x fusions) for a figure."""
    small = {"prompts": 6, "metrics": METRICS[:1]}
    if figure == "conditions":
        return material_of(pd.concat([table(count, condition=c, **small) for c in CONDITIONS]))
    if figure == "curve":
        some = max(count // 3, 1)
        lines = [table(some, x=x, **small).assign(value=lambda t, x=x: t["value"] - x) for x in (0.0, 1.0, 2.5)]
        return material_of(pd.concat(lines))
    if figure == "fusion":
        generators = [names(8)[i % 8] + (f" {i}" if i > 7 else "") for i in range(max(count // 4, 1))]
        crossed = [g + f for g in generators for f in FUSIONS[: max(min(count, 4), 2)]]
        return material_of(table(0, titles=crossed, **small))
    return _plain(count)


@cache
def _plain(count: int) -> Material:
    return material_of(table(count))


@pytest.fixture(scope="session")
def crowd():
    """(number of systems, figure) -> material with hostile names, each made once."""
    return crowd_of


@pytest.fixture(scope="session")
def pair(maker, tmp_path_factory) -> Material:
    """Two runs on disk, the first one better, with images and a control."""
    make = maker(tmp_path_factory.mktemp("pair") / "runs")
    runs = [make("ours", skill=0.8, seed=1, n=24), make("theirs", seed=2, n=24),
            make("noise", seed=3, n=24, skill=-2, control=True)]  # fmt: skip
    found = compare(runs)
    return Material(found, found.tables)


@pytest.fixture
def of(pair):
    """The pair's material with other choices."""

    def made(**changes) -> Material:
        return dataclasses.replace(pair, **changes)

    return made
