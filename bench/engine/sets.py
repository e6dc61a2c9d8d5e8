"""Scores of image sets: their value, and how sure it is.

Where a metric knows the influence of a single image, the score is the mean of contributions (value + influence), which
are kept in samples.parquet like any other column: intervals, paired differences and the prompts that cost most follow
as for means. Elsewhere the metric's values with a block of prompts left out are kept (delete-a-block jackknife).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.engine.plan import BLOCKS
from bench.engine.table import Rows
from bench.errors import TooFew
from bench.stats.bootstrap import interval
from bench.stats.jackknife import jackknife_interval
from bench.types import Estimator, MetricCard, OutputCard, Score, contribution


def of_set(
    card: MetricCard, metric: Any, value: Mapping[str, float], base: Score, rows: Rows, block: np.ndarray
) -> tuple[list[Score], dict[str, np.ndarray]]:
    """Scores of a fed set metric, and a column of contributions for each output that has them.

    value: output -> value; block (n,): jackknife block of each entry that the metric was fed.
    """
    influence = _influence(metric)
    columns = {contribution(name): rows.shared(value[name], v) for name, v in influence.items()}
    left_out = {} if len(influence) == len(card.outputs) else _replicates(metric, block)
    scores = []
    for output in card.outputs:
        one = dataclasses.replace(base, output=output.name, value=value[output.name])
        column = columns.get(contribution(output.name))
        if column is not None:
            scores.append(_of_influence(output, one, column, rows))
        else:
            scores.append(_of_blocks(output, one, left_out.get(output.name)))
    return scores, columns


def _influence(metric: Any) -> Mapping[str, np.ndarray]:
    """Nothing where the metric says that there are too few rows for it."""
    try:
        return metric.influence()
    except TooFew:
        return {}


def _replicates(metric: Any, block: np.ndarray) -> Mapping[str, np.ndarray]:
    """Nothing where a block is empty or a replicate would have too few rows."""
    try:
        return (metric.replicates(block.tolist()) or {}) if len(set(block.tolist())) == BLOCKS else {}
    except TooFew:
        return {}


def _of_influence(output: OutputCard, score: Score, column: np.ndarray, rows: Rows) -> Score:
    low, high, method = interval(
        Estimator("mean", ("x",)), {"x": column}, rows.groups, proportion=(output.low, output.high) == (0.0, 1.0)
    )
    ends = within(output, low, high)
    return dataclasses.replace(score, low=ends[0], high=ends[1], method=f"influence of images, {method}")


def _of_blocks(output: OutputCard, score: Score, replicates: np.ndarray | None) -> Score:
    if replicates is None:
        return dataclasses.replace(score, method="no interval: too few images")
    assert score.value is not None
    left_out = tuple(float(v) for v in replicates)
    low, high, method = jackknife_interval(score.value, left_out)
    ends = within(output, low, high)
    return dataclasses.replace(score, low=ends[0], high=ends[1], method=method, replicates=left_out)


def within(output: OutputCard, low: float, high: float) -> tuple[float | None, float | None]:
    """Interval ends within the output's bounds; None where there is no interval."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return None, None
    return (
        float(low if output.low is None else max(low, output.low)),
        float(high if output.high is None else min(high, output.high)),
    )
