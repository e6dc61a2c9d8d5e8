"""All pairwise differences of many systems at once, each on the rows that both have, with linearised errors.

Where all systems have all rows, one product of the influences gives every error: what `paired` finds pair by pair.
Where rows are missing, a pair's estimates are those of its common rows (`common`). Owns no resampling but that of
medians, which have no influence: `simultaneous` makes the intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.stats.bootstrap import RESAMPLES, replicates
from bench.stats.common import Rows, largest_of, on_common
from bench.stats.kernels import Cells, Medians, kernel, matrix
from bench.stats.simultaneous import spreads
from bench.types import Estimator

MEDIAN_DRAWS = RESAMPLES // 4
"""Resamples for the error of a median's difference, which has no linear form."""


@dataclass(frozen=True)
class Differences:
    """Of S systems; a system may be the mean of several runs."""

    values: np.ndarray
    """(S,) estimates, each on its own rows."""
    delta: np.ndarray
    """(S, S) score of i less score of j on their common rows; NaN where there is none."""
    error: np.ndarray
    """(S, S) standard errors; 0 where a difference does not vary, NaN where there is no telling (one group)."""
    influence: np.ndarray
    """(G, S) of each system's own estimate, over the groups of `units`. For a median (draws, S) centred and scaled
    resamples, for blocks (B, S) centred and scaled replicates: the squares add up to the variance in every case."""
    units: np.ndarray
    """(G,) groups, or numbers of blocks or draws."""
    groups: int
    """Resampling units: groups or blocks."""
    runs: np.ndarray
    """(P,) estimates of the runs."""
    apart: np.ndarray
    """(S, S) root of the summed squares of the differences of two influences."""
    rows: bool = True
    """Whether the influences are those of groups, and not draws or blocks."""

    @property
    def factor(self) -> float:
        """What the sum of the squared influences is multiplied by to be a variance."""
        if not self.rows:
            return 1.0
        return self.groups / (self.groups - 1) if self.groups > 1 else np.nan


def differences(
    estimator: Estimator,
    columns: Mapping[str, Any],
    groups: np.ndarray,
    owner: Sequence[int] | np.ndarray | None = None,
) -> Differences:
    """columns: name -> (n, P) of P runs, NaN rows being excluded (for `macro`, tag -> (n,)); groups (n,) whole numbers.

    owner (P,): the system of each run, numbered from 0 without gaps; a system's estimate is the mean of its runs'.
    The spread between runs is no part of the errors.
    """
    made = kernel(estimator, columns, groups)
    count = matrix(estimator, columns, 0).shape[1]
    of = np.arange(count) if owner is None else np.asarray(owner)
    runs = made.values(np.ones((1, made.groups)))[0] if made.groups else np.full(count, np.nan)
    values = averaged(runs[None], of)[0]
    delta = values[:, None] - values
    there, cells = _counted(estimator, columns)
    units = np.unique(np.asarray(groups)[there.any(1)])
    if made.groups < 2:
        flat = np.zeros((made.groups, len(values)))
        return Differences(
            values, delta, np.full(delta.shape, np.nan), flat, units, made.groups, runs, np.zeros(delta.shape)
        )
    complete = bool((there.all(1) == there.any(1)).all())
    rows = None if complete else _rows(estimator, columns, np.asarray(groups), there, cells, of)
    if isinstance(made, Medians):
        return _of_medians(made, rows, values, of, runs)
    own = made.influence()
    assert own is not None
    influence = averaged(own, of)
    apart = spreads(influence)
    if rows is None:
        error = np.sqrt(made.groups / (made.groups - 1)) * apart
    else:
        delta, error = on_common(rows)
    assert isinstance(made, Cells)
    least = _rounding(made, of, rows, delta, error)
    error = np.where(error <= least / np.sqrt(made.groups), 0.0, error)
    error = np.where(np.isfinite(delta), error, np.nan)
    delta = np.where(np.abs(delta) <= least, 0.0, delta)  # equal up to rounding is equal
    return Differences(values, delta, error, influence, units, made.groups, runs, apart)


def _rounding(made: Cells, owner: np.ndarray, rows: Rows | None, delta: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(S, S) what is 0 up to rounding: a part of the largest of a pair's scores, on the rows that count for it."""
    own = np.zeros(len(delta))
    np.maximum.at(own, owner, made.scales)
    least = 1e-12 * np.maximum(own[:, None], own)
    if rows is not None:  # a system's largest row may not be the pair's
        small = (error <= least / np.sqrt(made.groups)) & (error > 0) | (np.abs(delta) <= least) & (delta != 0)
        for i, j in np.argwhere(small):
            least[i, j] = 1e-12 * largest_of(rows, i, j)
    return least


def block_differences(
    values: np.ndarray, blocks: np.ndarray, owner: Sequence[int] | np.ndarray | None = None
) -> Differences:
    """Of a set metric by its delete-a-block values: values (P,), blocks (B, P) with block b left out of each run."""
    of = np.arange(len(values)) if owner is None else np.asarray(owner)
    mean, left = averaged(np.asarray(values)[None], of)[0], averaged(np.asarray(blocks), of)
    count = len(left)
    centred = np.sqrt((count - 1) / count) * (left - left.mean(0))
    apart = spreads(centred)
    error = np.where(apart <= 1e-12 * np.abs(left).max(initial=0.0), 0.0, apart)
    delta = mean[:, None] - mean
    delta = np.where(np.abs(delta) <= 1e-12 * np.abs(mean).max(initial=0.0), 0.0, delta)
    return Differences(mean, delta, error, centred, np.arange(count), count, np.asarray(values), apart, rows=False)


def averaged(columns: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """(r, P) of runs -> (r, S): the mean over each system's runs."""
    count = np.bincount(owner)
    if (count == 1).all():
        return columns[:, np.argsort(owner)]
    sums = np.zeros((len(columns), len(count)))
    np.add.at(sums.T, owner, columns.T)
    return sums / count


def _counted(estimator: Estimator, columns: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Which rows count (n, P), and the cell of each row (n,), -1 for none."""
    there = np.isfinite(matrix(estimator, columns, 0))
    if estimator.kind == "ratio":
        there &= np.isfinite(matrix(estimator, columns, 1))
    if estimator.kind != "macro":
        return there, np.zeros(len(there), dtype=int)
    tags = pd.Series(np.asarray(columns[estimator.columns[1]], dtype=object)).replace("", None)
    cells = np.asarray(pd.factorize(tags, sort=True)[0])
    return there & (cells >= 0)[:, None], cells


def _rows(
    estimator: Estimator, columns: Mapping[str, Any], groups: np.ndarray, there: np.ndarray, cells: np.ndarray,
    owner: np.ndarray,
) -> Rows:  # fmt: skip
    """A system of several runs has the rows that all of them have, with the means of their sums."""
    above = matrix(estimator, columns, 0)
    below = matrix(estimator, columns, 1) if estimator.kind == "ratio" else np.ones_like(above)
    whole = averaged(there.astype(float), owner) == 1
    kept = whole.any(1)
    sums = [np.where(whole, averaged(np.where(there, c, 0.0), owner), 0.0)[kept] for c in (above, below)]
    return Rows(sums[0], sums[1], whole[kept], groups[kept], cells[kept])


def _of_medians(made: Medians, rows: Rows | None, values: np.ndarray, of: np.ndarray, runs: np.ndarray) -> Differences:
    """Errors from joint resamples of the groups, each system on its own rows; deltas on the common rows."""
    drawn = averaged(replicates(made, MEDIAN_DRAWS, 0), of)
    drawn = drawn[np.isfinite(drawn).all(1)]
    scaled = (drawn - drawn.mean(0)) / np.sqrt(max(len(drawn) - 1, 1))
    delta = values[:, None] - values
    if rows is not None:
        for i in range(len(values)):
            both = rows.there & rows.there[:, [i]]
            used = both.any(0)
            mine, theirs = (np.where(both, x, np.nan)[:, used] for x in (rows.above[:, [i]], rows.above))
            delta[i] = np.nan
            delta[i, used] = np.nanmedian(mine, axis=0) - np.nanmedian(theirs, axis=0)
    apart = spreads(scaled)
    error = np.where(np.isfinite(delta), apart, np.nan)
    return Differences(values, delta, error, scaled, np.arange(len(scaled)), made.groups, runs, apart, rows=False)
